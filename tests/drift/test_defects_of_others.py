"""What went wrong in other tools: none of it may go wrong here, at any entrance."""

from __future__ import annotations

import inspect
import math
import random
import sys

import numpy as np
import pytest
from scipy import stats

from otelml.drift import FeatureRule, compare, js, kl, ks, psi, reconstruction
from otelml.reference import Column, Reference

RNG = np.random.default_rng(0)
TRAINING = RNG.normal(size=10_000)
REFERENCE = Reference.from_data({"x": TRAINING})


def found(window, reference=REFERENCE):
    """Return what compare() says of one column."""
    return compare(reference, {"x": window}).features["x"]


@pytest.mark.parametrize("outlier", [1e4, -1e4, 1e300, -1e300])
@pytest.mark.parametrize("side", ["reference", "window"])
def test_an_outlier_hides_nothing(outlier, side):
    """One extreme value took another's PSI from .96 to .006: a bin a value's width."""
    shifted = RNG.normal(1, 1, 500)
    clean = found(shifted)
    training = np.append(TRAINING, outlier) if side == "reference" else TRAINING
    window = np.append(shifted, outlier) if side == "window" else shifted
    dirty = found(window, Reference.from_data({"x": training}))
    for name in ("psi", "kl", "js", "ks", "chi_squared"):
        before, now = clean.statistics[name].value, dirty.statistics[name].value
        assert now == pytest.approx(before, rel=0.1), name
    assert dirty.drift_detected


@pytest.mark.parametrize("sigma", [1, 4, 10])
def test_ks_has_no_grid(sigma):
    """An equal-width grid gave .021 for an exact .197 of a lognormal of sigma 4."""
    a, b = RNG.lognormal(0, sigma, 5000), RNG.lognormal(0.5 * sigma, sigma, 500)
    exact = stats.ks_2samp(a, b).statistic
    assert exact > 0.15
    assert found(b, Reference.from_data({"x": a})).statistics["ks"].value == pytest.approx(
        exact, abs=1e-12
    )


@pytest.mark.parametrize("gap", [math.nan, math.inf, -math.inf, None])
@pytest.mark.parametrize("side", ["reference", "window"])
def test_a_gap_hides_nothing(gap, side):
    """One NaN hid a shift of one deviation."""
    shifted = RNG.normal(1, 1, 500)
    training, window = list(TRAINING), list(shifted)
    (training if side == "reference" else window)[7] = gap
    reference = Reference.from_data({"x": training})
    assert found(window, reference).drift_detected
    assert found(window, reference).statistics["ks"].value == pytest.approx(
        found(shifted).statistics["ks"].value, abs=0.005
    )
    both = {"x": training, "y": RNG.normal(size=len(training))}
    pair = {"x": window, "y": RNG.normal(size=500)}
    assert math.isfinite(reconstruction(both, pair).p_value)


@pytest.mark.parametrize("shift", [1.0, 3.0, 100.0])
def test_an_empty_bin_does_not_explode(shift):
    """Filled with the smallest float, a shift of one deviation had a PSI of 135."""
    value = found(RNG.normal(shift, 1, 500)).statistics["psi"].value
    assert math.isfinite(value)
    assert value < math.log(1 / 1e-4) + 1
    assert value < abs(math.log(sys.float_info.min)) / 10


@pytest.mark.parametrize("digits", [0, 1, 2])
def test_rounded_data_raise_no_alarm(digits):
    """Of values with one decimal another test alarmed always."""
    reference = Reference.from_data({"x": RNG.normal(size=10_000).round(digits)})
    windows = [RNG.normal(size=500).round(digits) for _ in range(200)]
    assert sum(found(window, reference).drift_detected for window in windows) <= 24
    rule = FeatureRule(reference.features["x"])
    levels = [rule.p_value(Column("numeric", window)) for window in windows][24:]
    assert sum(p < 0.05 for p in levels) <= 20  # 9 expected


def test_no_global_seed_is_reset():
    """A library call that seeds numpy makes the caller's random numbers repeat."""
    for _ in range(2):
        np.random.seed(7)  # noqa: NPY002 - the state that must stay
        random.seed(7)
        expected = np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
        kl(TRAINING, TRAINING[:500] + 0.1, bootstrap=200, seed=1)
        kl(TRAINING, TRAINING[:500] + 0.1, bootstrap=200)
        found(TRAINING[:500])
        reconstruction(RNG.normal(size=(200, 2)), RNG.normal(size=(60, 2)))
        FeatureRule(REFERENCE.features["x"]).p_value(Column("numeric", TRAINING[:500]))
        assert (np.random.get_state()[1] == expected[0]).all()  # noqa: NPY002
        assert random.getstate() == expected[1]


def test_bins_are_those_that_the_documentation_promises():
    """Ten bins between quantiles of the reference, closed on the right; equal edges merged."""
    edges = np.quantile(TRAINING, np.arange(1, 10) / 10)
    assert REFERENCE.features["x"].edges == pytest.approx(edges, rel=1e-12)
    shares = [share for _, share, _ in found(np.repeat(edges[3], 100)).bins]
    now = [share for _, _, share in found(np.repeat(edges[3], 100)).bins]
    assert shares == pytest.approx([0.1] * 10, abs=1e-3)
    assert now == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    mostly = Reference.from_data({"x": np.where(TRAINING > 0.5, TRAINING, 0.0)})
    assert len(mostly.features["x"].edges) == len(set(mostly.features["x"].edges)) < 9
    for plain in (psi, kl, js):
        assert inspect.signature(plain).parameters["bins"].default == 10
    assert ks(TRAINING, TRAINING[:500]).value == found(TRAINING[:500]).statistics["ks"].value
