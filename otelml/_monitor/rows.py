"""Rows as predictions have them, read many at once as columns of the reference's kinds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from otelml import _guard
from otelml._features import numbers
from otelml.reference import Column, Feature, read_column, read_frame

BLOCK = 256
_NUMBERS = frozenset((float, int, bool, np.float64, np.int64, np.float32, np.int32, np.bool_))


class Block(NamedTuple):
    """Rows of one shape.

    Args:
        names: Names of the columns; None where they have none.
        columns: One column of values each.
        rows: Rows that were predicted.
        kept: Rows that the columns hold.
    """

    names: tuple[str, ...] | None
    columns: Sequence[Any]
    rows: int
    kept: int


class PendingRows:
    """Single rows that wait until there are enough to be read at once.

    Args:
        most: Rows that may wait.
    """

    def __init__(self, most: int = BLOCK) -> None:
        self._most = most
        self._rows: list[Any] = []
        self._named = False
        self._names: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, data: Any, rows: int, names: tuple[str, ...] | None) -> Iterable[Block]:
        """Take in the features of one prediction; return the blocks that are complete.

        Args:
            data: What a snapshot kept.
            rows: How many rows the prediction has.
            names: Names of its features, where the data has none.
        """
        row = _single(data) if rows == 1 else None
        if row is None:
            yield from self.read()
            yield from _table(data, rows, names)
            return
        named = type(row) is dict
        if self._rows and (named is not self._named or (not named and names != self._names)):
            yield from self.read()
        self._named, self._names = named, names
        self._rows.append(row)
        if len(self._rows) >= self._most:
            yield from self.read()

    def read(self) -> Iterable[Block]:
        """Return what waits."""
        rows, self._rows = self._rows, []
        if not rows:
            return
        if not self._named:
            by_width: dict[int, list[Any]] = {}
            for row in rows:
                by_width.setdefault(len(row), []).append(row)
            for width, same in by_width.items():
                names = self._names if self._names and len(self._names) == width else None
                columns = [[row[place] for row in same] for place in range(width)]
                yield Block(names, columns, len(same), len(same))
            return
        keys = {key: None for row in rows for key in row}
        columns = [[row.get(key) for row in rows] for key in keys]
        yield Block(tuple(map(str, keys)), columns, len(rows), len(rows))


def _single(data: Any) -> Any:
    """Return a single row as a dict or a sequence; None where it is a table of another kind."""
    if type(data) is dict or isinstance(data, tuple):
        return data
    if isinstance(data, np.ndarray) and data.size == (data.shape[-1] if data.ndim else 0):
        return data.ravel().tolist()
    if isinstance(data, list) and len(data) == 1 and isinstance(data[0], (dict, tuple)):
        return data[0]
    table: Any = data
    if hasattr(table, "columns") and hasattr(table, "to_numpy"):
        names = tuple(table.columns)
        if callable(getattr(table, "row", None)):  # polars
            return dict(zip(names, table.row(0), strict=True))
        values = table.to_numpy(dtype=object)
        return dict(zip(names, values[0].tolist(), strict=True)) if len(values) == 1 else None
    return None


def _table(data: Any, rows: int, names: tuple[str, ...] | None) -> Iterable[Block]:
    if isinstance(data, np.ndarray) and data.ndim == 1:
        data = data.reshape(1, -1)
    found = _guard.quietly(read_frame, data)
    if not found:
        return
    columns = list(found.values())
    kept = len(columns[0])
    has_names = isinstance(data, Mapping) or hasattr(data, "columns") or _of_mappings(data)
    known = tuple(found) if has_names else names
    if known is not None and len(known) != len(columns):
        known = None
    yield Block(known, columns, max(rows, kept), kept)


def _of_mappings(data: Any) -> bool:
    return isinstance(data, list) and bool(data) and isinstance(data[0], Mapping)


def places(features: Sequence[str], block: Block) -> dict[str, int] | None:
    """Return the place of each feature in a block; None where a nameless one has another width."""
    if block.names is None:
        if len(block.columns) != len(features):
            return None
        return {name: place for place, name in enumerate(features)}
    known = {name: place for place, name in enumerate(block.names)}
    return {name: known[name] for name in features if name in known}


def read_any(values: Any) -> Column:
    """Return a column of whatever kind its values are."""
    fast = _fast(values)
    return read_column(values) if fast is None else fast


def read_as(feature: Feature, values: Any) -> tuple[Column, str]:
    """Return a column of the feature's kind, and what does not fit.

    Values that are no numbers, in a column of numbers, count as missing.
    """
    if feature.kind == "categorical":
        return read_column(values, categorical=True), ""
    column = read_any(values)
    if column.kind in {feature.kind, "empty"}:
        return column, ""
    problem = f"{feature.kind} in the reference, {column.kind} in the window"
    if feature.kind != "numeric" or column.kind != "categorical":
        return Column("empty", np.empty(0), (), column.rows), problem
    listed = values.to_list() if hasattr(values, "to_list") else list(values)
    return read_column(numbers([listed])[0]), problem


def _fast(values: Any) -> Column | None:
    if type(values) is not list or not _NUMBERS.issuperset(map(type, values)):
        return None
    array = _guard.quietly(np.array, values, np.float64)
    return None if array is None else read_column(array)
