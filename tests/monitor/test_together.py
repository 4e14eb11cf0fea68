"""What no column shows alone: columns that go together otherwise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from otelml import semconv
from otelml.reference import Reference
from tests.monitor._driver import Driver

NAME = semconv.FEATURE_MULTIVARIATE


def _table(generator, rows, sign=1):
    x, noise = generator.normal(size=(2, rows))
    return {"a": x, "b": sign * x + noise / 2, "c": generator.normal(size=rows)}


def _frame(columns):
    return pd.DataFrame(columns)


def _rows(columns):
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _array(columns):
    return np.column_stack(list(columns.values()))


@pytest.mark.parametrize("form", [_frame, _rows, _array])
def test_a_correlation_that_turns_round_is_an_alarm(form):
    """Each column is as it was; only the feature of all of them alarms, and it clears."""
    generator = np.random.default_rng(1)
    driver = Driver(Reference.from_data(_table(generator, 5000)), clear_after=1)
    for _ in range(12):
        assert driver.check(form(_table(generator, 600))).detected == ()
    assert NAME in driver.reports[-1].findings
    found = {
        name for _ in range(3) for name in driver.check(form(_table(generator, 600, -1))).detected
    }
    assert found == {NAME}
    cleared = {
        name for _ in range(6) for name in driver.check(form(_table(generator, 600))).cleared
    }
    assert cleared == {NAME}


def test_single_rows_are_watched_together_too():
    """One-row predictions, missing values among them, are read a block at a time."""
    generator = np.random.default_rng(2)
    driver = Driver(Reference.from_data(_table(generator, 5000)))

    def check(sign):
        for place, row in enumerate(_rows(_table(generator, 1100, sign))):
            driver.send({**row, "c": None} if place % 50 == 0 else row)
        return driver.tick()

    for _ in range(5):
        assert check(1).detected == ()
    assert {name for _ in range(3) for name in check(-1).detected} == {NAME}


@pytest.mark.parametrize(
    "columns",
    [
        {"a": np.arange(3000.0)},
        {"a": np.arange(3000.0), "b": ["x", "y", "z"] * 1000},
        {"a": np.zeros(3000), "b": np.ones(3000)},
    ],
)
def test_where_nothing_goes_together_nothing_is_watched(columns):
    """One number, or numbers that never vary."""
    driver = Driver(Reference.from_data(columns))
    for _ in range(3):
        report = driver.check(pd.DataFrame(columns))
        assert NAME not in report.findings
        assert report.mismatches == {}


def test_a_column_of_that_very_name_keeps_it():
    """It is a feature as any other."""
    generator = np.random.default_rng(3)
    table = {**_table(generator, 5000), NAME: generator.normal(size=5000)}
    driver = Driver(Reference.from_data(table))
    for _ in range(2):
        report = driver.check(pd.DataFrame(table))
        assert report.findings[NAME].drift.statistics["ks"].value < 0.01
    assert driver.watch.totals[NAME].sum() == 10_000


def test_columns_that_are_missing_or_of_another_kind_do_no_harm():
    """Rows without a column are left out; text where numbers were counts as missing."""
    generator = np.random.default_rng(4)
    driver = Driver(Reference.from_data(_table(generator, 5000)))
    for _ in range(4):
        driver.check(pd.DataFrame(_table(generator, 600)))
    before = driver.watch.totals[NAME].sum()
    report = driver.check(pd.DataFrame(_table(generator, 600)).drop(columns="c"))
    assert report.mismatches == {"c": "not in the window"} or "c" in report.findings
    assert driver.watch.totals[NAME].sum() == before
    frame = pd.DataFrame(_table(generator, 600)).assign(c=["no number"] * 600)
    assert NAME in driver.check(frame).findings


def test_what_goes_together_is_found_in_slices():
    """A step a column at least, rows that come meanwhile are taken in, and drift is found after."""
    generator = np.random.default_rng(5)
    driver = Driver(Reference.from_data(_table(generator, 5000)))
    for _ in range(2):
        driver.send(_frame(_table(generator, 2000)))
    steps = driver.watch.begin_together()
    count = 0
    for _ in steps:
        count += 1
        driver.send(_frame(_table(generator, 10)))
        assert NAME not in driver.watch.states
    assert count > len(_table(generator, 1))
    assert NAME in driver.watch.states
    assert list(driver.watch.begin_together()) == []  # once
    for _ in range(3):
        assert driver.check(_frame(_table(generator, 600))).detected == ()
    found = {
        name for _ in range(3) for name in driver.check(_frame(_table(generator, 600, -1))).detected
    }
    assert found == {NAME}
