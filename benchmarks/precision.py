#!/usr/bin/env python3
"""How far half precision is from single precision, layer by layer.

usage: precision.py PATH_OF_HESCHL MODEL [MODEL ...]

Extracts windows of 16.1 s of the bundled recording, one a second, in both, and prints for each layer the largest
difference, that difference in deviations of the layer, and the correlation. Needs numpy.
"""
import shutil, subprocess, sys, tempfile
from pathlib import Path

import numpy as np

RECORDING = Path(__file__).parent.parent / "app" / "assets" / "austen.wav"


def features(program, model, precision, scratch):
    out = Path(scratch) / precision
    stories = out / "stories"
    stories.mkdir(parents=True)
    shutil.copy(RECORDING, stories / "story.wav")
    command = [program, "extract", "--stimulus-dir", stories, "--model", model, "--out", out, "--full-context",
               "--stride", "1", "--precision", precision]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    files = {path.parent.name: np.load(path)["features"] for path in next(out.glob("features_*")).rglob("story.npz")}
    number = lambda name: int(name.split(".")[1])
    layers = sorted((name for name in files if name.split(".")[0] in ("encoder", "layer")), key=number)
    final = [name for name in files if name not in layers]
    return {("final" if name in final else name): files[name] for name in layers + final}


def main(program, *models):
    for model in models:
        with tempfile.TemporaryDirectory() as scratch:
            single, half = (features(program, model, precision, scratch) for precision in ("f32", "f16"))
        print(f"{Path(model).name}: {len(single['final'])} windows")
        for layer, expected in single.items():
            largest = np.abs(half[layer] - expected).max()
            correlation = np.corrcoef(half[layer].ravel(), expected.ravel())[0, 1]
            print(f"  {layer:<11} {largest:.1e}  {largest / expected.std():.1e} deviations  correlation {correlation:.8f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
