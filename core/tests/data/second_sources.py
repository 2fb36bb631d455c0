"""Ridge as scikit-learn and himalaya fit it, for `tests/second_sources.rs`. Writes `second_sources.npz`."""

import himalaya
import numpy as np
import sklearn
from himalaya.kernel_ridge import KernelRidge
from himalaya.ridge import RidgeCV
from himalaya.scoring import r2_score
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold

rng = np.random.default_rng(5)
n_train, n_test, n_features, n_voxels = 60, 20, 8, 6
X = rng.standard_normal((n_train + n_test, n_features))
Y = X @ rng.standard_normal((n_features, n_voxels)) + 3 * rng.standard_normal((n_train + n_test, n_voxels))
train, test = slice(0, n_train), slice(n_train, None)
alphas = np.array([0.5, 2.0, 8.0, 32.0])

sk = Ridge(alpha=4.0**2, fit_intercept=False).fit(X[train], Y[train])
# More features than scans.
wide = rng.standard_normal((30, 50))
narrow = Y[:30]
kernel = KernelRidge(alpha=4.0**2, kernel="linear").fit(wide, narrow)
# The folds are runs of neighbouring scans. Left to itself, himalaya scores them by the squared error.
cv = RidgeCV(
    alphas=alphas**2, fit_intercept=False, cv=KFold(5, shuffle=False), solver_params={"score_func": r2_score}
).fit(X[train], Y[train])

np.savez(
    "second_sources.npz",
    X=X,
    Y=Y,
    alphas=alphas,
    sklearn_weights=sk.coef_.T,
    sklearn_predictions=sk.predict(X[test]),
    wide=wide,
    kernel_predictions=kernel.predict(wide[:7] * 0.5),
    himalaya_best=cv.best_alphas_,
    himalaya_predictions=cv.predict(X[test]),
    versions=np.array([sklearn.__version__, himalaya.__version__, np.__version__]),
)
