"""Makes aiff_*.aiff and aiff_*.aifc, the same 100 stereo samples in each coding, with libsndfile. Run in this folder; needs
numpy and soundfile. The values are whole numbers of 8 bits, so that each coding holds them exactly: (37 i) mod 256 - 128 on the left,
(91 i) mod 256 - 128 on the right, over 128."""

import numpy as np
import soundfile

i = np.arange(100)
sound = (np.stack([37 * i, 91 * i], axis=1) % 256 - 128) / 128
for name, form, subtype, endian in (
    ("8.aiff", "AIFF", "PCM_S8", "FILE"),
    ("16.aiff", "AIFF", "PCM_16", "BIG"),
    ("24.aiff", "AIFF", "PCM_24", "BIG"),
    ("32.aiff", "AIFF", "PCM_32", "BIG"),
    ("u8.aifc", "AIFF", "PCM_U8", "FILE"),
    ("sowt16.aifc", "AIFF", "PCM_16", "LITTLE"),
    ("sowt24.aifc", "AIFF", "PCM_24", "LITTLE"),
    ("sowt32.aifc", "AIFF", "PCM_32", "LITTLE"),
    ("fl32.aifc", "AIFF", "FLOAT", "FILE"),
    ("fl64.aifc", "AIFF", "DOUBLE", "FILE"),
):
    soundfile.write(f"aiff_{name}", sound, 16_000, format=form, subtype=subtype, endian=endian)
