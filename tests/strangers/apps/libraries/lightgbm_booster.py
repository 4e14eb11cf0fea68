"""LightGBM's own API, the booster read from a text."""

from __future__ import annotations

import lightgbm

from .rows import X, Y

_parameters = {"objective": "binary", "verbose": -1, "num_threads": 1}
_trained = lightgbm.train(_parameters, lightgbm.Dataset(X, Y), 5)
_booster = lightgbm.Booster(model_str=_trained.model_to_string())


def predict(row):
    return int(_booster.predict([row])[0] > 0.5)
