"""Makes tone_8k_stereo.ogg, a stream that cannot go on where tone.ogg ends, and noise.ogg, of several pages.

Run in this folder; needs numpy and soundfile."""

import numpy as np
import soundfile

t = np.arange(800) / 8000
soundfile.write("tone_8k_stereo.ogg", np.sin(2 * np.pi * np.outer(t, [440, 660])) * 0.3, 8000, format="OGG", subtype="VORBIS")
# Long enough for several pages.
noise = np.random.default_rng(3).normal(0, 0.2, 16_000)
soundfile.write("noise.ogg", noise, 16_000, format="OGG", subtype="VORBIS")
