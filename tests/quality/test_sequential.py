"""The sequential test: valid however often it is looked at, and able to see a difference."""

from __future__ import annotations

import math

import numpy as np
import pytest

from otelml.exceptions import QualityError
from otelml.quality import sequential

LOOKS = range(100, 2001, 100)
RUNS = 300


def _first_success(make, rule):
    """Return the share of experiments in which a rule, looked at twenty times, ever holds."""
    rng = np.random.default_rng(7)
    held = 0
    for _ in range(RUNS):
        one, other = make(rng)
        held += any(rule(one[:n], other[:n]) for n in LOOKS)
    return held / RUNS


def _differs(one, other):
    return sequential(one, other, effect=0.1).differs(0.05)


def _naive(one, other):
    error = math.sqrt(one.var(ddof=1) / len(one) + other.var(ddof=1) / len(other))
    return abs(other.mean() - one.mean()) > 1.96 * error


def test_equal_variants_are_seldom_told_apart_however_often_one_looks():
    """At most 5 % of experiments without a difference end; the ordinary test ends far more."""

    def equal(rng):
        return rng.random(2000) < 0.3, rng.random(2000) < 0.3

    as_numbers = lambda rng: tuple(side.astype(float) for side in equal(rng))  # noqa: E731
    assert _first_success(as_numbers, _differs) <= 0.05
    assert _first_success(as_numbers, _naive) > 0.15


def test_a_difference_is_found():
    """A tenth more of 30 % is found in nine of ten experiments of 2,000."""

    def unequal(rng):
        return (rng.random(2000) < 0.3).astype(float), (rng.random(2000) < 0.4).astype(float)

    assert _first_success(unequal, _differs) > 0.9


def test_the_interval_covers_the_difference_at_all_looks():
    """In at least 95 % of experiments it never leaves the difference out."""

    def leaves_out(one, other):
        found = sequential(one, other, effect=0.2)
        return not found.lower <= 0.15 <= found.upper

    def made(rng):
        return rng.normal(0.0, 1.0, 2000), rng.normal(0.15, 2.0, 2000)

    assert _first_success(made, leaves_out) <= 0.05


def test_it_is_the_formula():
    """By hand: n = m = 4, variances 1/3, so V = 1/6; d = 0.5, effect 1."""
    found = sequential([0, 1, 0, 1], [1, 1, 0, 2], effect=1.0)
    variance = (1 / 3) / 4 + (2 / 3) / 4
    ratio = math.sqrt(variance / (variance + 1)) * math.exp(0.25 / (2 * variance * (variance + 1)))
    assert found.difference == 0.5
    assert found.p_value == pytest.approx(min(1.0, 1 / ratio))
    assert found.rows == (4, 4)


def test_p_value_and_interval_agree():
    """Zero is outside the interval exactly where the p-value is below alpha."""
    rng = np.random.default_rng(3)
    for shift in (0.0, 0.1, 0.2, 0.3):
        found = sequential(rng.normal(size=400), rng.normal(shift, size=300), effect=0.2)
        assert found.differs(0.05) == (not found.lower <= 0 <= found.upper)


def test_without_spread_nothing_is_said():
    """Two variants without an error so far are not told apart."""
    assert sequential([0] * 50, [0] * 50, effect=0.1).p_value == 1.0


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (([1.0], [1.0, 2.0]), "first"),
        (([1.0, 2.0], ["a", "b"]), "second"),
        (([1.0, math.nan], [1.0, 2.0]), "first"),
    ],
)
def test_what_is_no_measurement_is_refused(arguments, word):
    """With which variant it is."""
    with pytest.raises(QualityError, match=word):
        sequential(*arguments, effect=0.1)
    with pytest.raises(QualityError, match="effect"):
        sequential([1, 2], [1, 2], effect=0)
    with pytest.raises(QualityError, match="alpha"):
        sequential([1, 2], [1, 2], effect=1, alpha=1)
