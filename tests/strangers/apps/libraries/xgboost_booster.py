"""XGBoost's own API, with a matrix for each request."""

from __future__ import annotations

import numpy as np
import xgboost

from .rows import NAMES, X, Y

_booster = xgboost.train(
    {"objective": "binary:logistic", "nthread": 1},
    xgboost.DMatrix(X, Y, feature_names=NAMES),
    5,
)


def predict(row):
    matrix = xgboost.DMatrix(np.array([row]), feature_names=NAMES)
    return int(_booster.predict(matrix)[0] > 0.5)
