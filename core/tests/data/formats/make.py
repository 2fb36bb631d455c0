"""Makes the files of this folder: the same responses in every form that laboratories keep.

Needs numpy, joblib, h5py, tables, nibabel. Versions that made what is here: see versions.json.
Run it in this folder: python make.py
"""

import collections
import gzip
import json
import pickle
import sys
import types

import h5py
import joblib
import nibabel
import numpy as np
import tables

N_SCANS, SIZE = 7, (4, 3, 2)
generator = np.random.default_rng(0)
volumes = generator.standard_normal((N_SCANS,) + SIZE[::-1]).round(3)  # (t, z, y, x)
mask = generator.random(SIZE[::-1]) > 0.4  # (z, y, x)
responses = volumes[:, mask].astype("f4")  # columns in C order of (z, y, x)
other = (responses[:5] * 2 + 1).astype("f8")
stories = {"alpha": responses, "beta": other}

np.savez("expected.npz", alpha=responses, beta=other)

# NumPy
np.savez_compressed("stories_compressed.npz", **stories)
np.save("fortran_big_endian.npy", np.asfortranarray(responses.astype(">f8")))
np.save("half.npy", responses.astype("f2"))

# joblib and pickle
joblib.dump(stories, "stories.jbl")
for name in ["zlib", "gzip", "bz2", "xz", "lzma", "lz4"]:
    try:
        joblib.dump(stories, f"stories_{name}.jbl", compress=(name, 3))
    except ValueError as error:
        print(name, error, file=sys.stderr)
joblib.dump({"alpha": np.asfortranarray(responses), "beta": other.astype(">f8")}, "orders.jbl")
for protocol in range(6):
    with open(f"protocol_{protocol}.pkl", "wb") as file:
        pickle.dump(stories, file, protocol=protocol)
with open("ordered.pkl", "wb") as file:
    pickle.dump(collections.OrderedDict(stories), file, protocol=4)

# HDF5
with tables.open_file("alpha.hf5", "w") as file:
    filters = tables.Filters(complevel=5, complib="zlib", shuffle=True)
    file.create_carray("/", "data", obj=responses, filters=filters, chunkshape=(3, 4))
with tables.open_file("blosc.hf5", "w") as file:
    filters = tables.Filters(complevel=5, complib="blosc", shuffle=True)
    file.create_carray("/", "data", obj=responses, filters=filters)
with h5py.File("stories.h5", "w") as file:
    for name, array in stories.items():
        file.create_dataset(name, data=array, compression="lzf", chunks=(2, 5))
with h5py.File("contiguous.h5", "w") as file:
    file["data"] = responses.astype(">f4")
    file["note"] = np.arange(3)

# NIfTI: axes x, y, z, t
affine = np.diag([2.0, 2.0, 2.0, 1.0])
image = nibabel.Nifti1Image(volumes.T.astype("f4"), affine)
image.header.set_xyzt_units("mm", "sec")
image.header["pixdim"][4] = 2.0045
nibabel.save(image, "volumes.nii.gz")
nibabel.save(image, "volumes.nii")
scaled = nibabel.Nifti1Image(np.zeros(SIZE + (N_SCANS,), "i2"), affine)
scaled.header.set_xyzt_units("mm", "msec")
scaled.header["pixdim"][4] = 1500.0
stored = (volumes.T * 1000).round().astype("i2")
scaled.header.set_data_dtype("i2")
scaled.header.set_slope_inter(0.001, 0.0)
with open("scaled.nii", "wb") as file:
    scaled.header["vox_offset"] = 352
    scaled.header.write_to(file)
    file.write(stored.tobytes(order="F"))
nibabel.save(nibabel.Nifti1Image(mask.T.astype("u1"), affine), "mask_thick.nii.gz")

# FreeSurfer: a value per vertex and time
nibabel.save(nibabel.MGHImage(responses.T[:, None, None, :].copy(), np.eye(4)), "alpha.mgz")

# GIFTI
for name, encoding in [("ascii", "ASCII"), ("base64", "B64BIN"), ("gzip", "B64GZ")]:
    arrays = [
        nibabel.gifti.GiftiDataArray(
            row, intent="NIFTI_INTENT_TIME_SERIES", encoding=f"GIFTI_ENCODING_{encoding}", datatype="NIFTI_TYPE_FLOAT32"
        )
        for row in responses
    ]
    nibabel.save(nibabel.gifti.GiftiImage(darrays=arrays), f"{name}.func.gii")

# Objects of the laboratory's classes
module = types.ModuleType("laboratory.scans")
sys.modules["laboratory"], sys.modules["laboratory.scans"] = types.ModuleType("laboratory"), module


class TRFile:
    pass


TRFile.__module__, TRFile.__qualname__ = "laboratory.scans", "TRFile"
module.TRFile = TRFile
report = TRFile()
report.trtimes = np.array([0.0, 2.0, 4.0])
report.soundstarttime = 1.25
report.expectedtr = 2.0045
for protocol in [2, 4]:
    with open(f"trfile_{protocol}.pkl", "wb") as file:
        pickle.dump({"alpha": report}, file, protocol=protocol)

# What runs code when Python reads it
class Hostile:
    def __reduce__(self):
        import os

        return os.system, ("true",)


with open("hostile.pkl", "wb") as file:
    pickle.dump({"alpha": Hostile()}, file)

versions = {name: sys.modules[name].__version__ for name in ["numpy", "joblib", "h5py", "tables", "nibabel"]}
with open("versions.json", "w") as file:
    json.dump(versions, file, indent=1)
