"""What is said of predictions whose label has not come."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from sklearn import metrics

from otelml.exceptions import QualityError
from otelml.quality import bounds, cbpe, coverage, maturity, weighted


@pytest.mark.parametrize("seed", range(5))
def test_bounds_are_those_of_every_completion(seed):
    """Each way to fill in the labels lies within, and both ends are reached."""
    generator = np.random.default_rng(seed)
    predicted = generator.integers(0, 2, 9)
    actual = [None] * 5 + generator.integers(0, 2, 4).tolist()
    found = bounds(actual, predicted, positive=1)
    measures = {
        "accuracy": metrics.accuracy_score,
        "precision": metrics.precision_score,
        "recall": metrics.recall_score,
        "f1": metrics.f1_score,
    }
    filled = [[*known, *actual[5:]] for known in product([0, 1], repeat=5)]
    for name, (lower, upper) in found.items():
        values = [measures[name](one, predicted, zero_division=np.nan) if name != "accuracy"
                  else measures[name](one, predicted) for one in filled]  # fmt: skip
        assert np.nanmin(values) == pytest.approx(lower, abs=1e-12)
        assert np.nanmax(values) == pytest.approx(upper, abs=1e-12)


def test_bounds_without_labels_and_rows():
    """No label leaves everything open; no row says nothing."""
    assert bounds([None, None], ["a", "b"])["accuracy"] == (0.0, 1.0)
    assert bounds([], []) == {}


def test_coverage_by_label_and_band():
    """Counts of each label and band; a missing confidence is a band of its own."""
    found = coverage(["x", None, "y", None], ["a", "a", "a", "b"], [0.95, 0.9, None, 0.0], bands=10)
    kinds = {(c.predicted, round(c.upper, 1)): (c.rows, c.labelled) for c in found[1:]}
    assert (found[0].rows, found[0].labelled, np.isnan(found[0].lower)) == (1, 1, True)
    assert kinds == {("a", 0.9): (1, 0), ("a", 1.0): (1, 1), ("b", 0.1): (1, 0)}
    with pytest.raises(QualityError, match="from 0 to 1"):
        coverage([True], ["a"], [1.5])


def test_weighting_takes_the_bias_out():
    """Sure predictions are labelled more often; the weighted accuracy is that of all."""
    generator = np.random.default_rng(0)
    inside, errors, naive = 0, [], []
    for _ in range(200):
        sure = generator.uniform(0.5, 1, 2000)
        is_right = generator.random(2000) < sure
        known = generator.random(2000) < (sure - 0.45)
        actual = [("a" if r else "b") if k else None for r, k in zip(is_right, known, strict=True)]
        found = weighted(actual, ["a"] * 2000, sure)
        inside += found.score.lower <= is_right.mean() <= found.score.upper
        errors.append(found.score.value - is_right.mean())
        naive.append(is_right[known].mean() - is_right.mean())
    assert abs(np.mean(errors)) < 0.01  # within a band, labels still favour the surer ones
    assert np.mean(naive) > 0.02
    assert inside >= 186
    assert weighted([None], ["a"]) is None


def test_maturity_is_kaplan_meier():
    """The true curve of the lag, though half the predictions still wait."""
    generator = np.random.default_rng(1)
    lag, age = generator.exponential(10, 20_000), generator.uniform(0, 15, 20_000)
    came = lag <= age
    found = maturity(lag[came], waiting=age[~came])
    for at in (1, 5, 10):
        assert found.at(at) == pytest.approx(1 - np.exp(-at / 10), abs=0.02)
    assert found.age_of(0.5) == pytest.approx(10 * np.log(2), rel=0.05)
    assert found.age_of(0.99) == float("inf")
    assert maturity([]).at(5) == 0.0
    with pytest.raises(QualityError, match="at least 0"):
        maturity([-1])


def test_cbpe_covers_what_comes_true():
    """With calibrated confidences the interval has the accuracy in 93 to 97 %."""
    generator = np.random.default_rng(2)
    inside = 0
    for _ in range(1000):
        sure = generator.uniform(0.4, 1, 300)
        found = cbpe(sure)["accuracy"]
        inside += found.lower <= (generator.random(300) < sure).mean() <= found.upper
    assert 930 <= inside <= 970


def test_cbpe_of_two_labels():
    """Expected precision, recall and F1 are near those that come true."""
    generator = np.random.default_rng(3)
    chance = generator.random(50_000)
    predicted, actual = chance > 0.5, generator.random(50_000) < chance
    found = cbpe(np.where(predicted, chance, 1 - chance), predicted, positive=True)
    for name, measure in (
        ("precision", metrics.precision_score),
        ("recall", metrics.recall_score),
        ("f1", metrics.f1_score),
    ):
        assert found[name].value == pytest.approx(measure(actual, predicted), abs=0.01)
    assert cbpe([]) == {}
    with pytest.raises(QualityError, match="two labels"):
        cbpe([0.5, 0.5, 0.5], ["a", "b", "c"], positive="a")
