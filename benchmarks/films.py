"""Films as other programs read them: number of frames, rate, length, colours and sound.

    pip install av numpy pillow
    python benchmarks/films.py path/to/heschl DATA [--map NAME …]

DATA and what follows are given to `heschl film`. A turntable is written as PNG files and in each format, and every decoded frame is
compared with the PNG file.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageSequence

FPS = 15
SECONDS = 2
SIZE = (640, 360)


def film(heschl, data, out):
    options = ["--turntable", str(SECONDS), "--fps", str(FPS), "--size", "%dx%d" % SIZE]
    subprocess.run([heschl, "film", *data, *options, "--out", str(out)], check=True, stdout=subprocess.DEVNULL)


def difference(frame, reference):
    assert frame.shape == reference.shape, (frame.shape, reference.shape)
    return float(np.abs(frame.astype(int) - reference).mean())


def check_mp4(path, references):
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        context = video.codec_context
        frames = list(container.decode(video))
        assert len(frames) == len(references) == video.frames
        assert video.average_rate == FPS, video.average_rate
        assert abs(float(video.duration * video.time_base) - SECONDS) < 1e-6
        # 1 is BT.709 and, of ranges, that of video.
        assert [context.color_primaries, context.color_trc, context.colorspace, context.color_range] == [1, 1, 1, 1]
        differences = [difference(frame.to_ndarray(format="rgb24"), own) for frame, own in zip(frames, references)]
    left = [own[:, : SIZE[0] // 2].mean() for own in (frames[0].to_ndarray(format="rgb24"), references[0])]
    assert abs(left[0] - left[1]) < 1, left
    return context.profile, differences


def check_animation(path, references):
    image = Image.open(path)
    frames, milliseconds = [], 0
    for frame in ImageSequence.Iterator(image):
        frames.append(np.array(frame.convert("RGB")))
        milliseconds += frame.info["duration"]
    assert len(frames) == len(references) and image.info["loop"] == 0
    assert abs(milliseconds - 1000 * SECONDS) < 10, milliseconds
    return image.format, [difference(frame, own) for frame, own in zip(frames, references)]


def main():
    heschl, *data = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        film(heschl, data, folder / "frames")
        references = [np.array(Image.open(path)) for path in sorted((folder / "frames").glob("*.png"))]
        assert len(references) == FPS * SECONDS
        for ending, check, most in [("mp4", check_mp4, 2), ("gif", check_animation, 3), ("apng", check_animation, 0)]:
            path = folder / f"film.{ending}"
            film(heschl, data, path)
            kind, differences = check(path, references)
            rate = path.stat().st_size / SECONDS / 1e6
            print(
                f"{ending}: {kind}, {len(differences)} frames, {rate:.2f} MB/s, mean absolute difference "
                f"{np.mean(differences):.2f} grey levels, at most {max(differences):.2f}"
            )
            assert max(differences) <= most


if __name__ == "__main__":
    main()
