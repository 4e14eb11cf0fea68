"""Exactly the last rows as the window, by option."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

from otelml._monitor.last_rows import LastRows
from otelml._records.results import Results
from otelml.config import DriftOptions
from otelml.drift import compare
from otelml.exceptions import ConfigurationError
from otelml.reference import Feature, Reference, read_column
from tests.monitor._driver import Driver, normal, reference_of


def _table(generator, rows, shift=0.0):
    income = generator.normal(shift, 1, rows)
    income[generator.random(rows) < 0.1] = np.nan
    return {
        "income": income,
        "level": generator.choice(["a", "b", "c"], rows).tolist(),
        "count": generator.poisson(3, rows),
    }


def _dicts(columns):
    rows = zip(*(list(values) for values in columns.values()), strict=True)
    return [dict(zip(columns, row, strict=True)) for row in rows]


@pytest.mark.parametrize("form", [pd.DataFrame, pl.DataFrame, _dicts, "single"])
@pytest.mark.parametrize("batch", [7, 120, 900])
def test_each_check_looks_at_exactly_the_last_rows(form, batch):
    """Every statistic, the missing share and the counts are those of these rows, and no others."""
    generator = np.random.default_rng(1)
    reference = Reference.from_data(_table(generator, 3000))
    driver = Driver(reference, window="last", window_rows=300)
    seen = []
    for check in range(6):
        columns = _table(generator, batch, shift=check / 4)
        seen += _dicts(columns)
        if form == "single":
            for row in _dicts(columns):
                driver.send(row)
        else:
            driver.send(form(columns))
        driver.now += 300
        driver.finish()
        if len(seen) < 300:
            assert not driver.reports
            continue
        report = driver.reports[-1]
        expected = compare(reference, seen[-300:])
        assert report.rows == 300
        for name, found in expected.features.items():
            drift = report.findings[name].drift
            assert drift.missing_share == pytest.approx(found.missing_share)
            assert drift.bins == found.bins
            for method, statistic in found.statistics.items():
                assert drift.statistics[method].value == pytest.approx(statistic.value)


def test_predictions_are_the_last_ones_too():
    """Labels and confidences of the last rows."""
    generator = np.random.default_rng(2)
    reference = Reference.from_data(normal(generator, 2000), predictions=["yes", "no"] * 1000)
    driver = Driver(reference, window="last", window_rows=200)
    for share in (0.5, 0.9):
        labels = generator.choice(["yes", "no"], 200, p=[share, 1 - share]).tolist()
        driver.check(normal(generator, 200), Results(labels, None, None, ()))
        bins = {name: now for name, _, now in driver.reports[-1].findings["prediction"].drift.bins}
        assert bins["yes"] == pytest.approx(labels.count("yes") / 200)


def test_by_thresholds_a_check_decides_on_the_last_rows():
    """They alarm as soon as the last rows are far, and clear when these are gone."""
    driver = Driver(
        reference_of(), window="last", window_rows=500, verdict="thresholds", clear_after=1
    )
    generator = np.random.default_rng(3)
    driver.check(normal(generator, 500))
    moved = np.array([2.0, 0, 0])
    assert driver.check(normal(generator, 100) + moved).detected == ("f0",)
    for _ in range(4):
        driver.check(normal(generator, 100))
    assert {name for report in driver.reports for name in report.cleared} == set()
    assert driver.check(normal(generator, 100)).cleared == ("f0",)


def test_as_evidence_each_row_counts_once():
    """Checks of which each has one new row in ten do not multiply the evidence."""
    last = Driver(reference_of(), window="last", window_rows=500)
    new = Driver(reference_of(), window_rows=500)
    generator = np.random.default_rng(4)
    for _ in range(8):
        for part in np.split(normal(generator, 500) + np.array([0.1, 0, 0]), 10):
            last.send(part)
            new.send(part)
            for driver in (last, new):
                driver.now += driver.options.every_s
                driver.finish()
    assert len(new.reports) == 8
    assert len(last.reports) == 71  # from the first 500 rows on, at each check
    for place, report in enumerate(new.reports):
        same = last.reports[10 * place]
        for name in ("f0", "f1", "f2"):
            assert same.findings[name].evidence == pytest.approx(report.findings[name].evidence)
        for between in last.reports[10 * place : 10 * place + 9]:
            assert between.findings["f0"].evidence == same.findings["f0"].evidence


def test_the_budget_holds_where_windows_overlap():
    """Without a change nothing alarms, however often the same rows are looked at."""
    driver = Driver(
        reference_of(), window="last", window_rows=500, every="1m", false_alarm_every="30d"
    )
    generator = np.random.default_rng(5)
    driver.check(normal(generator, 500))
    for _ in range(300):
        driver.check(normal(generator, 50))
    assert not any(report.detected for report in driver.reports)


def test_without_a_new_row_there_is_no_check():
    """The same rows are not looked at twice, but on request."""
    driver = Driver(reference_of(), window="last", window_rows=100)
    driver.check(normal(np.random.default_rng(6), 150))
    for _ in range(3):
        driver.now += 300
        driver.finish()
    assert len(driver.reports) == 1
    driver.send(normal(np.random.default_rng(7), 1))
    driver.tick()
    assert driver.watch.checks == 2
    status = driver.monitor.status()[0]
    assert (status["rows_collected"], status["rows_needed"]) == (100, 100)


def test_a_column_that_is_absent_is_missing_in_these_rows():
    """It does not keep older rows in sight."""
    generator = np.random.default_rng(8)
    driver = Driver(Reference.from_data(_table(generator, 2000)), window="last", window_rows=100)
    driver.check(pd.DataFrame(_table(generator, 100)))
    report = driver.check(pd.DataFrame(_table(generator, 60)).drop(columns="count"))
    assert report.findings["count"].drift.missing_share == pytest.approx(0.6)


def test_what_is_held_is_bounded():
    """Twice the rows at most, whatever comes, and what was taken does not grow."""
    last = LastRows(100)
    feature = Feature.of("a", read_column(np.arange(1000.0)))
    for place in range(500):
        last.add("a", [float(place)])
        last.add("b", np.arange(float(place)))
    taken = last.taken()
    last.add("a", [1e9] * 30)
    assert sum(map(len, taken["a"])) <= 200
    assert sum(map(len, taken["b"])) <= 200
    window = last.window(feature, taken["a"], read_column)
    assert window.values.tolist() == list(map(float, range(400, 500)))


def test_two_ways_to_look_back_are_one_too_many():
    """An error that names both."""
    with pytest.raises(ConfigurationError, match=r"rolling is 3.*window='last'"):
        DriftOptions(window="last", rolling=3)
    with pytest.raises(ConfigurationError, match="window"):
        DriftOptions(window="sliding")
