"""Makes banded.npz: himalaya's random search over given mixtures of two sets' kernels. Needs numpy, scikit-learn and himalaya 0.4."""

import numpy as np
from himalaya.backend import set_backend
from himalaya.kernel_ridge import predict_weighted_kernel_ridge, solve_multiple_kernel_ridge_random_search
from himalaya.scoring import r2_score, r2_score_split
from sklearn.model_selection import KFold

set_backend("numpy")
generator = np.random.default_rng(5)
n_train, n_test, n_voxels = 48, 16, 9
sets = [generator.standard_normal((n_train + n_test, width)) for width in (6, 11)]
weights = [generator.standard_normal((x.shape[1], n_voxels)) for x in sets]
share = np.linspace(0, 1, n_voxels)
Y = share * (sets[0] @ weights[0]) / 3 + (1 - share) * (sets[1] @ weights[1]) / 4
Y += 0.5 * generator.standard_normal(Y.shape)
candidates = np.array([[0.5, 0.5], [1, 0], [0, 1], [0.9, 0.1], [0.2, 0.8], [0.03, 0.97]])
penalties = np.logspace(-1, 4, 8)
train = [x[:n_train] for x in sets]
Ks = np.stack([x @ x.T for x in train])
Ks_test = np.stack([x[n_train:] @ x[:n_train].T for x in sets])
deltas, dual, scores = solve_multiple_kernel_ridge_random_search(
    Ks, Y[:n_train], n_iter=candidates, alphas=penalties, cv=KFold(4), local_alpha=True, score_func=r2_score, return_weights="dual",
    progress_bar=False, diagonalize_method="eigh", jitter_alphas=False,
)[:3]
parts = predict_weighted_kernel_ridge(Ks_test, dual, deltas, split=True)
centred = Y[n_train:] - Y[n_train:].mean(0)
# delta is log(gamma / alpha); the fit is with penalty 1 on the kernels weighted so.
np.savez(
    "banded.npz", first=sets[0], second=sets[1], Y=Y, candidates=candidates, penalties=penalties, deltas=deltas,
    best_scores=scores.max(0), first_part=parts[0], second_part=parts[1],
    split_scores=r2_score_split(centred, parts),
)
