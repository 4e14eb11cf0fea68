"""Frames of one kind of numbers are read all columns at once, and say what they said before."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from otelml._features import frame_numbers, last_rows, snapshot, table
from otelml._monitor import PendingRows

_VALUES = np.arange(12.0).reshape(4, 3)
_FRAMES = {
    "doubles": pd.DataFrame(_VALUES, columns=["a", "b", "c"]),
    "integers": pd.DataFrame(_VALUES.astype(int), columns=["a", "b", "c"]),
    "floats of 32 bits": pd.DataFrame(_VALUES.astype(np.float32), columns=["a", "b", "c"]),
    "booleans": pd.DataFrame(_VALUES > 5, columns=["a", "b", "c"]),
    "numbers for names": pd.DataFrame(_VALUES),
    "the same name twice": pd.DataFrame(_VALUES, columns=["a", "b", "a"]),
    "another index": pd.DataFrame(_VALUES, columns=["a", "b", "c"], index=[0.5, 9.0, -1.0, 2.0]),
}


@pytest.mark.parametrize("kind", _FRAMES)
def test_a_frame_of_numbers_is_read_as_its_columns_are(kind: str) -> None:
    frame = _FRAMES[kind]

    found = table(frame)

    assert found is not None
    assert found.names == tuple(map(str, frame.columns))
    assert found.values.dtype == np.float64
    for place in range(3):
        assert found.values[:, place].tolist() == frame.iloc[:, place].astype(float).tolist()


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]}),
        pd.DataFrame({"a": [1.0, 2.0], "b": [1, 2]}),
        pd.DataFrame({"a": pd.array([1, None], dtype="Int64")}),
        pd.DataFrame({"a": pd.to_datetime(["2024-01-01", "2024-01-02"])}),
        pd.DataFrame({"a": pd.Categorical(["x", "y"])}),
        pd.DataFrame(),
    ],
    ids=["texts", "two kinds", "nullable", "times", "categories", "empty"],
)
def test_another_frame_is_read_column_by_column(frame: pd.DataFrame) -> None:
    assert frame_numbers(frame) is None


@pytest.mark.parametrize("kind", _FRAMES)
def test_the_last_rows_of_a_frame_are_by_their_place(kind: str) -> None:
    frame = _FRAMES[kind]

    assert last_rows(frame, 2).equals(frame.iloc[2:])
    assert last_rows(frame, 4) is frame


def test_the_last_rows_are_of_tables_only() -> None:
    row = {"a": 1.0, "b": 2.0, "c": 3.0}
    kept: dict[str, tuple[Any, Any]] = {
        "row": (row, row),
        "tuple": ((1, 2, 3), (1, 2, 3)),
        "vector": (np.arange(3.0), np.arange(3.0)),
        "matrix": (_VALUES, _VALUES[2:]),
        "rows": ([row, row, {"a": 9}], [row, {"a": 9}]),
    }
    for data, expected in kept.values():
        np.testing.assert_equal(last_rows(data, 2), expected)


def test_blocks_of_a_frame_are_its_columns() -> None:
    frame = _FRAMES["integers"]

    (block,) = PendingRows().add(snapshot(frame, 100).data, 4, None)

    assert block.names == ("a", "b", "c")
    assert [column.tolist() for column in block.columns] == frame.to_numpy().T.tolist()
    assert (block.rows, block.kept) == (4, 4)
