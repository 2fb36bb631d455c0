"""Writes cuts.bin: where the medial wall and the cuts of autoflatten 1.0.7 lie on the sphere of fsaverage.

python make.py fsaverage_cuts_template.json FREESURFER_SUBJECTS/fsaverage; needs numpy and nibabel.

Per hemisphere, left first, seven lists: the vertices of the medial wall that touch others, the others that touch them, and the
five cuts. A list is its length as uint32 and x, y, z of each vertex as float32, little-endian. A place belongs to the wall if the
nearest vertex of the first two lists is one of the first: the rest of the wall lies behind its rim.
"""
import json
import struct
import sys

import numpy as np
from nibabel.freesurfer import read_geometry

CUTS = ["calcarine", "medial1", "medial2", "medial3", "temporal"]
template = json.load(open(sys.argv[1]))
with open("cuts.bin", "wb") as out:
    for side in ["lh", "rh"]:
        points, triangles = read_geometry(f"{sys.argv[2]}/surf/{side}.sphere.reg")
        in_wall = np.zeros(len(points), bool)
        in_wall[template[f"{side}_mwall"]] = True
        corners = in_wall[triangles]
        at_rim = np.unique(triangles[corners.any(1) & ~corners.all(1)])
        lists = [at_rim[in_wall[at_rim]], at_rim[~in_wall[at_rim]]]
        lists += [np.sort(template[f"{side}_{cut}"]) for cut in CUTS]
        for vertices in lists:
            out.write(struct.pack("<I", len(vertices)))
            out.write(points[vertices].astype("<f4").tobytes())
        print(side, [len(vertices) for vertices in lists])
