"""A paired block permutation test in NumPy, for `tests/it/second_sources.rs`. Writes `paired.npz`."""

import random

import numpy as np

N_SCANS, BLOCK, N_PERMUTATIONS, SEED = 87, 8, 300, 11

rng = np.random.default_rng(3)
y = rng.standard_normal((N_SCANS, 7))
first = y * [0, 0.1, 0.3, 1, 1, 0.2, 0.5] + rng.standard_normal(y.shape)
second = 10 * (y * [0, 0.1, 0.1, 0.3, 1, 0.8, 0.5] + rng.standard_normal(y.shape)) + 4


def r(a, b):
    return np.array([np.corrcoef(p, q)[0, 1] for p, q in zip(a.T, b.T)])


def standardised(a):
    return (a - a.mean(0)) / a.std(0)


observed = r(first, y) - r(second, y)
a, b = standardised(first), standardised(second)
n_blocks = -(-N_SCANS // BLOCK)
generator = random.Random(SEED)
n_as_large = np.zeros(y.shape[1])
for _ in range(N_PERMUTATIONS):
    swap = np.array([generator.random() < 0.5 for _ in range(n_blocks)])
    swap = np.repeat(swap, BLOCK)[:N_SCANS, None]
    difference = r(np.where(swap, b, a), y) - r(np.where(swap, a, b), y)
    n_as_large += np.abs(difference) >= np.abs(observed) - 1e-12
np.savez(
    "paired.npz",
    first=first,
    second=second,
    responses=y,
    difference=observed,
    p=(1 + n_as_large) / (1 + N_PERMUTATIONS),
)
print(observed, (1 + n_as_large) / (1 + N_PERMUTATIONS))
