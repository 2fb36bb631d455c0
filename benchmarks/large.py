"""Fits a share of a study of the largest size on real files, and prints time, memory and how good the forecast was.

    python benchmarks/large.py target/release/heschl [--folder FOLDER] [--share 1/47] [--scans 33000] [--voxels 95556]

Features (1,280 of falling spectrum, four delays) and responses of 60 training stories and one of test are written to FOLDER,
story by story (13 GB in full size), unless they are there. The recipe is that of Scaling laws 2023. Needs NumPy; Linux or macOS.
"""

import argparse
import json
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

import numpy as np

FEATURES, STORIES, TEST_SCANS = 1280, 60, 790
# What the preset takes away: features at both ends, responses of the test at its start.
TRIM, TEST_TRIM, TEST_RESPONSES_TRIM = 15, 55, 40
MOST_BYTES = 12 << 30

RECIPE = """
[encode]
preset = "scaling-laws-2023"

[[encode.features]]
name = "made up"
folder = "features"

[encode.responses]
path = "responses"

[encode.stories]
test = ["test"]

[encode.scans]
source = "simulated"
repetition_secs = 2.0
sound_start_secs = 10.0

[encode.output]
folder = "scores"
"""


def write(folder, n_scans, n_voxels):
    """Stories of features and responses, one at a time."""
    rng = np.random.default_rng(0)
    mixing = rng.standard_normal((FEATURES, FEATURES)) / np.arange(1, FEATURES + 1)[:, None]
    per_story = n_scans // STORIES
    sizes = {f"story{i:02}": (per_story + TRIM, per_story) for i in range(STORIES)}
    sizes["test"] = (TEST_SCANS + TEST_TRIM, TEST_SCANS + TEST_RESPONSES_TRIM)
    for name in ("features", "responses"):
        (folder / name).mkdir(exist_ok=True)
    for story, (n_features_rows, n_response_rows) in sizes.items():
        features = rng.standard_normal((n_features_rows, FEATURES)) @ mixing
        np.savez(folder / "features" / f"{story}.npz", features=features.astype(np.float32))
        path = folder / "responses" / f"{story}.npy"
        rows = np.lib.format.open_memmap(path, "w+", np.float32, (n_response_rows, n_voxels))
        for first in range(0, n_response_rows, 100):
            block = rows[first : first + 100]
            block[:] = rng.standard_normal(block.shape, dtype=np.float32)
        del rows
    (folder / "recipe.toml").write_text(RECIPE)


def forecast(program, recipe, share):
    command = [program, "encode", recipe, "--dry-run", "--events", "json", "--blocks", share]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return next(event for event in map(json.loads, lines) if event["event"] == "encode_forecast")


def measured(program, recipe, share):
    """Seconds from the end of reading to the scores, seconds in all, and the largest resident memory, bytes."""
    command = [program, "encode", recipe, "--events", "json", "--blocks", share]
    begun = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        started = begun
        for line in process.stdout:
            if json.loads(line)["event"] == "encode_started":
                started = time.perf_counter()
    ended = time.perf_counter()
    if process.returncode:
        sys.exit("the fit failed")
    unit = 1 if sys.platform == "darwin" else 1024
    return ended - started, ended - begun, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("program")
    arguments.add_argument("--folder", type=pathlib.Path)
    arguments.add_argument("--share", default="1/31")
    arguments.add_argument("--scans", type=int, default=33_000)
    arguments.add_argument("--voxels", type=int, default=95_556)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or pathlib.Path(scratch)
        folder.mkdir(exist_ok=True)
        if not (folder / "recipe.toml").exists():
            write(folder, options.scans, options.voxels)
        recipe = str(folder / "recipe.toml")
        whole, share = (forecast(options.program, recipe, share) for share in ("1/1", options.share))
        fit_secs, all_secs, most_bytes = measured(options.program, recipe, options.share)
    print(f"sizes      {share['n_training_scans']} × {share['n_columns']}, {share['n_test_scans']} test, {whole['n_voxels']} voxels")
    print(f"fitted     {share['n_voxels']} voxels in {fit_secs:.0f} s, {all_secs:.0f} s with reading and checksums")
    print(f"forecast   {share['secs']:.0f} s for these, {share['secs'] / fit_secs:.2f} of what it took; {whole['secs'] / 60:.0f} min for all")
    print(f"memory     {most_bytes / 2**30:.2f} GiB at most, of 12: {most_bytes / MOST_BYTES:.2f}; forecast {share['memory_bytes'] / 2**30:.2f} GiB")
    if most_bytes > MOST_BYTES or not 0.8 <= share["secs"] / fit_secs <= 1.25:
        sys.exit("a bar is missed")


if __name__ == "__main__":
    main()
