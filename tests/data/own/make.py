"""Recordings, words and responses of a laboratory's own, as the test of the window's whole path takes them.

    python make.py    (needs numpy and soundfile)

Three stories that can be read, in three formats; one that ends in its header; one that is Opus. Their responses are not trimmed:
10 s before the sound, 10 s after it, a scan every 2 s. Half of the voxels follow the sound's level four seconds late.
"""

import pathlib

import numpy as np
import soundfile

HERE = pathlib.Path(__file__).parent
RATE = 8000
RNG = np.random.default_rng(22)


def level(seconds):
    """A loudness that changes every two seconds."""
    return RNG.uniform(0.05, 1.0, int(np.ceil(seconds / 2)))


def sound(levels, seconds, rate):
    time = np.arange(int(seconds * rate)) / rate
    loud = levels[np.minimum((time / 2).astype(int), len(levels) - 1)]
    # Few distinct values, so that the files stay small.
    return np.round(loud * np.sin(2 * np.pi * 220 * time) * 24) / 128


def words(path, seconds):
    n = int(seconds)
    rows = "".join(f'{t}\n{t + 1}\n"{"sp" if t % 5 == 0 else "word"}"\n' for t in range(n))
    path.write_text(
        'File type = "ooTextFile"\nObject class = "TextGrid"\n\n'
        f'0\n{n}\n<exists>\n2\n"IntervalTier"\n"words"\n0\n{n}\n{n}\n{rows}"IntervalTier"\n"phones"\n0\n{n}\n{n}\n{rows}'
    )


def main():
    for folder in ["stories", "grids", "responses"]:
        (HERE / folder).mkdir(exist_ok=True)
    for name, seconds in [("alpha", 56), ("beta", 60), ("gamma", 52)]:
        levels = level(seconds)
        samples = sound(levels, seconds, RATE)
        if name == "alpha":
            soundfile.write(HERE / "stories/alpha.mp3", samples, RATE, format="MP3", bitrate_mode="VARIABLE", compression_level=0.99)
        elif name == "beta":
            soundfile.write(HERE / "stories/beta.flac", samples, RATE, subtype="PCM_S8")
        else:
            # The test turns this into a WAV of 44.1 kHz in stereo, which would be large here.
            np.save(HERE / "gamma_levels.npy", levels.astype("<f4"))
        words(HERE / f"grids/{name}.TextGrid", seconds)
        n_scans = (10 + seconds + 10) // 2
        drive = np.zeros(n_scans)
        drive[5 : 5 + len(levels)] = levels
        late = np.concatenate([np.zeros(2), drive[:-2]])
        response = RNG.normal(size=(n_scans, 24))
        response[:, :12] += 4 * late[:, None]
        np.save(HERE / f"responses/{name}.npy", response.astype("<f4"))
    (HERE / "stories/broken.wav").write_bytes(b"RIFF\x24\x00\x00\x00WAVEfmt ")
    noise = sound(level(31), 31, RATE)
    soundfile.write(HERE / "stories/delta.opus", noise, RATE, format="OGG", subtype="OPUS")


main()
