"""Inputs that are not clean numbers, and the defects of others."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import stats

from otelml.drift import chi_squared, js, kl, ks, psi, wasserstein

ALL = (ks, wasserstein, psi, kl, js, chi_squared)
BINNED = (psi, kl, js, chi_squared)
RNG = np.random.default_rng(0)
NORMAL = RNG.normal(size=2000)


@pytest.mark.parametrize("statistic", ALL)
@pytest.mark.parametrize(
    "current", [[], [None] * 100, [math.nan] * 100, [math.inf] * 100, [1.0] * 49]
)
def test_too_few_usable_values_give_nan_and_a_reason(statistic, current):
    """Never a detection, never an exception."""
    found = statistic(NORMAL, current)
    assert math.isnan(found.value)
    assert math.isnan(found.p_value)
    assert "usable values" in found.reason
    assert math.isnan(statistic(current, NORMAL).value)


@pytest.mark.parametrize("statistic", ALL)
def test_missing_and_infinite_values_change_nothing(statistic):
    """One NaN must not hide a shift: what cannot be used is left out."""
    shifted = NORMAL[:500] + 1
    dirty = np.concatenate([shifted, [math.nan, math.inf, -math.inf]])
    assert statistic(NORMAL, dirty) == statistic(NORMAL, shifted)
    assert statistic(list(NORMAL), [*shifted, None, pd.NA, pd.NaT]) == statistic(NORMAL, shifted)


@pytest.mark.parametrize("statistic", ALL)
def test_another_kind_is_refused_with_a_reason(statistic):
    """Numbers against strings cannot be compared."""
    found = statistic(NORMAL, ["a"] * 100)
    assert math.isnan(found.value)
    assert found.reason == "the reference is numeric, the current values categorical"


@pytest.mark.parametrize("statistic", [ks, wasserstein])
def test_categories_have_no_order(statistic):
    """KS and W1 of strings do not exist."""
    assert statistic(["a"] * 60, ["b"] * 60).reason == "it needs numbers, and these are categories"


@pytest.mark.parametrize("statistic", ALL)
@pytest.mark.parametrize(
    "convert",
    [
        list,
        tuple,
        pd.Series,
        pl.Series,
        lambda x: pd.Series(x, dtype="Float64"),
        lambda x: np.array(list(x), object),
        lambda x: [Decimal(float(v)) for v in x],
    ],
)
def test_containers_do_not_matter(statistic, convert):
    """Lists, tuples, Series and objects give what the array gives."""
    shifted = NORMAL[:300] + 0.2
    assert statistic(convert(NORMAL), convert(shifted)) == statistic(NORMAL, shifted)


def test_times_are_compared_in_seconds():
    """datetime64, datetimes with and without a zone, and pandas times agree."""
    start = dt.datetime(2024, 1, 1, tzinfo=dt.timezone.utc)
    times = [start + dt.timedelta(hours=i) for i in range(100)]
    later = [time + dt.timedelta(hours=10) for time in times]
    naive = [[t.replace(tzinfo=None) for t in x] for x in (times, later)]
    forms = [
        (times, later),
        naive,
        [np.array(x, "datetime64[ns]") for x in naive],
        [pd.Series(x) for x in naive],
        [pd.Series(x) for x in (times, later)],
    ]
    for reference, current in forms:
        assert wasserstein(reference, current).value == pytest.approx(36_000, rel=1e-12)
        assert ks(reference, current).value == pytest.approx(0.1, abs=1e-12)


def test_booleans_are_the_numbers_0_and_1():
    """A share that moves from 0.5 to 0.9 is a distance of 0.4."""
    assert ks([True, False] * 50, [True] * 90 + [False] * 10).value == pytest.approx(0.4, abs=1e-12)


@pytest.mark.parametrize("statistic", BINNED)
def test_unseen_levels_are_one_bin(statistic):
    """Two new levels are worth what one new level with their rows is."""
    reference = ["a"] * 100 + ["b"] * 100
    two = ["a"] * 60 + ["x"] * 20 + ["y"] * 20
    one = ["a"] * 60 + ["x"] * 40
    assert statistic(reference, two) == statistic(reference, one)


def test_a_vanished_level_counts_as_epsilon():
    """Levels a and b at a half each, then only a."""
    found = psi(["a"] * 100 + ["b"] * 100, ["a"] * 100).value
    assert found == pytest.approx(
        0.5 * math.log(2) + (1e-4 - 0.5) * math.log(1e-4 / 0.5), abs=1e-12
    )


def test_one_outlier_does_not_hide_a_shift():
    """Bins are quantiles: a value of 1e4 among many moves no edge."""
    shifted = NORMAL[:1000] + 1
    clean = psi(NORMAL, shifted).value
    assert clean > 0.5
    assert abs(psi(NORMAL, np.append(shifted, 1e4)).value - clean) < 0.01
    assert abs(psi(np.append(NORMAL, 1e4), shifted).value - clean) < 0.01


def test_ks_of_heavy_tails_is_exact():
    """A lognormal of sigma 4 needs no grid."""
    rng = np.random.default_rng(5)
    a, b = rng.lognormal(0, 4, 2000), rng.lognormal(1, 4, 2000)
    assert ks(a, b).value == pytest.approx(stats.ks_2samp(a, b).statistic, abs=1e-12)
    assert ks(a, b).value > 0.08


def test_an_empty_bin_does_not_explode():
    """A shift of one sigma with an empty bin stays near 1, far from 135."""
    assert 0.5 < psi(NORMAL, NORMAL[:100] + 1).value < 3


def test_rounded_data_raise_no_alarm():
    """One decimal, no change: p-values below 0.05 in about one window of twenty."""
    rng = np.random.default_rng(6)
    reference = rng.normal(size=10_000).round(1)
    windows = [rng.normal(size=500).round(1) for _ in range(200)]
    for statistic in (ks, psi, kl, js, chi_squared):
        alarms = sum(statistic(reference, window).p_value < 0.05 for window in windows)
        assert alarms <= 24, statistic.__name__  # 10 expected; 24 is 4 standard deviations above


def test_bins_are_the_documented_ones():
    """Right-closed quantile bins: a value on an edge belongs to the bin below it."""
    reference = np.arange(101.0)
    current = np.full(100, 10.0)  # the first edge
    found = chi_squared(reference, current)
    table = np.array([[11] + [10] * 9, [100] + [0] * 9])
    assert found.value == pytest.approx(
        stats.chi2_contingency(table, correction=False).statistic, rel=1e-12
    )


def test_two_dimensions_are_refused():
    """A table is no column."""
    with pytest.raises(ValueError, match="one dimension, not 2"):
        ks(np.zeros((60, 2)), NORMAL)
