"""Rows as predictions have them, read many at once as columns of the reference's kinds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from otelml import _guard
from otelml._features import frame_numbers, numbers
from otelml.reference import Column, Feature, read_column, read_frame

_MOST_ROWS = 1024
_MOST_CELLS = 32_768
_NUMBERS = frozenset((float, int, bool, np.float64, np.int64, np.float32, np.int32, np.bool_))
_DOUBLES = _NUMBERS - {np.float32}  # what a float of 64 bits tells as it is, short of 2**53
_WHOLE_UP_TO = 2.0**53
_FEW_ROWS, _MANY_ROWS = 32, 128
Doubles = npt.NDArray[np.float64]


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

    As many wait as make what each block costs by itself small, and no reading of them long.
    """

    def __init__(self) -> None:
        self._most = _MOST_ROWS
        self._rows: list[Any] = []
        self._read_rows: list[Doubles] = []  # those before, where they are numbers
        self._keys: tuple[Any, ...] = ()
        self._are_doubles = True
        self._named = False
        self._names: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self._rows) + sum(map(len, self._read_rows))

    def add(self, data: Any, rows: int, names: tuple[str, ...] | None) -> Iterable[Block]:
        """Take in the features of one prediction; return the blocks that are complete.

        Args:
            data: What a snapshot kept.
            rows: How many rows the prediction has.
            names: Names of its features, where the data has none.
        """
        row = _single(data) if rows == 1 else None
        if row is None:
            return [*self.read(), *_table(data, rows, names)]
        found: list[Block] = []
        named = type(row) is dict
        if len(self) and (named is not self._named or (not named and names != self._names)):
            found.extend(self.read())
        self._named, self._names, self._most = named, names, _rows_of(len(row))
        self._rows.append(row)
        if len(self) >= self._most:
            found.extend(self.read())
        return found

    def add_run(self, run: Sequence[Any]) -> Iterable[Block]:
        """Take in the features of single rows with names; return the blocks that are complete.

        Args:
            run: What snapshots kept: a dict each.
        """
        found: list[Block] = []
        if self._rows and not self._named:
            found.extend(self.read())
        self._named = True
        while run:
            if not len(self):
                self._most, self._are_doubles = _rows_of(len(run[0])), True
            room = self._most - len(self)
            self._rows.extend(run[:room])
            if len(self) >= self._most:
                found.extend(self.read())
            elif self._are_doubles and len(self._rows) >= _MANY_ROWS:
                self._read_doubles()
            run = run[room:]
        return found

    def _read_doubles(self) -> None:
        """Read the rows that wait while they are at hand: as numbers they take little room."""
        rows, keys = self._rows, self._keys if self._read_rows else tuple(self._rows[0])
        same = all(map(keys.__eq__, map(tuple, rows)))
        doubles = _doubles(rows, len(keys)) if same else None
        if doubles is None:
            self._are_doubles = False
            return
        self._keys, self._rows = keys, []
        self._read_rows.append(doubles)

    def read(self) -> Iterable[Block]:
        """Return what waits."""
        if self._read_rows:
            if self._rows and self._are_doubles and len(self._rows) >= _FEW_ROWS:
                self._read_doubles()
            before, self._read_rows = np.concatenate(self._read_rows), []
            yield Block(
                tuple(map(str, self._keys)),
                list(np.ascontiguousarray(before.T)),
                len(before),
                len(before),
            )
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
        keys = tuple(rows[0])
        if all(map(keys.__eq__, map(tuple, rows))):
            alike: list[Any] = list(map(list, zip(*map(dict.values, rows), strict=True)))
            yield Block(tuple(map(str, keys)), alike, len(rows), len(rows))
            return
        keys = tuple({key: None for row in rows for key in row})
        columns = [[row.get(key) for row in rows] for key in keys]
        yield Block(tuple(map(str, keys)), columns, len(rows), len(rows))


def _doubles(rows: Sequence[dict[Any, Any]], width: int) -> Doubles | None:
    """Return rows as numbers, where these say of each value all that it says itself."""
    values = chain.from_iterable
    if not _DOUBLES.issuperset(map(type, values(map(dict.values, rows)))):
        return None
    size = len(rows) * width
    flat = _guard.quietly(np.fromiter, values(map(dict.values, rows)), np.float64, size)
    if flat is None:  # a number beyond the largest float
        return None
    too_large = (np.abs(flat) >= _WHOLE_UP_TO) & np.isfinite(flat)
    found: Doubles = flat.reshape(-1, width)
    return None if too_large.any() else found


def _rows_of(width: int) -> int:
    return max(1, min(_MOST_ROWS, _MOST_CELLS // max(1, width)))


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
    whole = _guard.quietly(frame_numbers, data)
    if whole is not None:
        kept = len(whole)
        frame: Any = data
        yield Block(tuple(map(str, frame.columns)), list(whole.T), max(rows, kept), kept)
        return
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
