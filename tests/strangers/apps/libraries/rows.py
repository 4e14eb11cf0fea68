"""What the models are trained on: income, debt and age, and whether the loan was paid back."""

from __future__ import annotations

import numpy as np

NAMES = ["income", "debt", "age"]
_RNG = np.random.default_rng(0)
X = _RNG.normal(size=(200, 3)).astype(np.float32)
Y = (X[:, 0] - X[:, 1] + 0.5 * _RNG.normal(size=200) > 0).astype(int)
