"""Times the ridge fit of Heschl beside others on one machine, in one run, and prints ratios.

    python benchmarks/ridge.py target/release/heschl [--study FOLDER] [--himalaya]

Beside it runs the published algorithm in NumPy: a singular value decomposition per round, and a product per α. With
`--study` it is the study's own `bootstrap_ridge`, from the folder that holds its `ridge_utils`.
"""

import argparse
import itertools
import random
import re
import statistics
import subprocess
import sys
import time

import numpy as np

SCANS, TEST_SCANS, COLUMNS, VOXELS = 3000, 300, 1536, 4000
ALPHAS = np.logspace(1, 3, 10)
ROUNDS, CHUNK, HELD = 3, 40, 15


def zscored(columns):
    return (columns - columns.mean(0)) / columns.std(0)


def published(x, y, x_test, y_test):
    """Chunk bootstrap and refit as spec and paper describe them."""
    scores = []
    for _ in range(ROUNDS):
        chunks = list(zip(*[iter(range(len(x)))] * CHUNK))
        random.shuffle(chunks)
        held = list(itertools.chain(*chunks[:HELD]))
        kept = sorted(set(range(len(x))) - set(held))
        u, s, vt = np.linalg.svd(x[kept], full_matrices=False)
        coordinates, seen = u.T @ y[kept], x[held] @ vt.T
        measured = zscored(y[held])
        scores.append([(measured * zscored((seen * (s / (s**2 + a**2))) @ coordinates)).mean(0) for a in ALPHAS])
    best = ALPHAS[np.mean(scores, 0).argmax(0)]
    u, s, vt = np.linalg.svd(x, full_matrices=False)
    coordinates = u.T @ y
    weights = np.zeros((x.shape[1], y.shape[1]))
    for a in np.unique(best):
        chosen = best == a
        weights[:, chosen] = (vt.T * (s / (s**2 + a**2))) @ coordinates[:, chosen]
    return (zscored(x_test @ weights) * zscored(y_test)).mean(0)


def study(folder):
    sys.path.insert(0, folder)
    from ridge_utils.ridge import bootstrap_ridge

    return lambda x, y, x_test, y_test: bootstrap_ridge(x, y, x_test, y_test, ALPHAS, ROUNDS, CHUNK, HELD)


def himalaya(name):
    from himalaya.kernel_ridge import KernelRidgeCV
    from himalaya.ridge import RidgeCV

    def fit(x, y, x_test, y_test):
        model = {"RidgeCV": RidgeCV, "KernelRidgeCV": KernelRidgeCV}[name](alphas=ALPHAS**2, cv=ROUNDS)
        model.fit(x.astype(np.float32), y.astype(np.float32)).predict(x_test.astype(np.float32))

    return fit


def timed(fit, *arrays):
    begun = time.perf_counter()
    fit(*arrays)
    return time.perf_counter() - begun


def heschl(program, *more):
    shape = ["--scans", SCANS, "--test-scans", TEST_SCANS, "--columns", COLUMNS, "--voxels", VOXELS]
    fit = ["--alphas", len(ALPHAS), "--rounds", ROUNDS, "--chunk", CHUNK, "--held", HELD, "--repeats", 1, "--weights"]
    command = [program, "bench", "ridge", *map(str, shape + fit), *more]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return float(re.search(r"^seconds +([\d.]+)", text, re.M)[1])


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("program")
    arguments.add_argument("--study", metavar="FOLDER")
    arguments.add_argument("--himalaya", action="store_true")
    arguments.add_argument("--rounds", type=int, default=3, help="how often each is timed, in turn; the medians count")
    options = arguments.parse_args()
    rng = np.random.default_rng(0)
    x, x_test = (rng.standard_normal((n, COLUMNS)) for n in (SCANS, TEST_SCANS))
    y, y_test = (rng.standard_normal((n, VOXELS)) for n in (SCANS, TEST_SCANS))
    others = {"the study's bootstrap_ridge" if options.study else "published algorithm in NumPy": (
        study(options.study) if options.study else published)}
    if options.himalaya:
        others |= {f"himalaya {name}, f32": himalaya(name) for name in ("RidgeCV", "KernelRidgeCV")}
    seconds = {}
    for _ in range(options.rounds):
        for name, fit in others.items():
            seconds.setdefault(name, []).append(timed(fit, x, y, x_test, y_test))
        for precision in ("f64", "f32"):
            secs = heschl(options.program, "--precision", precision)
            seconds.setdefault(f"Heschl, {precision}", []).append(secs)
    medians = {name: statistics.median(all) for name, all in seconds.items()}
    for name, median in medians.items():
        ratios = "".join(f"   {other}: {median / medians[other]:5.2f} ×" for other in medians if other.startswith("Heschl"))
        print(f"{name:32} {median:6.2f} s{ratios}")


if __name__ == "__main__":
    main()
