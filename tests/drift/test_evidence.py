"""Evidence, budget, margin and dependence, at changes that are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from otelml.drift import (
    AlarmBudget,
    Evidence,
    LearnedMargin,
    e_value,
    effective_rows,
    ks_p_value,
    lag_1_autocorrelation,
    reference_margin,
    smallest_shift_seen,
)
from otelml.drift.margin import chi_squared_p_value
from otelml.exceptions import ConfigurationError
from otelml.reference import Sample

BUDGET = AlarmBudget(features=30, windows=1000)


def first_alarm(windows, sample, margin=None, effective=False, features=30):
    """Return after how many windows the first of several features alarms; None for none."""
    evidence = [Evidence(BUDGET) for _ in range(features)]
    margin = reference_margin(sample.rows) if margin is None else margin
    for place, window in enumerate(windows, 1):
        for one, values in zip(evidence, window.T, strict=True):
            rows = (
                effective_rows(len(values), lag_1_autocorrelation(values))
                if effective
                else len(values)
            )
            if one.add(ks_p_value(sample.distance(np.sort(values)), rows, margin)) == "alarm":
                return place
    return None


def test_the_mean_e_value_is_one():
    """1/(2√p) of a uniform p has the mean 1, so that evidence does not grow by itself."""
    p = (np.arange(1_000_000) + 0.5) / 1_000_000
    assert np.mean([e_value(x) for x in p[::10]]) == pytest.approx(1, abs=0.01)
    assert math.isfinite(e_value(0.0))


def test_evidence_is_the_shiryaev_roberts_sum():
    """M ← (1 + M)·e, by hand."""
    evidence = Evidence(BUDGET)
    expected = 0.0
    for p in (0.3, 0.04, 0.9, 0.001):
        assert evidence.add(p) == ""
        expected = (1 + expected) / (2 * math.sqrt(p))
        assert evidence.value == pytest.approx(expected, rel=1e-15)


def test_an_abrupt_change_alarms_at_once():
    """The constant rule: one p-value below 1/(2·F·ARL)."""
    assert Evidence(BUDGET).add(1 / 60_000 * 0.99) == "alarm"
    assert Evidence(BUDGET).add(1 / 60_000 * 1.01) == ""


def test_an_alarm_clears_after_quiet_windows():
    """A window that is not quiet starts the count anew; a window without a test changes nothing."""
    evidence = Evidence(BUDGET, clear_after=3)
    assert evidence.add(1e-9) == "alarm"
    assert [evidence.add(p) for p in (0.9, 0.9, 0.001, 0.9, math.nan, 0.9, 0.9)] == [
        "",
        "",
        "",
        "",
        "",
        "",
        "clear",
    ]
    assert not evidence.alarmed
    assert evidence.value == 0


def test_no_false_alarm_within_the_budget():
    """30 features, reference of 10,000, 200 windows of 500, no change: none alarms."""
    rng = np.random.default_rng(0)
    sample = Sample.of(rng.normal(size=10_000))
    assert first_alarm((rng.normal(size=(500, 30)) for _ in range(200)), sample) is None


@pytest.mark.parametrize(("shift", "within"), [(0.1, 14), (0.2, 3), (0.3, 1)])
def test_a_known_change_is_found_in_time(shift, within):
    """10 of 30 features shifted: the median delay of 5 runs."""
    rng = np.random.default_rng(1)
    delays = []
    for _ in range(5):
        sample = Sample.of(rng.normal(size=10_000))
        shifts = np.where(np.arange(30) < 10, shift, 0)
        delays.append(
            first_alarm((rng.normal(shifts, 1, (500, 30)) for _ in range(60)), sample) or math.inf
        )
    assert np.median(delays) <= within


def test_dependent_rows_need_the_effective_size():
    """AR(1) of 0.8, no change: n as it is alarms in a few windows, the effective size never."""
    rng = np.random.default_rng(2)

    def windows(count):
        noise = rng.normal(size=(count * 500, 30))
        rows = np.empty_like(noise)
        rows[0] = noise[0]
        for i in range(1, len(rows)):
            rows[i] = 0.8 * rows[i - 1] + 0.6 * noise[i]
        return rows.reshape(count, 500, 30)

    sample = Sample.of(rng.normal(size=10_000))
    data = windows(60)
    assert first_alarm(data, sample) <= 3
    assert first_alarm(data, sample, effective=True) is None


def test_a_learned_margin_covers_a_daily_pattern_and_still_sees_a_shift():
    """Hourly windows of a sine of 0.3 deviations: a day of learning, no alarm in ten days, a shift of 0.5 found."""
    rng = np.random.default_rng(3)
    season = 0.3 * np.sin(np.arange(2400) / 24 * 2 * np.pi)
    reference = Sample.of(rng.normal(0.3 * np.sin(rng.uniform(0, 2 * np.pi, 10_000)), 1))
    day = [rng.normal(season[h], 1, 500) for h in range(24)]
    learned = LearnedMargin(24)
    for values in day:
        learned.add(reference.distance(np.sort(values)), 500)
    assert not learned.learning
    plain = reference_margin(10_000)
    days = [rng.normal(season[h], 1, (500, 1)) for h in range(240)]
    assert first_alarm(days, reference, plain, features=1) is not None
    assert first_alarm(days, reference, plain + learned.excess, features=1) is None
    shifted = [window + 0.5 for window in days]
    assert first_alarm(shifted, reference, plain + learned.excess, features=1) <= 8


def test_replicas_share_the_largest_excess():
    """Merging takes the larger of both."""
    first, second = LearnedMargin(1), LearnedMargin(1)
    first.add(0.2, 500)
    second.add(0.3, 500)
    assert first.merge(second).excess == second.excess > first.excess


def test_the_p_value_is_that_of_a_known_distribution():
    """Without a margin it is scipy's one-sample p-value, within 0.005."""
    for distance in (0.02, 0.04, 0.06, 0.1):
        assert ks_p_value(distance, 500, 0.0) == pytest.approx(
            stats.kstwo.sf(distance, 500), abs=0.005
        )


def test_the_smallest_shift_seen_is_where_the_p_value_meets_the_level():
    """Just above it the constant rule alarms, just below it not."""
    seen = smallest_shift_seen(500, 0.03, 1e-5)
    assert ks_p_value(seen + 1e-4, 500, 0.03) < 1e-5 < ks_p_value(seen - 1e-4, 500, 0.03)


def test_chi_squared_gives_the_references_error_away():
    """A reference as small as the window: a noncentral chi-squared of what its error explains."""
    largest = stats.chi2.isf(0.05 / 30, 9)
    for value in (9.0, 30.0, 80.0):
        expected = stats.ncx2.sf(value, 9, 500 * (largest / 500 + 0.1**2))
        found = chi_squared_p_value(value, 9, 500, 500, features=30, excess=0.1)
        assert found == pytest.approx(expected, abs=1e-9)
    assert chi_squared_p_value(20, 9, 500, 10**9) == pytest.approx(stats.chi2.sf(20, 9), abs=1e-6)


def test_an_empty_budget_is_refused():
    """No features, or no time."""
    for features, windows in ((0, 10), (3, 0), (3, math.nan)):
        with pytest.raises(ConfigurationError):
            AlarmBudget(features, windows)
    assert AlarmBudget.every(30 * 86_400, 300, 10) == AlarmBudget(10, 8640)
