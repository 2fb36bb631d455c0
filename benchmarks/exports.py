#!/usr/bin/env python3
"""Whether other programs read what "heschl export" writes: nibabel 5.4 and pycortex 1.4.

usage: exports.py PATH_OF_HESCHL

Exports maps of fsaverage5 and of the tests' subject S1mini in every format, and prints for each file how many values
nibabel or pycortex read, and how many of them differ in a bit from what was exported. The map "left" has values in the
left hemisphere alone: nothing may arrive in the right one. Also reads with "heschl export" what nibabel wrote. Exits
with 1 if anything differs. Needs numpy, nibabel, pycortex.
"""
import gzip, os, shutil, subprocess, sys, tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
ASSETS = ROOT / "core" / "assets" / "fsaverage5"
S1MINI = ROOT / "core" / "tests" / "data" / "brain" / "S1mini"
N = 10242
failures = []


def report(what, found, expected):
    """Compares bits; all NaN are alike."""
    found, expected = np.asarray(found), np.asarray(expected, "f4")
    if found.shape != expected.shape:
        n_other = f"the shape {found.shape}, not {expected.shape}"
        is_good = False
    else:
        found = found.astype("f4")
        same = (found.view("u4") == expected.view("u4")) | (np.isnan(found) & np.isnan(expected))
        n_other = f"{(~same).sum()} of {same.size} values differ"
        is_good = same.all()
    print(f"{what:<58} {n_other}")
    if not is_good:
        failures.append(what)


def check(what, is_good):
    print(f"{what:<58} {'yes' if is_good else 'NO'}")
    if not is_good:
        failures.append(what)


def store(folder):
    """A store of pycortex with both subjects; its settings are read at import."""
    shutil.copytree(S1MINI, folder / "db" / "S1mini")
    surfaces = folder / "db" / "fsaverage5" / "surfaces"
    surfaces.mkdir(parents=True)
    (folder / "db" / "fsaverage5" / "transforms").mkdir()
    for own, theirs in [("pial", "pia"), ("white", "wm"), ("infl", "inflated"), ("flat", "flat")]:
        for side, short in [("left", "lh"), ("right", "rh")]:
            packed = (ASSETS / f"{own}_{side}.gii.gz").read_bytes()
            (surfaces / f"{theirs}_{short}.gii").write_bytes(gzip.decompress(packed))
    os.environ["XDG_CONFIG_HOME"] = str(folder / "settings")
    settings = folder / "settings" / "pycortex"
    settings.mkdir(parents=True)
    (settings / "options.cfg").write_text(f"[basic]\nfilestore = {folder / 'db'}\ndefault_cmap = RdBu_r\n")


class Exporter:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder

    def __call__(self, data, out, *more):
        out = self.folder / out
        command = [self.program, "export", str(data), "--out", str(out), *map(str, more)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{' '.join(command)}\n{done.stderr}")
        return out


def surfaces(export, folder, both, left):
    import nibabel as nib

    maps = folder / "maps.npz"
    np.savez(maps, both=both, left=left)
    names = ["--map", "both", "--map", "left"]
    sides = {"lh": slice(0, N), "rh": slice(N, None)}
    export(maps, "x.func.gii", *names)
    export(maps, "x.mgh", *names)
    export(maps, "x.mgz", *names)
    for short, part in sides.items():
        gifti = nib.load(folder / f"{short}.x.func.gii")
        for array, (name, values) in zip(gifti.darrays, [("both", both), ("left", left)]):
            report(f"GIFTI {short} {array.meta['Name']} (nibabel)", array.data, values[part])
            check(f"GIFTI {short}: the name is {name}", array.meta["Name"] == name)
        structure = {"lh": "CortexLeft", "rh": "CortexRight"}[short]
        check(f"GIFTI {short} is of {structure}", gifti.meta["AnatomicalStructurePrimary"] == structure)
        for ending in ("mgh", "mgz"):
            image = nib.load(folder / f"{short}.x.{ending}")
            check(f"{ending} {short} is {N} × 1 × 1 × 2", image.shape == (N, 1, 1, 2))
            for frame, values in enumerate([both, left]):
                report(f"{ending} {short} frame {frame} (nibabel)", np.asarray(image.dataobj)[:, 0, 0, frame], values[part])
    cifti(export(maps, "x.dscalar.nii", *names), both, left)
    freesurfer(export, folder, both)
    return maps


def cifti(path, both, left):
    import nibabel as nib

    image = nib.load(path)
    check("CIFTI is a Cifti2Image", isinstance(image, nib.Cifti2Image))
    scalars, models = (image.header.get_axis(axis) for axis in (0, 1))
    check("CIFTI: the names are both, left", list(scalars.name) == ["both", "left"])
    values = np.asarray(image.dataobj)
    for row, expected in enumerate([both, left]):
        found = np.full(2 * N, np.nan, "f4")
        for structure, part, model in models.iter_structures():
            first = {"CIFTI_STRUCTURE_CORTEX_LEFT": 0, "CIFTI_STRUCTURE_CORTEX_RIGHT": N}[structure]
            check(f"CIFTI {structure} has {N} vertices", model.nvertices[structure] == N)
            found[first + model.vertex] = values[row, part]
        report(f"CIFTI {scalars.name[row]} (nibabel)", found, expected)


def freesurfer(export, folder, both):
    import nibabel as nib

    whole = np.full(2 * N, np.nan, "f4")
    whole[:N:3], whole[N + 5 :: 7] = 2, 11
    np.savez(folder / "layer.npz", layer=whole)
    export(folder / "layer.npz", "lh.x.annot", "--map", "layer")
    export(folder / "layer.npz", "x.label", "--map", "layer", "--threshold", "5")
    for short, part, value in [("lh", slice(0, N), 2), ("rh", slice(N, None), 11)]:
        labels, _, names = nib.freesurfer.read_annot(folder / f"{short}.x.annot")
        found = np.array([np.nan] + [float(name.split()[-1]) for name in names], "f4")[labels + 1]
        report(f"annot {short} (nibabel)", found, whole[part])
    check("label: the left hemisphere has none", not (folder / "lh.x.label").exists())
    vertices, values = nib.freesurfer.read_label(folder / "rh.x.label", read_scalars=True)
    report("label rh, vertices (nibabel)", vertices, np.flatnonzero(whole[N:] >= 5))
    report("label rh, values (nibabel)", values, np.full(len(vertices), 11))
    export(folder / "maps.npz", "lh.both.label", "--map", "both")
    vertices, values = nib.freesurfer.read_label(folder / "lh.both.label", read_scalars=True)
    report("label lh, all values (nibabel)", values, both[:N][vertices])


def volumes(export, folder, volume):
    import nibabel as nib

    np.save(folder / "volume.npy", volume)
    subject = ["--subject", S1MINI, "--xfm", "fullhead"]
    reference = nib.load(S1MINI / "transforms" / "fullhead" / "reference.nii.gz")
    for name in ("v.nii", "v.nii.gz"):
        image = nib.load(export(folder / "volume.npy", name, *subject))
        report(f"{name} (nibabel)", np.asarray(image.dataobj).T, volume)
        check(f"{name}: the affine is that of the reference", np.array_equal(image.affine, reference.affine))
        check(f"{name}: units are mm", image.header.get_xyzt_units()[0] == "mm")
    mask = np.asarray(nib.load(S1MINI / "transforms" / "fullhead" / "mask_thick.nii.gz").dataobj).T != 0
    np.save(folder / "masked.npy", volume[mask])
    image = nib.load(export(folder / "masked.npy", "masked.nii.gz", *subject))
    report("masked values as NIfTI (nibabel)", np.asarray(image.dataobj).T, np.where(mask, volume, np.nan))
    # The table has the values in the order of NumPy's array.
    rows = np.genfromtxt(export(folder / "volume.npy", "v.csv", *subject), delimiter=",", names=True)
    found = np.full(volume.size, np.nan, "f4")
    found[rows["index"].astype(int)] = rows["volume"]
    report("CSV of voxels (numpy)", found.reshape(volume.shape), volume)
    return export(folder / "volume.npy", "v.hf5", *subject)


def pycortex(vertices, volume_file, both, left, volume):
    import cortex

    dataset = cortex.load(str(vertices))
    for name, values in [("both", both), ("left", left)]:
        view = dataset[name]
        check(f"hf5 {name} is a Vertex of fsaverage5", type(view) is cortex.Vertex and view.subject == "fsaverage5")
        report(f"hf5 {name} (pycortex)", view.data, values)
        report(f"hf5 {name}, left (pycortex)", view.left, values[:N])
        report(f"hf5 {name}, right (pycortex)", view.right, values[N:])
    view = cortex.load(str(volume_file))["volume"]
    check("hf5 volume is a Volume of S1mini, fullhead", type(view) is cortex.Volume and view.xfmname == "fullhead")
    report("hf5 volume (pycortex)", view.data, volume)
    saved = volume_file.with_name("again.hf5")
    cortex.Dataset(again=view).save(str(saved))
    report("hf5 volume, saved again (pycortex)", cortex.load(str(saved))["again"].data, volume)


def written_by_others(export, folder, both):
    """Files by nibabel are read: exported as CIFTI and read again."""
    import nibabel as nib

    def arrived(what, data, *more):
        image = nib.load(export(data, "again.dscalar.nii", *more))
        models = image.header.get_axis(1)
        found = np.full(2 * N, np.nan, "f4")
        for structure, part, model in models.iter_structures():
            found[(0 if "LEFT" in structure else N) + model.vertex] = np.asarray(image.dataobj)[0, part]
        report(what, found, both)

    for short, part in [("lh", both[:N]), ("rh", both[N:])]:
        array = nib.gifti.GiftiDataArray(part, intent="NIFTI_INTENT_NONE", datatype="NIFTI_TYPE_FLOAT32")
        nib.save(nib.gifti.GiftiImage(darrays=[array]), folder / f"{short}.n.shape.gii")
        nib.save(nib.MGHImage(part.reshape(N, 1, 1), np.eye(4)), folder / f"{short}.n.mgz")
    arrived("read from nibabel's GIFTI, left named", folder / "lh.n.shape.gii")
    arrived("read from nibabel's GIFTI, right named", folder / "rh.n.shape.gii")
    arrived("read from nibabel's mgz", folder / "rh.n.mgz")
    np.save(folder / "n.npy", both)
    arrived("read from NumPy's npy", folder / "n.npy")
    model = lambda mask, side: nib.cifti2.BrainModelAxis.from_mask(mask, name=f"cortex_{side}")
    elsewhere = nib.cifti2.BrainModelAxis.from_mask(np.ones((2, 2, 2)), "thalamus_left", np.eye(4))
    known = ~np.isnan(both)
    models = elsewhere + model(known[N:], "right") + model(known[:N], "left")
    values = np.concatenate([np.zeros(8, "f4"), both[N:][known[N:]], both[:N][known[:N]]])
    axes = (nib.cifti2.ScalarAxis(["zero", "r"]), models)
    image = nib.Cifti2Image(np.stack([0 * values, values]).astype("f4"), axes)
    nib.save(image, folder / "n.dscalar.nii")
    arrived("read from nibabel's CIFTI, a map of two", folder / "n.dscalar.nii", "--map", "r")


def main(program):
    noise = np.random.default_rng(24)
    both = noise.normal(size=2 * N).astype("f4")
    both[::11] = np.nan
    left = both.copy()
    left[N:] = np.nan
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        store(folder)
        import nibabel as nib

        shape = nib.load(S1MINI / "transforms" / "fullhead" / "reference.nii.gz").shape[::-1]
        volume = noise.normal(size=shape).astype("f4")
        volume[0, 0, :2] = np.nan
        export = Exporter(program, folder)
        maps = surfaces(export, folder, both, left)
        dataset = export(maps, "x.hf5", "--map", "both", "--map", "left")
        volume_file = volumes(export, folder, volume)
        pycortex(dataset, volume_file, both, left, volume)
        written_by_others(export, folder, both)
    print(f"{len(failures)} failures")
    sys.exit(bool(failures))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
