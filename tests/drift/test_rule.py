"""The rule: what is given away, so that evidence adds up where nothing changed."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from scipy.signal import lfilter

from otelml.drift import (
    AlarmBudget,
    Evidence,
    FeatureRule,
    LearnedMargin,
    as_distance,
    ks_p_value,
    level_autocorrelation,
    reference_margin,
    repeats,
)
from otelml.drift.survival import noncentral_chi_squared_tail
from otelml.reference import Column, Reference, margins_cover
from otelml.reference.margins import learn_margins


def numbers(values):
    """Return numbers as a column."""
    return Column("numeric", np.asarray(values, float))


def rule_of(values, **options):
    """Return the rule of a feature with these values in its reference."""
    ordered = options.pop("ordered", False)
    made = Reference.from_data({"x": values}, ordered=ordered)
    return FeatureRule(made.features["x"], **options)


def alarms(rules, windows, budget=200, warm=24):
    """Return how many rules alarm after the windows that are learned from."""
    evidence = [Evidence(AlarmBudget(len(rules), budget)) for _ in rules]
    found = set()
    for place, window in enumerate(windows):
        for number, (rule, one, column) in enumerate(zip(rules, evidence, window, strict=True)):
            if one.add(rule.p_value(column)) == "alarm" and place >= warm:
                found.add(number)
    return len(found)


@pytest.mark.parametrize("value", [0.5, 9.0, 40.0, 300.0, 2000.0])
@pytest.mark.parametrize("dof", [1, 4, 9, 30])
@pytest.mark.parametrize("noncentrality", [0.0, 0.3, 20.0, 700.0])
def test_the_noncentral_tail_is_that_of_scipy(value, dof, noncentrality):
    """A mixture of chi-squared tails, to 1e-9."""
    expected = (
        stats.ncx2.sf(value, dof, noncentrality) if noncentrality else stats.chi2.sf(value, dof)
    )
    assert noncentral_chi_squared_tail(value, dof, noncentrality) == pytest.approx(
        expected, abs=1e-9
    )


def test_a_very_large_noncentrality_has_the_normal_limit():
    """No long sum, no overflow; within 0.005."""
    found = noncentral_chi_squared_tail(50_500, 9, 50_000)
    assert found == pytest.approx(stats.ncx2.sf(50_500, 9, 50_000), abs=0.005)


def test_large_windows_need_a_larger_margin():
    """C is 1 for small windows, and the Kolmogorov quantile of all features at most."""
    assert reference_margin(10_000, window=500, features=30) == reference_margin(10_000)
    largest = math.sqrt(math.log(2 * 30 / 0.05) / 2)
    margins = [reference_margin(1000, window=n, features=30) for n in (500, 5000, 10**9)]
    assert margins == sorted(margins)
    assert margins[-1] == pytest.approx(largest / math.sqrt(1000), rel=0.01)


def test_a_small_reference_beside_large_windows_raises_no_alarm():
    """1,000 rows of reference, windows of 5,000: the reference's own error is not drift."""
    rng = np.random.default_rng(1)
    rules = [rule_of(rng.normal(size=1000)) for _ in range(30)]
    windows = ([numbers(rng.normal(size=5000)) for _ in rules] for _ in range(70))
    assert alarms(rules, windows) == 0


def test_small_levels_beside_large_windows_raise_no_alarm():
    """The same of chi-squared, with levels so rare that a window has none of them."""
    rng = np.random.default_rng(2)
    shares = 1 / np.arange(1, 200) ** 1.5
    shares /= shares.sum()

    def draw(rows):
        return tuple(map(str, rng.choice(len(shares), rows, p=shares)))

    rules = [rule_of(list(draw(1000))) for _ in range(10)]
    windows = ([Column("categorical", np.empty(0), draw(2000)) for _ in rules] for _ in range(60))
    assert alarms(rules, windows) == 0


def test_a_burst_is_worth_one_row():
    """Copies in runs count once; values that are merely frequent count fully."""
    rng = np.random.default_rng(3)
    plain = rng.normal(size=500)
    burst = plain.copy()
    burst[100:150] = burst[100]
    assert repeats(plain) == 1.0
    assert repeats(burst) > 4
    assert repeats(rng.integers(0, 3, 5000)) < 1.15
    assert repeats(np.zeros(100)) == 1.0
    assert repeats(np.zeros(0)) == 1.0
    assert repeats(["a", "b"] * 50) == 1.0


def test_a_sensor_that_sticks_is_found():
    """All rows of one value are a change, not a burst that counts once."""
    rng = np.random.default_rng(4)
    rule = rule_of(rng.normal(size=20_000), ordered=True)
    half = np.concatenate([rng.normal(size=250), np.full(250, 2.0)])
    rule.p_value(numbers(rng.normal(size=500)))
    rule.p_value(numbers(half))
    assert rule.p_value(numbers(np.full(500, 2.0))) < 1e-9


@pytest.mark.parametrize("rho", [0.5, 0.95])
@pytest.mark.parametrize("rows", [50, 500])
def test_dependent_rows_raise_no_alarm(rho, rows):
    """AR(1) windows that follow each other, of short windows too."""
    rng = np.random.default_rng(5)
    noise = rng.normal(size=(20, rows * 80)) * math.sqrt(1 - rho**2)
    paths = lfilter([1.0], [1.0, -rho], noise, axis=1)[:, rows:]
    rules = [rule_of(rng.normal(size=10_000)) for _ in paths]
    windows = ([numbers(path[i * rows : (i + 1) * rows]) for path in paths] for i in range(79))
    assert alarms(rules, windows) == 0


def test_levels_that_stay_are_dependent():
    """The share of equal neighbours beyond chance; 0 of independent ones."""
    rng = np.random.default_rng(6)
    assert abs(level_autocorrelation(rng.choice(["a", "b", "c"], 20_000).tolist())) < 0.03
    kept = np.repeat(rng.choice(["a", "b", "c"], 5000), 4).tolist()
    assert level_autocorrelation(kept) == pytest.approx(0.75, abs=0.03)
    assert level_autocorrelation(["a"] * 9) == 0.0
    assert level_autocorrelation([]) == 0.0


def test_a_daily_pattern_is_learned_and_a_shift_still_seen():
    """Hours of a sine of 0.3 deviations: no alarm in 10 days, a shift of 0.3 within 5 windows."""
    rng = np.random.default_rng(7)
    season = 0.3 * np.sin(np.arange(600) / 24 * 2 * np.pi)
    training = rng.normal(0.3 * np.sin(rng.uniform(0, 2 * np.pi, (10, 10_000))), 1)
    rules = [rule_of(values, features=10) for values in training]

    def windows(hours, shift=0.0):
        return ([numbers(rng.normal(season[h] + shift, 1, 500)) for _ in rules] for h in hours)

    assert alarms(rules, windows(range(264))) == 0
    assert alarms(rules, windows(range(264, 269), 0.3), warm=0) > 0


def test_without_a_pattern_nothing_is_given_away():
    """Distances as chance makes them leave small shifts in sight."""
    rng = np.random.default_rng(8)
    plain = sum(learned(rng, 0.0) == 0 for _ in range(40))
    seasonal = sum(learned(rng, 0.6) > 0.05 for _ in range(40))
    assert plain >= 26  # 33 expected
    assert seasonal == 40


def learned(rng, amplitude):
    """Return the excess of a day of hours with this sine."""
    margin = LearnedMargin(24, reference_rows=10_000)
    for hour in range(24):
        moved = rng.normal(amplitude * math.sin(hour / 12 * math.pi), 1, 500)
        margin.add(stats.kstest(moved, "norm").statistic, 500)
    return margin.excess


def test_margins_of_a_reference_hold_where_it_has_enough_windows():
    """Shorter windows have at least the margin of longer ones."""
    rng = np.random.default_rng(9)
    hours = np.arange(24_000) / 500
    margins = learn_margins(rng.normal(0.6 * np.sin(hours / 12 * np.pi), 1))
    sizes = sorted(margins)
    assert [margins[n] for n in sizes] == sorted(margins.values(), reverse=True)
    assert margins[500] > 0.1
    assert margins_cover(margins, 500, 24_000)
    assert not margins_cover(margins, 2000, 24_000)
    assert not margins_cover({}, 500, 24_000)


def test_a_chi_squared_is_learned_as_a_distance():
    """Below chance by its p-value; above it by what the noncentrality explains."""
    value = stats.chi2.isf(0.5, 9)
    assert ks_p_value(as_distance(value, 9, 10**8), 10**8, 0.0) == pytest.approx(0.5, abs=1e-3)
    far = as_distance(900.0, 9, 1000)
    assert far - 1.2 / math.sqrt(1000) == pytest.approx(math.sqrt(0.9), rel=0.02)


def test_levels_with_a_daily_pattern_are_learned():
    """The share of a level follows the day: no alarm in 10 days, another share is found."""
    rng = np.random.default_rng(10)

    def window(hour, moved=0.0):
        share = 0.5 + 0.1 * math.sin(hour / 12 * math.pi) + moved
        return Column(
            "categorical", np.empty(0), tuple(np.where(rng.random(500) < share, "a", "b"))
        )

    rule = rule_of(np.where(rng.random(10_000) < 0.5, "a", "b").tolist())
    assert alarms([rule], ([window(hour)] for hour in range(264))) == 0
    assert alarms([rule], ([window(hour, 0.35)] for hour in range(264, 270)), warm=0) == 1


def test_few_rows_and_learning_have_no_p_value():
    """NaN, so that evidence stays as it is."""
    rng = np.random.default_rng(11)
    rule = rule_of(rng.normal(size=10_000), learned=LearnedMargin(2))
    found = [rule.p_value(numbers(rng.normal(size=n))) for n in (49, 100, 100, 100)]
    assert [math.isnan(p) for p in found] == [True, True, True, False]
    assert not rule.learning
    rule = rule_of(rng.normal(size=10_000))
    rule.p_value(numbers(rng.normal(size=500)))
    assert rule.learning
    rule = rule_of(rng.normal(size=20_000), ordered=True)
    rule.p_value(numbers(rng.normal(size=500)))
    assert not rule.learning


@pytest.mark.parametrize(
    "column",
    [
        Column("categorical", np.empty(0), ("a",) * 100),
        Column("empty", np.empty(0), (), 100),
        Column("datetime", np.arange(100.0)),
    ],
)
def test_another_kind_has_no_p_value(column):
    """Neither an exception nor evidence."""
    rule = rule_of(np.random.default_rng(12).normal(size=1000))
    assert math.isnan(rule.p_value(column))
    assert math.isnan(rule_of([None] * 100).p_value(column))


def test_more_levels_than_a_reference_keeps_are_no_alarm():
    """It kept those that it happened to see most, so that the others are more than they were."""
    rng = np.random.default_rng(21)
    words = np.array([f"w{place}" for place in range(3000)])
    rules = [rule_of(words[rng.integers(0, 3000, 10_000)], learned=LearnedMargin(0))]
    windows = [
        [Column("categorical", np.empty(0), tuple(words[rng.integers(0, 3000, 500)].tolist()))]
        for _ in range(60)
    ]
    assert alarms(rules, windows, budget=1000, warm=0) == 0


def test_dependent_rows_with_far_values_raise_no_alarm():
    """Of lognormal rows one far value hides that others resemble the ones before: ranks do not."""
    rng = np.random.default_rng(22)

    def series(count, rho=0.9):
        noise = rng.normal(size=count + 200) * math.sqrt(1 - rho**2)
        return np.exp(6 * lfilter([1], [1, -rho], noise)[200:])

    rules = [rule_of(series(200_000), learned=LearnedMargin(0)) for _ in range(4)]
    windows = [[numbers(series(500)) for _ in rules] for _ in range(40)]
    assert alarms(rules, windows, budget=1000, warm=0) == 0


def test_a_look_takes_nothing_in():
    """Peeking gives what observing would, learning or not, and leaves the rule as it was."""
    rng = np.random.default_rng(23)
    for rows in (100, 500):
        rule = rule_of(rng.normal(size=5000), learned=LearnedMargin(2))
        for _ in range(4):
            window = numbers(rng.normal(size=rows))
            before = (rule.autocorrelation, list(rule.learned.distances), list(rule._held))
            seen = rule.peek(window)
            assert before[1:] == (rule.learned.distances, rule._held)
            assert before[0] == pytest.approx(rule.autocorrelation, nan_ok=True)
            assert seen == pytest.approx(rule.observe(window), nan_ok=True)


@pytest.mark.parametrize("values", ["continuous", "discrete"])
def test_the_smallest_shift_is_what_a_window_shows(values):
    """A distance above it has a p-value below the level; learned margins and fewer rows hide."""
    rng = np.random.default_rng(24)
    data = rng.normal(size=10_000) if values == "continuous" else rng.integers(0, 4, 10_000)
    rule = rule_of(data, learned=LearnedMargin(0))
    seen = rule.observe(numbers(data[:500]))
    shift = seen.smallest_shift(1, 1e-5)
    value = shift if not seen.dof else shift**2 * seen.rows
    assert seen._replace(value=value * 1.001).p_value(1) <= 1.01e-5
    assert seen._replace(excess=0.1).smallest_shift(1, 1e-5) > shift
    assert seen._replace(rows=100.0).smallest_shift(1, 1e-5) > shift
    assert math.isnan(seen._replace(excess=math.nan).smallest_shift(1, 1e-5))


def test_halving_keeps_the_window_that_strayed_most():
    """What is learned of very many windows is bounded, and never less than it was."""
    rng = np.random.default_rng(25)
    learned = LearnedMargin(10_000)
    for place in range(1025):
        learned.add(0.3 if place == 700 else float(rng.uniform(0.01, 0.05)), 400.0)
    before = learned.excess
    for _ in range(3):
        learned.halve()
        assert learned.excess == before == pytest.approx(0.3 - 1.2 / 20)
    assert len(learned.distances) < 200


def test_levels_that_a_small_reference_hardly_saw_are_no_change():
    """In a window larger than the reference many rows have levels that it has once, or never."""
    shares = 1 / np.arange(1, 301)
    shares /= shares.sum()
    rng = np.random.default_rng(3)

    def levels(rows, p=shares):
        return rng.choice(300, rows, p=p).astype(str).tolist()

    for _ in range(10):
        feature = Reference.from_data({"x": levels(1_000)}).features["x"]
        rule = FeatureRule(feature, features=30, learned=LearnedMargin(0))
        assert rule.p_value(Column("categorical", np.empty(0), tuple(levels(5_000)))) > 1e-3
    moved = np.roll(shares, 20)
    assert rule.p_value(Column("categorical", np.empty(0), tuple(levels(5_000, moved)))) < 1e-9
