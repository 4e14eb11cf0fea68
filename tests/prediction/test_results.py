"""Results made uniform, and features read as numbers."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import polars as pl
import pytest

from otelml._features.snapshots import Table, snapshot, table
from otelml._features.window import CurrentWindow
from otelml._prediction.results import label_text, normalise


def _normalise(rows, **given):
    parts = {"label": None, "value": None, "confidence": None, "probabilities": None}
    return normalise(rows, *{**parts, **given}.values(), given.get("classes"))


@pytest.mark.parametrize(
    ("label", "text"),
    [(1, "1"), (1.0, "1"), (np.int64(1), "1"), (np.float32(1.5), "1.5"), (True, "true"),
     (np.bool_(False), "false"), ("yes", "yes"), (np.str_("no"), "no")],
)  # fmt: skip
def test_label_text(label, text):
    """Equal labels of different types are one label."""
    assert label_text(label) == text


def test_scalars_spread_over_rows():
    """One label for a batch is each row's."""
    found = _normalise(3, label="a", confidence=0.5)
    assert found.labels == ["a"] * 3
    assert found.confidences.tolist() == [0.5] * 3


def test_probabilities_give_label_and_confidence():
    """The best class of each row, by the names of the classes."""
    found = normalise(2, None, None, None, np.array([[0.1, 0.9], [0.7, 0.3]]), ("no", "yes"))
    assert found.labels == ["yes", "no"]
    assert found.confidences.tolist() == [0.9, 0.7]
    assert _normalise(1, probabilities={"a": 0.2, "b": 0.8}).labels == ["b"]


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"label": ["a"]}, "label has 1 entries for 2 rows"),
        ({"confidence": [0.5, math.nan]}, "confidence is not finite in 1 of 2 rows"),
        ({"confidence": math.inf}, "not finite in 2 of 2"),
        ({"confidence": [0.5, 7]}, "outside 0..1 in 1 of 2"),
        ({"confidence": "high"}, "'high', not a number"),
        ({"value": [1, 2, 3]}, "value has shape (3,) for 2 rows"),
        ({"probabilities": [[0.5]]}, "probabilities have shape (1, 1)"),
        ({"probabilities": "x"}, "not numbers"),
    ],
)
def test_nonsense_is_left_out_and_said(given, word):
    """What makes no sense is named, and nothing is raised."""
    found = _normalise(2, **given)
    assert word in " ".join(found.problems)


ROWS = [[1.0, 2.0], [3.0, math.nan]]


@pytest.mark.parametrize(
    ("features", "rows", "names"),
    [
        ({"a": 1.0, "b": 2.0}, 1, ("a", "b")),
        ([1.0, 2.0], 1, None),
        ((1.0, 2.0), 1, None),
        (np.array([1.0, 2.0]), 1, None),
        (np.array([[1.0, 2.0]]), 1, None),
        ([[1.0, 2.0]], 1, None),
        ([{"a": 1.0, "b": 2.0}], 1, ("a", "b")),
        (pd.DataFrame({"a": [1.0], "b": [2.0]}), 1, ("a", "b")),
        (pl.DataFrame({"a": [1.0], "b": [2.0]}), 1, ("a", "b")),
        (np.array([[1, 2]], dtype=object), 1, None),
    ],
)
def test_every_form_of_features_is_one_table(features, rows, names):
    """All forms that the documentation names give the same numbers."""
    kept = snapshot(features, 10)
    found = table(kept.data)
    assert (kept.rows, found.names) == (rows, names)
    assert found.values.tolist() == [[1.0, 2.0]]


def test_later_changes_do_not_reach_a_snapshot():
    """The caller may change what it passed."""
    array, frame, row = np.ones((2, 2)), pd.DataFrame({"a": [1.0]}), {"a": 1.0}
    kept = [snapshot(x, 10) for x in (array, frame, row)]
    array[:] = 9
    frame.loc[0, "a"] = 9.0
    row["a"] = 9.0
    assert [table(k.data).values.max() for k in kept] == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    "strange", [object(), "text", 5, [], {}, [None], [[]], {"a": object()}, {1: "x"}, [["x", None]],
                pd.DataFrame(), np.array(5), {"a": float("inf")}, [{"a": 1}, {"b": 2}]],
)  # fmt: skip
def test_strange_features_do_no_harm(strange):
    """Nothing raises, whatever is passed."""
    kept = snapshot(strange, 10)
    assert kept.rows >= 0
    found = table(kept.data)
    window = CurrentWindow(10)
    if found is not None:
        window.add(found)
    assert all(math.isfinite(s.mean) for s in window.summaries() if math.isfinite(s.maximum))


def test_window_keeps_the_last_rows():
    """A ring: the oldest rows go."""
    window = CurrentWindow(3, ("a",))
    for value in (1.0, 2.0, 3.0, 4.0, 5.0):
        assert window.add(Table(None, np.array([[value]]))) is None
    (found,) = window.summaries()
    assert found == ("a", 5.0, 3.0, 5.0, 4.0, 3)


def test_window_matches_columns_by_name():
    """Columns in another order are put right; other columns are a mismatch."""
    window = CurrentWindow(3, ("a", "b"))
    assert window.add(Table(("b", "a"), np.array([[2.0, 1.0]]))) is None
    assert [s.last for s in window.summaries()] == [1.0, 2.0]
    assert window.add(Table(("a", "c"), np.array([[1.0, 2.0]]))) == "columns"
    assert window.add(Table(("a",), np.array([[1.0]]))) == "width"
    assert window.add(Table(None, np.array([[1.0, 2.0, 3.0]]))) == "width"
