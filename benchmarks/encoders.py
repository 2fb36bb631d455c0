#!/usr/bin/env python3
"""Heschl beside Hugging Face's code, which the study's Python code runs: windows of 16.1 s a second, in turns.

usage: encoders.py PATH_OF_HESCHL [SHAPE ...]

For each shape (hubert-base and wavlm-base if none is named; see tests/real_dimensions.py): makes a model with random
weights, then times three rounds of both in turns, all layers, f32, raw samples, as many threads as there are cores.
Prints the median of each, their ratio, and Heschl's share of the peak of matrix products. Exits with 1 if a ratio is
under 2. Needs torch, transformers, safetensors and numpy, and a machine that does nothing else.
"""
import re, statistics, subprocess, sys, tempfile, time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
import torch
from real_dimensions import make, windows

ROUNDS, WINDOWS, LEAST_RATIO = 3, 6, 2.0


def python_windows_per_sec(model, family):
    heard = [torch.tensor(samples)[None] for samples in windows()]
    with torch.no_grad():
        model(heard[0], output_hidden_states=True)
        begun = time.perf_counter()
        for index in range(WINDOWS):
            model(heard[index % len(heard)], output_hidden_states=True)
    return WINDOWS / (time.perf_counter() - begun)


def heschl_figures(program, folder):
    run = subprocess.run([program, "bench", "--model", folder, "--rounds", "1"], check=True, capture_output=True,
                         text=True)
    figure = lambda name: float(re.search(rf"^{name}\s+([0-9.]+)", run.stdout, re.M).group(1))
    return figure("windows/s"), figure("share of peak")


def main(program, *shapes):
    is_fast = True
    for shape in shapes or ("hubert-base", "wavlm-base-plus"):
        with tempfile.TemporaryDirectory() as folder:
            model, family, _ = make(shape, Path(folder))
            ours, theirs, shares = [], [], []
            for _ in range(ROUNDS):
                theirs.append(python_windows_per_sec(model, family))
                windows_per_sec, share = heschl_figures(program, folder)
                ours.append(windows_per_sec)
                shares.append(share)
        ratio = statistics.median(a / b for a, b in zip(ours, theirs))
        print(f"{shape}: Heschl {statistics.median(ours):.2f} windows/s, share of peak {statistics.median(shares):.3f}; "
              f"Python {statistics.median(theirs):.2f} windows/s; ratio {ratio:.2f}")
        is_fast &= ratio >= LEAST_RATIO
    sys.exit(0 if is_fast else 1)


if __name__ == "__main__":
    main(*sys.argv[1:])
