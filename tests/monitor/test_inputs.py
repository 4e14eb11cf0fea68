"""Whatever rows look like: read right, or told of, never an error."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse

from otelml import _guard
from otelml.reference import Reference
from tests.monitor._driver import Driver, normal, reference_of

NAMES = ["f0", "f1", "f2"]


@pytest.fixture(autouse=True)
def no_errors():
    """Nothing that a test sends may be an error inside otelml."""
    before = sum(_guard.errors.values())
    yield
    assert sum(_guard.errors.values()) == before


FORMS = {
    "array": lambda x: x,
    "float32": lambda x: x.astype(np.float32),
    "pandas": lambda x: pd.DataFrame(x, columns=NAMES),
    "pandas in another order": lambda x: pd.DataFrame(x, columns=NAMES)[NAMES[::-1]],
    "polars": lambda x: pl.DataFrame(x, schema=NAMES),
    "mappings": lambda x: [dict(zip(NAMES, row, strict=True)) for row in x.tolist()],
    "rows": lambda x: x.tolist(),
    "sparse": sparse.csr_matrix,
    "sparse columns": sparse.csc_matrix,
    "objects": lambda x: x.astype(object),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_table_gives_the_same_window(form):
    """The shifted column is found, the counts are those of the array."""
    values = normal(np.random.default_rng(1), 600) + np.array([0, 1, 0])
    driver, plain = Driver(reference_of()), Driver(reference_of())
    report = driver.check(FORMS[form](values))
    plain.check(values)
    assert report.detected == ("f1",)
    assert report.mismatches == {}
    expected = [total.tolist() for total in plain.watch.totals.values()]
    found = [total.tolist() for total in driver.watch.totals.values()]
    assert found == expected or form == "float32"


SINGLE = {
    "mapping": lambda row: dict(zip(NAMES, row.tolist(), strict=True)),
    "row of an array": lambda row: row,
    "array of a row": lambda row: row[None, :],
    "tuple": lambda row: tuple(row.tolist()),
    "list of a mapping": lambda row: [dict(zip(NAMES, row.tolist(), strict=True))],
    "pandas": lambda row: pd.DataFrame([row], columns=NAMES),
    "polars": lambda row: pl.DataFrame([row.tolist()], schema=NAMES, orient="row"),
}


@pytest.mark.parametrize("form", SINGLE)
def test_single_rows_are_gathered(form):
    """Rows that come one by one are a window like a batch."""
    driver = Driver(reference_of())
    for row in normal(np.random.default_rng(2), 520) + np.array([0, 1, 0]):
        driver.send(SINGLE[form](row))
    report = driver.tick()
    assert report.rows == 520
    assert report.detected == ("f1",)
    assert sum(driver.watch.totals["f0"]) == 520


def test_a_missing_column_is_told_and_the_others_are_checked():
    """A column that never comes is a mismatch; the shift of another one is found."""
    values = normal(np.random.default_rng(3), 600) + np.array([1, 0, 0])
    driver = Driver(reference_of())
    report = driver.check(pd.DataFrame(values[:, :2], columns=NAMES[:2]))
    assert report.mismatches == {"f2": "not in the window"}
    assert report.detected == ("f0",)
    assert "0 usable values" in report.findings["f2"].drift.reason


def test_a_further_column_and_another_width_are_told():
    """A column that the reference lacks is named; a nameless table of another width is told."""
    generator = np.random.default_rng(4)
    driver = Driver(reference_of())
    driver.send(pd.DataFrame(normal(generator, 600, 4), columns=[*NAMES, "more"]))
    driver.send(normal(generator, 10, 5))
    report = driver.tick()
    assert report.mismatches == {"more": "not in the reference", "": "5 columns, not 3"}
    assert report.detected == ()


def test_a_column_of_nothing_is_no_detection():
    """All values missing or infinite: a reason, no alarm, and the bins that say so."""
    values = normal(np.random.default_rng(5), 600)
    values[:, 0], values[:, 1] = np.nan, np.inf
    driver = Driver(reference_of())
    report = driver.check(values)
    assert report.detected == ()
    assert report.findings["f0"].drift.missing_share == 1.0
    assert driver.watch.totals["f0"][-2:].tolist() == [600, 0]
    assert driver.watch.totals["f1"][-2:].tolist() == [0, 600]


def test_one_nan_hides_no_shift():
    """A shift of one deviation with a NaN in the window is found."""
    values = normal(np.random.default_rng(6), 600) + np.array([1, 0, 0])
    values[3, 0] = np.nan
    assert Driver(reference_of()).check(values).detected == ("f0",)


def test_text_in_a_column_of_numbers_counts_as_missing():
    """One bad value does not lose the column."""
    values = normal(np.random.default_rng(7), 600) + np.array([1, 0, 0])
    rows = [dict(zip(NAMES, row, strict=True)) for row in values.tolist()]
    rows[0]["f0"] = "n/a"
    driver = Driver(reference_of())
    report = driver.check(rows)
    assert report.detected == ("f0",)
    assert driver.watch.totals["f0"][-2] == 1
    assert report.mismatches == {"f0": "numeric in the reference, categorical in the window"}


def test_levels_times_and_booleans():
    """Each kind of column is read as the reference has it."""
    generator = np.random.default_rng(8)

    def table(rows, days=0, share=0.5):
        start = np.datetime64("2024-01-01") + np.timedelta64(days, "D")
        return pd.DataFrame(
            {
                "when": start + generator.integers(0, 86_400, rows).astype("timedelta64[s]"),
                "vip": generator.random(rows) < share,
                "city": generator.choice(["a", "b", "c"], rows),
            }
        )

    driver = Driver(Reference.from_data(table(5000)))
    assert driver.check(table(600)).drifted == ()
    assert driver.check(table(600, days=2, share=0.9)).drifted == ("when", "vip")


@pytest.mark.slow
def test_a_thousand_columns():
    """A window of a thousand columns is checked in slices, and one shifted column is found."""
    reference = reference_of(rows=2000, columns=1000)
    driver = Driver(reference)
    values = normal(np.random.default_rng(9), 600, 1000)
    values[:, 700] += 1.5
    driver.send(values)
    driver.now += 300
    slices = 0
    while driver.monitor.work():
        slices += 1
    assert slices > 10
    assert driver.reports[0].detected == ("f700",)


def test_a_huge_batch_is_bounded_and_its_counts_are_exact():
    """100,000 rows at once: an even part of them is kept, every row is counted."""
    values = normal(np.random.default_rng(10), 100_000, 30)
    values[:, 3] += np.linspace(0, 2, 100_000)  # in order: the last rows alone would mislead
    reference = reference_of(columns=30)
    driver = Driver(reference, max_rows=5000)
    tracemalloc.start()
    driver.send(values)
    driver.finish()
    grown = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert grown < 16 * 2**20
    assert {float(total.sum()) for total in driver.watch.totals.values()} == {100_000.0}
    report = driver.tick()
    assert report.rows == 100_000
    assert report.detected == ("f3",)


def test_counts_are_exact_where_values_are_a_part():
    """Of 30,000 single rows 1,000 values are kept, in order; every row is counted."""
    driver = Driver(reference_of(), max_rows=1000)
    for part in np.split(normal(np.random.default_rng(11), 30_000), 100):
        driver.send(part)
    window = driver.watch.windows["f0"]
    assert window.counts.sum() == 30_000
    assert 500 <= len(window.values) <= 1000


def test_objects_that_are_no_features_are_left_alone():
    """What cannot be read as rows changes nothing."""
    driver = Driver(reference_of())
    for strange in (None, object(), "text", 5, [], {}, np.array(3.0), [object()], {1: 2}):
        driver.send(strange)
    driver.finish()
    assert driver.check(normal(np.random.default_rng(12), 600)).detected == ()
