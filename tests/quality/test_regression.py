"""Measures of numbers agree with scikit-learn's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics

from otelml.exceptions import QualityError
from otelml.quality import regression


@pytest.mark.parametrize("seed", range(10))
def test_numbers(seed):
    """MAE, RMSE and R²; each within its interval."""
    generator = np.random.default_rng(seed)
    actual = generator.normal(1000 * seed, 2, 3 + 20 * seed)
    predicted = actual + generator.normal(0, 1, len(actual))
    found = regression(actual, predicted.tolist()).overall
    expected = {
        "mae": metrics.mean_absolute_error(actual, predicted),
        "rmse": math.sqrt(metrics.mean_squared_error(actual, predicted)),
        "r2": metrics.r2_score(actual, predicted),
    }
    for name, value in expected.items():
        assert found[name].value == pytest.approx(value, rel=1e-12, abs=1e-12)
        assert found[name].lower <= found[name].value <= found[name].upper


def test_undefined_and_missing():
    """No R² of equal numbers; what is not finite is left out."""
    assert set(regression([1, 1], [1, 2]).overall) == {"mae", "rmse"}
    assert set(regression([3], [3]).overall) == {"mae", "rmse"}
    assert regression([], []).overall == {}
    found = regression([1.0, None, np.inf, 2.0], [1.5, 1.0, 1.0, 2.5])
    assert (found.rows, found.missing, found.overall["mae"].value) == (2, 2, 0.5)


@pytest.mark.parametrize("actual", [["a", "b"], [1], "12", [[1, 2]], 3, [1e200, 1]])
def test_bad_input(actual):
    """The error says so."""
    with pytest.raises(QualityError):
        regression(actual, [1, 2])
