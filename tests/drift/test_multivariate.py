"""Columns that go together otherwise."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from otelml.drift import AlarmBudget, Evidence, FeatureRule, Projection, compare, reconstruction
from otelml.exceptions import InvalidReferenceError
from otelml.reference import Reference


def table(rng, rows, correlation=0.8, columns=10):
    """Return normal columns, of which the first two are correlated."""
    x = rng.normal(size=(rows, columns))
    x[:, 1] = correlation * x[:, 0] + math.sqrt(1 - correlation**2) * x[:, 1]
    return x


@pytest.mark.parametrize("columns", [2, 10, 30])
@pytest.mark.parametrize("shape", ["normal", "tails", "rounded"])
def test_a_sign_flip_is_caught_that_no_column_shows(columns, shape):
    """A correlation of 0.8 turns into -0.8: each column is as it was."""
    rng = np.random.default_rng(columns)
    form = {"normal": lambda x: x, "tails": lambda x: np.exp(4 * x), "rounded": np.round}[shape]
    reference, window = form(table(rng, 10_000, 0.8, columns)), form(table(rng, 500, -0.8, columns))
    assert not compare(Reference.from_data(reference), window, alpha=0.001).drift_detected
    found = reconstruction(reference, window)
    assert found.value > 1.1
    assert found.p_value < 1e-6


@pytest.mark.parametrize(("rows", "columns"), [(1000, 100), (10_000, 30), (400, 2)])
def test_p_values_are_calibrated(rows, columns):
    """Without a change a p-value is below 0.05 in one window of twenty, with many columns too."""
    rng = np.random.default_rng(3)
    low, windows = 0, 0
    for _ in range(8):
        projection = Projection.of(table(rng, rows, 0.8, columns))
        for _ in range(25):
            errors = projection.column(table(rng, 200, 0.8, columns)).values
            sample = projection.feature.sample
            reference = np.repeat(sample.values, sample.counts.astype(int))
            low += compare(Reference.from_data({"e": reference}), {"e": errors}).drift_detected
            windows += 1
    # 10 expected; the windows of one reference share its error, so that the number varies more.
    assert low <= 30
    assert windows == 200


def test_it_is_one_more_feature_of_the_budget():
    """No alarm in 150 windows without a change, and one soon after a flip."""
    rng = np.random.default_rng(4)
    projection = Projection.of(table(rng, 10_000), ordered=True)
    rule = FeatureRule(projection.feature, features=11)
    evidence = Evidence(AlarmBudget(11, 1000))
    for _ in range(150):
        assert evidence.add(rule.p_value(projection.column(table(rng, 500)))) == ""
    events = [
        evidence.add(rule.p_value(projection.column(table(rng, 500, -0.8)))) for _ in range(2)
    ]
    assert "alarm" in events


def test_gaps_text_and_constants_do_no_harm():
    """Missing values count as the middle, text and constants are left out."""
    rng = np.random.default_rng(5)

    def frame(correlation):
        x = table(rng, 3000, correlation)
        x[rng.random(x.shape) < 0.05] = math.nan
        found = pd.DataFrame(x, columns=[f"x{i}" for i in range(x.shape[1])])
        return found.assign(text="a", constant=1.0, gaps=None)

    projection = Projection.of(frame(0.8))
    assert projection.columns == tuple(f"x{i}" for i in range(10))
    assert reconstruction(frame(0.8), frame(0.8)).p_value > 0.001
    assert reconstruction(frame(0.8), frame(-0.8)).p_value < 1e-9


def test_columns_that_are_sums_of_others_have_no_error_of_their_own():
    """An exact dependence stays exact, and its end is seen."""
    rng = np.random.default_rng(6)
    x = rng.normal(size=(4000, 3))
    summed = np.column_stack([x, -x[:, 0]])
    broken = np.column_stack([x, x[:, 0]])
    assert math.isfinite(reconstruction(summed[:3000], summed[3000:]).value)
    assert reconstruction(summed[:3000], summed[3000:]).p_value > 0.001
    assert reconstruction(summed[:3000], broken[3000:]).p_value < 1e-9


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"a": range(100)}, "two numeric columns"),
        ({"a": range(100), "b": ["x"] * 100}, "two numeric columns"),
        ({"a": range(7), "b": [0, 1, 0, 1, 0, 1, 1]}, "needs 8 rows"),
    ],
)
def test_what_cannot_be_projected_is_refused(rows, message):
    """One column, text, too few rows."""
    with pytest.raises(InvalidReferenceError, match=message):
        Projection.of(rows)


def test_a_window_without_the_columns_is_refused():
    """The message names what is absent."""
    rng = np.random.default_rng(7)
    projection = Projection.of({"a": rng.normal(size=99), "b": rng.normal(size=99)})
    with pytest.raises(InvalidReferenceError, match="no such numeric column: b"):
        projection.column({"a": [1.0] * 60, "b": ["x"] * 60})


def test_few_rows_have_a_reason():
    """NaN and a reason, no exception."""
    rng = np.random.default_rng(8)
    found = reconstruction(rng.normal(size=(300, 3)), rng.normal(size=(49, 3)))
    assert math.isnan(found.value)
    assert found.reason == "there are 49 rows, not 50"


def test_a_column_that_is_missing_in_each_row_of_a_window_counts_as_its_middle():
    """NaN or None alone tell nothing of their kind, and are no other column."""
    rng = np.random.default_rng(31)
    x, noise = rng.normal(size=(2, 2_000))
    projection = Projection.of({"a": x, "b": x + noise / 2})
    middle = projection.column({"a": x[:100], "b": np.full(100, np.median(x + noise / 2))})
    for gone in (np.full(100, np.nan), [None] * 100):
        found = projection.column({"a": x[:100], "b": gone})
        assert found.usable == 100
        assert found.values == pytest.approx(middle.values, rel=0.05, abs=0.05)
