"""Silence without drift, alarms with it, and their end."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from otelml.config import DriftOptions
from otelml.exceptions import ConfigurationError
from otelml.reference import Reference
from tests.monitor._driver import Driver, normal, reference_of

BUDGET = 300 * 1000  # a thousand windows of five minutes


@pytest.mark.slow
def test_no_drift_is_silent_over_many_windows():
    """120 windows of 30 features that did not change raise nothing, by a budget of 1,000."""
    driver = Driver(reference_of(columns=30), false_alarm_every=BUDGET)
    generator = np.random.default_rng(1)
    for _ in range(120):
        driver.check(normal(generator, 500, 30))
    assert not any(report.detected for report in driver.reports)
    assert len(driver.reports) == 120


@pytest.mark.parametrize(("shift", "windows"), [(0.1, 30), (0.2, 4), (0.3, 2)])
def test_a_shift_is_found_within_the_windows_of_the_design(shift, windows):
    """10 of 30 features that shift by so many deviations alarm, and no other one does."""
    driver = Driver(reference_of(columns=30), false_alarm_every=BUDGET)
    generator = np.random.default_rng(2)
    moved = np.where(np.arange(30) < 10, shift, 0.0)
    for _ in range(5):
        driver.check(normal(generator, 500, 30))
    assert not any(report.detected for report in driver.reports)
    for _ in range(windows):
        driver.check(normal(generator, 500, 30) + moved)
    found = {name for report in driver.reports for name in report.detected}
    assert found
    assert found <= {f"f{place}" for place in range(10)}


def test_an_alarm_clears_with_its_own_event_and_comes_again():
    """Back to normal, the alarm ends after quiet windows, and a second shift alarms again."""
    driver = Driver(reference_of(), clear_after=2)
    generator = np.random.default_rng(3)
    assert driver.check(normal(generator, 500) + np.array([2, 0, 0])).detected == ("f0",)
    assert driver.check(normal(generator, 500) + np.array([2, 0, 0])).detected == ()
    assert driver.reports[-1].drifted == ("f0",)
    cleared = [driver.check(normal(generator, 500)).cleared for _ in range(12)]
    assert cleared.count(("f0",)) == 1
    assert driver.reports[-1].drifted == ()
    assert driver.check(normal(generator, 500) + np.array([2, 0, 0])).detected == ("f0",)


def test_a_discrete_feature_and_one_of_strings_alarm():
    """Shares of values and of levels are tested by chi-squared, and their change is found."""
    generator = np.random.default_rng(4)

    def rows(share, count=500):
        return {
            "visits": generator.poisson(2, count),
            "city": generator.choice(["a", "b", "c"], count, p=[0.6 - share, 0.3 + share, 0.1]),
        }

    def table(share):
        columns = rows(share)
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    driver = Driver(Reference.from_data(rows(0, 10_000)), false_alarm_every=BUDGET)
    for _ in range(60):
        assert driver.check(table(0)).detected == ()
    assert driver.check(table(0.2)).detected == ("city",)


def test_levels_that_the_reference_never_had_are_no_alarm_while_they_are_few():
    """One unseen level in a window is no finding; a quarter of the window is one."""
    generator = np.random.default_rng(5)
    reference = Reference.from_data({"city": generator.choice(["a", "b"], 5000)})
    driver = Driver(reference)
    cities = generator.choice(["a", "b"], 500).tolist()
    assert driver.check([{"city": c} for c in ["z", *cities]]).detected == ()
    assert driver.check([{"city": c} for c in ["z"] * 150 + cities]).detected == ("city",)


def test_rows_that_resemble_the_ones_before_raise_no_alarm():
    """AR(1) with a correlation of 0.9: rows count for as many independent ones as they are worth."""
    generator = np.random.default_rng(6)

    def series(count, rho=0.9):
        noise = generator.normal(size=count) * np.sqrt(1 - rho**2)
        values = np.empty(count)
        values[0] = generator.normal()
        for place in range(1, count):
            values[place] = rho * values[place - 1] + noise[place]
        return values[:, None]

    reference = Reference.from_data(generator.normal(size=(10_000, 1)), feature_names=["x"])
    driver = Driver(reference, false_alarm_every=BUDGET)
    for _ in range(60):
        driver.check(series(500))
    assert not any(report.detected for report in driver.reports)


def test_thresholds_decide_where_asked():
    """``verdict="thresholds"`` alarms by the classic bands, from the first window on."""
    driver = Driver(reference_of(), verdict="thresholds", clear_after=1)
    generator = np.random.default_rng(7)
    assert driver.check(normal(generator, 500) + np.array([1, 0, 0])).detected == ("f0",)
    assert driver.check(normal(generator, 500)).cleared == ("f0",)


def test_own_thresholds_hold():
    """A band that nothing reaches keeps the classic rule silent."""
    far = dict.fromkeys(("psi", "kl", "js", "wasserstein"), (50.0, 99.0))
    driver = Driver(reference_of(), verdict="thresholds", thresholds=far)
    generator = np.random.default_rng(8)
    assert driver.check(normal(generator, 500) + np.array([1, 0, 0])).detected == ()


def test_p_values_are_classic_thresholds_too():
    """The p-value of KS decides like the others where ``p_value`` is asked for."""
    far = dict.fromkeys(("psi", "kl", "js", "wasserstein"), (50.0, 99.0))
    moved = normal(np.random.default_rng(8), 500) + np.array([1, 0, 0])
    asked = {**far, "p_value": (0.05, 0.01)}
    by_p = Driver(reference_of(), verdict="thresholds", thresholds=asked).check(moved)
    assert "f0" in by_p.detected
    unasked = Driver(reference_of(), verdict="thresholds", thresholds=far).check(moved)
    assert unasked.detected == ()
    never = {**far, "p_value": (0.0, 0.0)}
    silent = Driver(reference_of(), verdict="thresholds", thresholds=never).check(moved)
    assert silent.detected == ()
    assert silent.findings["f0"].severity == 0
    wide = {**far, "p_value": (1.0, 0.0)}
    moderate = Driver(reference_of(), verdict="thresholds", thresholds=wide).check(moved)
    assert moderate.findings["f0"].severity == 1
    assert moderate.detected == ()


@pytest.mark.parametrize("band", [(0.01, 0.05), (1.5, 0.1), (0.1,), ("a", "b"), (math.nan, 0.0)])
def test_p_value_bands_decrease(band):
    """A band of p-values that is none is refused."""
    with pytest.raises(ConfigurationError, match="two decreasing numbers"):
        DriftOptions(thresholds={"p_value": band})


def test_a_critical_feature_is_significant_however_small_its_drift():
    """A critical feature's drift has the highest severity."""
    driver = Driver(reference_of(), critical_features=("f0",))
    generator = np.random.default_rng(9)
    for _ in range(6):
        report = driver.check(normal(generator, 2000) + np.array([0.15, 0, 0]))
        if report.drifted:
            break
    assert report.critical == ("f0",)
    assert report.findings["f0"].severity == 2


def test_a_look_at_few_rows_leaves_them():
    """A check that is asked for with too few rows tells of them and takes none away."""
    from otelml._monitor import Asked

    driver = Driver(reference_of())
    generator = np.random.default_rng(10)
    driver.send(normal(generator, 20))
    asked = Asked("check")
    driver.monitor.ask(asked)
    driver.finish()
    assert asked.done.is_set()
    assert asked.answers[0]["rows"] == 20
    assert asked.answers[0]["counted"] is False
    assert driver.watch.rows == 20
    assert "20 usable values" in driver.reports[-1].findings["f0"].drift.reason


def test_a_check_waits_for_its_rows():
    """Not before ``window_rows`` rows are there, and then at once."""
    driver = Driver(reference_of(), window_rows=300)
    generator = np.random.default_rng(11)
    driver.send(normal(generator, 200))
    driver.now += 3000
    driver.finish()
    assert not driver.reports
    driver.send(normal(generator, 200))
    driver.finish()
    assert driver.reports[0].rows == 400


def _awkward(generator, rows):
    runs = generator.normal(size=rows)
    for place in np.flatnonzero(generator.random(rows - 1) < 0.05):
        runs[place + 1] = runs[place]
    return pd.DataFrame(
        {
            "one decimal": np.round(generator.normal(size=rows), 1),
            "lognormal": np.exp(4 * generator.normal(size=rows)),
            "cauchy": generator.standard_cauchy(rows),
            "zeros": np.where(generator.random(rows) < 0.9, 0, generator.normal(size=rows)),
            "rare": (generator.random(rows) < 0.004).astype(int),
            "zipf": np.minimum(generator.zipf(1.3, rows), 5000).astype(str),
            "thousands": generator.integers(0, 3000, rows).astype(str),
            "runs": runs,
            "missing": np.where(generator.random(rows) < 0.3, np.nan, generator.normal(size=rows)),
            "few": generator.choice(list("abcdef"), rows, p=[0.9, 0.06, 0.02, 0.01, 0.007, 0.003]),
        }
    )


@pytest.mark.parametrize(("rows", "windows"), [(100, 60), (500, 40), (5000, 10)])
def test_awkward_columns_are_silent_where_nothing_changed(rows, windows):
    """Ties, heavy tails, rare and very many levels, runs of copies, missing values."""
    generator = np.random.default_rng(13)
    reference = Reference.from_data(_awkward(generator, 10_000))
    driver = Driver(reference, false_alarm_every=BUDGET, window_rows=100)
    for _ in range(windows):
        driver.check(_awkward(generator, rows))
    assert not any(report.detected or report.skewed for report in driver.reports)


def test_statistics_may_look_back_and_evidence_does_not():
    """With ``rolling`` the statistics are over the last windows; each row is evidence once."""
    generator = np.random.default_rng(14)
    rolling, plain = Driver(reference_of(), rolling=3), Driver(reference_of())
    for place in range(4):
        rows = normal(generator, 500) + np.array([0.5 if place == 3 else 0.0, 0, 0])
        rolling.check(rows)
        plain.check(rows)
    after, alone = rolling.reports[-1].findings["f0"], plain.reports[-1].findings["f0"]
    assert after.drift.statistics["wasserstein"].value < 0.6 * (
        alone.drift.statistics["wasserstein"].value
    )
    assert after.evidence == alone.evidence
    assert after.p_value == alone.p_value
