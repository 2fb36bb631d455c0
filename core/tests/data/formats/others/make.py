"""Makes the files of this folder: what other laboratories' programs write, and files that are not as they say.

The values are those of ../expected.npz ("alpha") unless said otherwise.
Needs numpy, joblib, h5py, hdf5plugin, tables, nibabel; made with numpy 2.4.6, joblib 1.6.0, h5py 3.16.0, hdf5plugin 7.1.0,
tables 3.11.1, nibabel 5.4.2. Run it in this folder: python make.py
"""

import gzip
import json
import lzma
import os
import zlib

import h5py
import hdf5plugin
import joblib
import nibabel
import numpy as np
import tables

responses = np.load("../expected.npz")["alpha"]
other = np.load("../expected.npz")["beta"]
N_SCANS, N_VOXELS = responses.shape
volumes = np.asarray(nibabel.load("../volumes.nii").dataobj)  # (x, y, z, t)
mask = np.asarray(nibabel.load("../mask_thick.nii.gz").dataobj) > 0
affine = np.diag([2.0, 2.0, 2.0, 1.0])


# NIfTI
nibabel.save(nibabel.Nifti2Image(volumes, affine), "nifti2.nii.gz")
big = nibabel.Nifti2Header(endianness=">")
nibabel.save(nibabel.Nifti2Image(volumes, affine, big), "nifti2_big.nii")
nibabel.save(nibabel.Nifti1Image(volumes[:, :, :, None, :], affine), "xyz1t.nii")
nibabel.save(nibabel.Nifti1Pair(volumes, affine), "pair.img")


def changed(name, entries, values=responses.T[:, None, None, :], append=b""):
    """An image of the responses as a surface, with entries of its header set against the rules."""
    image = nibabel.Nifti1Image(np.ascontiguousarray(values.astype("f4")), np.eye(4))
    content = bytearray(image.to_bytes())
    for at, kind, value in entries:
        raw = np.array(value, kind).tobytes()
        content[at : at + len(raw)] = raw
    with open(name, "wb") as file:
        file.write(bytes(content) + append)


changed("long_axis.nii", [(42, "<i2", -1), (144, "<i4", N_VOXELS)])
changed("long_axis_without_length.nii", [(42, "<i2", -1)])
changed("negative_axis.nii", [(42, "<i2", -25536)])
changed("offset_in_header.nii", [(108, "<f4", 340.0)])
changed("more_volumes.nii", [(48, "<i2", N_SCANS - 2)])
changed("few_bytes_more.nii", [], append=b"abc")
changed("bits.nii", [(72, "<i2", 16)])
changed("complex.nii", [(70, "<i2", 32)])
changed("analyze.nii", [(344, "u1", [0, 0, 0, 0])])

# CIFTI
series = nibabel.cifti2.SeriesAxis(0, 0.72, N_SCANS, unit="second")
brain = nibabel.cifti2.BrainModelAxis.from_surface(np.arange(N_VOXELS), N_VOXELS, name="cortex_left")
nibabel.save(nibabel.Cifti2Image(responses, (series, brain)), "dense.dtseries.nii")
scalars = nibabel.cifti2.ScalarAxis(["a", "b"])
nibabel.save(nibabel.Cifti2Image(responses[:2], (scalars, brain)), "maps.dscalar.nii")

# Masks
flipped = affine.copy()
flipped[0] = [-2, 0, 0, 2 * (mask.shape[0] - 1)]
nibabel.save(nibabel.Nifti1Image(mask[::-1].astype("u1"), flipped), "mask_flipped.nii.gz")
shifted = affine.copy()
shifted[0, 3] = 10
nibabel.save(nibabel.Nifti1Image(mask.astype("u1"), shifted), "mask_shifted.nii.gz")
nibabel.save(nibabel.Nifti1Image(np.where(mask, 1.0, np.nan).astype("f4"), affine), "mask_nan.nii.gz")
nibabel.save(nibabel.Nifti1Image(np.repeat(mask[..., None], 3, 3).astype("u1"), affine), "mask_of_three.nii.gz")

# HDF5: whole numbers are the responses in thousandths
whole = (responses.astype("f8") * 1000).round()
for kind in ["i1", "u1", "<i2", ">i2", "u2", "i4", "u4", "i8", "u8"]:
    name = kind.replace("<", "little_").replace(">", "big_")
    info = np.iinfo(kind)
    with h5py.File(f"whole_{name}.h5", "w") as file:
        file["data"] = np.clip(whole, info.min, info.max).astype(kind)
packed = {
    "lz4": hdf5plugin.LZ4(),
    "bitshuffle": hdf5plugin.Bitshuffle(),
    "blosc2_lz4": hdf5plugin.Blosc2(cname="lz4", clevel=5, filters=hdf5plugin.Blosc2.SHUFFLE),
    "blosc2_zstd": hdf5plugin.Blosc2(cname="zstd", clevel=5, filters=hdf5plugin.Blosc2.BITSHUFFLE),
    "blosc2_blosclz": hdf5plugin.Blosc2(cname="blosclz", clevel=9, filters=hdf5plugin.Blosc2.SHUFFLE),
    "blosc2_zlib": hdf5plugin.Blosc2(cname="zlib", clevel=5, filters=hdf5plugin.Blosc2.NOFILTER),
}
# Larger than the others, so that there is something to pack, and larger than its chunks.
large = np.round(10 * np.sin(np.arange(30 * 150).reshape(30, 150) / 7)).astype("f4") / 8
np.save("large.npy", large)
for name, filter in packed.items():
    with h5py.File(f"{name}.h5", "w") as file:
        file.create_dataset("data", data=large, chunks=(16, 64), **filter)
for name in ["blosc2", "blosc2:lz4", "blosc2:zstd"]:
    with tables.open_file(f"tables_{name.replace(':', '_')}.hf5", "w") as file:
        filters = tables.Filters(complevel=5, complib=name, shuffle=True, fletcher32=name == "blosc2:lz4")
        file.create_carray("/", "data", obj=large, filters=filters, chunkshape=(16, 64))
with h5py.File("zfp.h5", "w") as file:
    file.create_dataset("data", data=large, chunks=(16, 64), **hdf5plugin.Zfp())
with h5py.File("fletcher.h5", "w") as file:
    file.create_dataset("data", data=large, chunks=(16, 64), compression="gzip", fletcher32=True)
with h5py.File("user_block.h5", "w", userblock_size=512) as file:
    file["data"] = responses
with h5py.File("latest.h5", "w", libver="latest") as file:
    file.create_dataset("data", data=large, chunks=(16, 64), compression="gzip")
layout = h5py.VirtualLayout(shape=responses.shape, dtype="f4")
layout[:] = h5py.VirtualSource("user_block.h5", "data", shape=responses.shape)
with h5py.File("virtual.h5", "w", libver="latest") as file:
    file.create_virtual_dataset("data", layout)
responses.astype("<f4").tofile("values.raw")
with h5py.File("external.h5", "w") as file:
    file.create_dataset("data", shape=responses.shape, dtype="<f4", external=[("values.raw", 0, responses.nbytes)])
os.remove("values.raw")
with h5py.File("link.h5", "w") as file:
    file["alpha"] = responses
    file["beta"] = h5py.ExternalLink("user_block.h5", "data")
with h5py.File("matlab.mat", "w", userblock_size=512) as file:
    file.create_dataset("alpha", data=np.ascontiguousarray(responses.T)).attrs["MATLAB_class"] = np.bytes_("double")
    file.create_dataset("name", data=np.array([[77, 69]], "u2").T).attrs["MATLAB_class"] = np.bytes_("char")
with open("matlab.mat", "r+b") as file:
    file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")
with h5py.File("groups.h5", "w") as file:
    file["alpha/data"] = responses
    file["beta/data"] = other
# As the tutorials of voxelwise encoding models have it: the test was presented several times.
repeats = np.stack([responses + step for step in (-0.5, 0.0, 0.5)])
with h5py.File("repeats.hdf", "w") as file:
    file["Y_train"] = responses
    file["Y_test"] = repeats
    file["run_onsets"] = np.array([0, 3])

# NumPy
np.savez("mixed.npz", alpha=responses, subject="UTS03", names=np.array(["a", "b"], object), when=np.datetime64("2020-01-01"))
np.savez("stored.npz", alpha=responses, beta=other)
np.save("repeats.npy", repeats)
np.save("repeats_fortran.npy", np.asfortranarray(repeats))
with open("two_arrays.npy", "wb") as file:
    np.save(file, responses)
    np.save(file, other)
np.save("empty_columns.npy", np.zeros((5, 0)))

# joblib
stories = {"alpha": responses, "beta": other}
joblib.dump({np.str_(name): array for name, array in stories.items()}, "np_str_keys.jbl")
joblib.dump({"UTS03": stories}, "nested.jbl")
joblib.dump({"UTS03": stories, "UTS04": stories}, "subjects.jbl")
joblib.dump({"train": {"alpha": responses}, "test": {"beta": other}}, "sets.jbl")
joblib.dump({"alpha": [responses, responses + 1], "beta": other}, "runs.jbl")
joblib.dump({"alpha": repeats, "beta": other}, "ten_sessions.jbl")
joblib.dump(
    {"alpha": responses, "beta": other, "subject": "UTS03", "names": np.array(["a", "b"]), "of": np.array(["x", None], object), "tr": 2.0},
    "mixed.jbl",
)
joblib.dump({"AC": np.arange(5), "IFG": np.array([9, 11])}, "rois.jbl")

# GIFTI
def gifti(datatype="NIFTI_TYPE_FLOAT32", encoding="GIFTI_ENCODING_B64GZ"):
    arrays = [
        nibabel.gifti.GiftiDataArray(row, intent="NIFTI_INTENT_TIME_SERIES", encoding=encoding, datatype=datatype) for row in responses
    ]
    return nibabel.gifti.GiftiImage(darrays=arrays).to_bytes()


with gzip.GzipFile("packed.func.gii.gz", "wb", mtime=0) as file:
    file.write(gifti())
text = gifti().decode().replace("<MetaData />", "<MetaData><MD><Name>Ort</Name><Value>Z\xfcrich</Value></MD></MetaData>", 1)
assert "\xfc" in text
with open("latin1.func.gii", "wb") as file:
    file.write(text.replace('encoding="UTF-8"', 'encoding="ISO-8859-1"').encode("latin-1"))

# What unpacks to far more than it is worth: 64 MiB of zeros
with h5py.File("zeros.h5", "w") as file:
    file.create_dataset("data", data=np.zeros((1024, 16384), "f4"), chunks=(128, 2048), compression="gzip", compression_opts=9)
with h5py.File("one_vast_chunk.h5", "w") as file:
    file.create_dataset("data", data=np.zeros((1024, 16384), "f4"), chunks=(1024, 16384), compression="gzip", compression_opts=9)
with h5py.File("blosc2_zeros.h5", "w") as file:
    file.create_dataset("data", data=np.zeros((1024, 4096), "f4"), chunks=(1024, 1024), **hdf5plugin.Blosc2(cname="zstd"))

# Where the chunks of files with checksums lie: offset and length
places = {}
for name in ["fletcher.h5", "tables_blosc2_lz4.hf5"]:
    with h5py.File(name) as file:
        chunks = [file["data"].id.get_chunk_info(index) for index in range(file["data"].id.get_num_chunks())]
        places[name] = [[chunk.byte_offset, chunk.size] for chunk in chunks]
with open("chunks.json", "w") as file:
    json.dump(places, file)

# An empty dictionary, compressed; the header claims 4 GiB of memory for it.
filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 20}]
packed = bytearray(lzma.compress(b"\x80\x02}.", lzma.FORMAT_XZ, filters=filters))
end = 12 + (packed[12] + 1) * 4  # of the block's header, whose checksum comes last
packed[16] = 40
packed[end - 4 : end] = zlib.crc32(packed[12 : end - 4]).to_bytes(4, "little")
with open("vast_dictionary_xz.jbl", "wb") as file:
    file.write(packed)
packed = bytearray(lzma.compress(b"\x80\x02}.", lzma.FORMAT_ALONE))
packed[1:5] = b"\x00\x00\xff\xff"
with open("vast_dictionary_lzma.jbl", "wb") as file:
    file.write(packed)
