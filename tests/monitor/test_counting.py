"""Rows are counted by bin exactly, however they come and whenever they are read."""

from __future__ import annotations

import numpy as np
import pytest

from otelml.reference import Reference, read_column
from otelml.reference.bins import QuantileBins
from tests.monitor._driver import Driver


@pytest.mark.parametrize("edges", [0, 1, 9, 40])
def test_unsorted_values_are_counted_as_sorted_ones(edges):
    """On an edge is below it; ties and ends included."""
    generator = np.random.default_rng(edges)
    cut = QuantileBins(np.unique(np.round(generator.normal(size=edges), 2)))
    values = np.concatenate([np.round(generator.normal(size=999), 2), cut.edges, [-1e300, 1e300]])
    generator.shuffle(values)
    assert cut.count_unsorted(values).tolist() == cut.count(np.sort(values)).tolist()
    assert cut.count_unsorted(values).sum() == len(values)
    assert cut.count_unsorted(np.empty(0)).sum() == 0


def test_texts_are_read_as_any_other_levels():
    """A column of nothing but texts is not looked at value by value, and is the same column."""
    texts, levels = (read_column(["b", "a", "b"], categorical=each) for each in (None, True))
    assert (
        (texts.kind, texts.levels)
        == (levels.kind, levels.levels)
        == ("categorical", ("b", "a", "b"))
    )
    assert read_column(["a", None]).missing == 1
    assert read_column([np.str_("a"), "b"]).levels == ("a", "b")
    assert read_column(["a", 1, 2.0, float("nan")]).levels == ("a", "1", "2")
    assert read_column([]).kind == "empty"


def _mixed(generator, count):
    numbers, cities = generator.normal(size=count), generator.choice(["a", "b"], count)
    rows = [{"x": x, "city": c} for x, c in zip(numbers, cities, strict=True)]
    for place in range(0, count, 7):
        rows[place] = dict(reversed(rows[place].items()))  # another order of the keys
    for place in range(0, count, 11):
        del rows[place]["x"]
    for place in range(0, count, 13):
        rows[place]["x"] = float("inf")
    return rows


def test_single_rows_of_any_shape_are_counted_as_a_batch_of_them():
    """Keys in another order, absent ones, infinite values: the same counts by bin."""
    generator = np.random.default_rng(1)
    reference = Reference.from_data(
        {"x": generator.normal(size=5000), "city": generator.choice(["a", "b"], 5000)}
    )
    rows = _mixed(generator, 2500)
    single, batch = Driver(reference), Driver(reference)
    for row in rows:
        single.send(row)
    batch.send(rows)
    single.watch.read()
    for name, counts in batch.watch.totals.items():
        assert single.watch.totals[name].tolist() == counts.tolist()
        assert counts.sum() == (len(rows) if name in {"x", "city"} else 0)


def test_rows_that_wait_are_counted_without_a_check(monkeypatch):
    """A model with little traffic has its rows in the metrics some seconds later."""
    driver = Driver(Reference.from_data({"x": np.random.default_rng(2).normal(size=5000)}))
    now = [0.0]
    monkeypatch.setattr("otelml._monitor.monitor.time.monotonic", lambda: now[0])
    driver.finish()
    driver.send({"x": 0.5})
    driver.finish()
    assert driver.watch.totals["x"].sum() == 0
    now[0] = 60.0
    driver.finish()
    assert driver.watch.totals["x"].sum() == 1
    assert not driver.reports
