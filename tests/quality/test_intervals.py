"""Intervals have the truth in 93 to 97 of 100 simulated samples."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest, norm

from otelml.exceptions import QualityError
from otelml.quality import classification, regression, roc_auc, wilson


@pytest.mark.parametrize(("successes", "trials"), [(0, 5), (5, 5), (3, 10), (900, 1000)])
def test_wilson_is_scipys(successes, trials):
    """The same ends as scipy's."""
    expected = binomtest(successes, trials).proportion_ci(method="wilson")
    found = wilson(successes, trials)
    assert found[1:] == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_what_is_no_proportion_is_refused():
    """More successes than trials, none at all, and a confidence of one."""
    for arguments in ((2, 1), (0, 0), (1, 2, 1.0)):
        with pytest.raises(QualityError):
            wilson(*arguments)


def test_delong_covers():
    """Normal scores one standard deviation apart."""
    generator, truth, inside = np.random.default_rng(0), norm.cdf(1 / np.sqrt(2)), 0
    for _ in range(1000):
        is_positive = generator.random(200) < 0.4
        found = roc_auc(is_positive, generator.normal(is_positive, 1))
        inside += found.lower <= truth <= found.upper
    assert 930 <= inside <= 970


@pytest.mark.slow
def test_bootstrap_covers():
    """F1, MAE and RMSE of samples whose truth is known."""
    generator = np.random.default_rng(1)
    inside = dict.fromkeys(("f1", "mae", "rmse"), 0)
    truth = {"f1": 0.8, "mae": np.sqrt(2 / np.pi), "rmse": 1.0}
    for _ in range(1000):
        actual = generator.random(500) < 0.5
        predicted = actual ^ (generator.random(500) < 0.2)
        scores = classification(actual, predicted, positive=True, resamples=400).overall
        errors = generator.normal(0, 1, 300)
        scores |= regression(errors, np.zeros(300), resamples=400).overall
        for name, value in truth.items():
            inside[name] += scores[name].lower <= value <= scores[name].upper
    assert all(930 <= count <= 970 for count in inside.values()), inside
