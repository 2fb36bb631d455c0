# Datasets as pycortex 1.4 writes them: a volume, a masked vector, values of vertices, and a map of two arrays.
import sys, os, json
import numpy as np, nibabel, cortex
from cortex.database import db
store = db.filestore
sub = os.path.join(store, 'tiny'); 
os.makedirs(os.path.join(sub,'transforms','scan'), exist_ok=True); os.makedirs(os.path.join(sub,'surfaces'), exist_ok=True)
shape=(3,4,5)  # z, y, x
img=nibabel.Nifti1Image(np.zeros(shape[::-1],'f4'), np.eye(4)); img.to_filename(os.path.join(sub,'transforms','scan','reference.nii.gz'))
json.dump(dict(coord=np.eye(4).tolist(), magnet=np.eye(4).tolist()), open(os.path.join(sub,'transforms','scan','matrices.xfm'),'w'))
pts=np.array([[0,0,0],[1,0,0],[0,1,0],[0,0,1.]],'f4'); tri=np.array([[0,1,2],[0,1,3]],'i4')
from cortex import formats
for h in ('lh','rh'):
    for k in ('wm','pia'):
        formats.write_gii(os.path.join(sub,'surfaces',f'{k}_{h}.gii'), pts, tri)
db.reload_subjects()
vol=np.arange(60,dtype='f4').reshape(shape)/8; vol[0,0,0]=np.nan
mask=(np.arange(60).reshape(shape)%7==0)
os.makedirs(os.path.join(sub,'transforms','scan'),exist_ok=True)
v=cortex.Volume(vol,'tiny','scan')
lin=cortex.Volume(np.arange(mask.sum(),dtype='f8')*2,'tiny','scan',mask=mask)
vert=cortex.Vertex(np.arange(8.).astype('f4')-3,'tiny')
two=cortex.Volume2D(v, cortex.Volume(vol*2,'tiny','scan'))
ds=cortex.Dataset(volume=v, masked=lin, vertices=vert, two=two)
ds.save(sys.argv[1]); print(os.path.getsize(sys.argv[1]))
