"""Makes ima_mono.wav and ima_stereo.wav (IMA ADPCM, written and read by libsndfile) and the samples that libsndfile
reads from them, as 16-bit WAV files. Run in this folder; needs numpy and soundfile (0.14, libsndfile 1.2.2)."""

import numpy as np
import soundfile

N, RATE = 1300, 16_000
t = np.arange(N) / RATE
noise = np.random.default_rng(7).normal(0, 0.2, (N, 2))
# Quiet, then loud beyond what 16 bits hold: steps of every size, and samples at the limits.
swell = np.linspace(0.02, 1.6, N)[:, None]
sound = swell * (np.sin(2 * np.pi * np.outer(t, [440, 1330])) * 0.6 + noise)

for name, channels in (("mono", 1), ("stereo", 2)):
    soundfile.write(f"ima_{name}.wav", sound[:, :channels].clip(-1, 1), RATE, subtype="IMA_ADPCM")
    read, _ = soundfile.read(f"ima_{name}.wav", dtype="int16")
    soundfile.write(f"ima_{name}_pcm.wav", read, RATE, subtype="PCM_16")
