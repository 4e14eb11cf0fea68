"""Features as the caller has them, kept safe from later mutation, then read as numbers.

:func:`snapshot` runs on the request thread and copies as little as it can; :func:`table` runs on
the worker and turns the copy into columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

_MOST_SPARSE_COLUMNS = 2_000  # of more, texts most likely, a dense part would be too large
_MOST_CELLS = 1_000_000  # 8 MB of numbers
_NUMERIC = frozenset((float, int, np.float64, np.int64))


class Snapshot(NamedTuple):
    """A copy of the features of one prediction.

    Args:
        rows: How many rows the prediction has, also where only some are kept.
        data: The copy; None where the values are of no kind that is understood.
    """

    rows: int
    data: Any


class Table(NamedTuple):
    """Features as columns.

    Args:
        names: One name a column, or None where the input has none.
        values: Shape (rows, columns); what is no number is NaN.
    """

    names: tuple[str, ...] | None
    values: npt.NDArray[np.float64]


def _evenly(rows: int, columns: int, keep: int) -> slice:
    """Return which rows to keep: an even part of them, the last one in it."""
    most = max(1, min(keep, _MOST_CELLS // max(1, columns)))
    step = -(-rows // most)
    return slice((rows - 1) % step, None, step) if step > 1 else slice(None)


def _is_frame(features: Any) -> bool:
    return hasattr(features, "columns") and hasattr(features, "shape")


def _snapshot_frame(features: Any, keep: int) -> Snapshot:
    rows = int(features.shape[0])
    chosen = _evenly(rows, int(features.shape[1]), keep)
    part = features if chosen.step is None else features[chosen]
    if type(features).__module__.startswith("pandas"):
        # From pandas 3 on a shallow copy is copy-on-write: later assignments do not reach it.
        import pandas as pd

        return Snapshot(rows, part.copy(deep=int(pd.__version__.split(".")[0]) < 3))  # noqa: PLR2004
    return Snapshot(rows, part.clone() if hasattr(part, "clone") else part)


def _snapshot_array(features: Any, keep: int) -> Snapshot:
    if features.ndim == 1:
        return Snapshot(1, features.copy())
    rows = int(features.shape[0]) if features.ndim else 1
    if features.ndim != 2:  # noqa: PLR2004 - rows and columns
        return Snapshot(rows, None)
    return Snapshot(rows, features[_evenly(rows, features.shape[1], keep)].copy())


def _snapshot_sparse(features: Any, keep: int) -> Snapshot:
    rows, columns = (int(size) for size in features.shape)
    if not rows or columns > _MOST_SPARSE_COLUMNS:
        return Snapshot(rows, None)
    by_row = features if features.format == "csr" else features.tocsr()
    part = by_row[_evenly(rows, columns, keep)]
    return Snapshot(rows, part.copy() if part is features else part)


def _snapshot_sequence(features: Sequence[Any], keep: int) -> Snapshot:
    if features and isinstance(features[0], Mapping):
        chosen = features[_evenly(len(features), len(features[0]), keep)]
        return Snapshot(len(features), [dict(row) for row in chosen])
    if features and hasattr(features[0], "__len__") and not isinstance(features[0], (str, bytes)):
        chosen = features[_evenly(len(features), len(features[0]), keep)]
        return Snapshot(len(features), [tuple(row) for row in chosen])
    return Snapshot(1, tuple(features))


def snapshot(features: Any, keep: int) -> Snapshot:
    """Return a copy that later changes by the caller cannot reach.

    Args:
        features: A mapping, a row, a 2-D array, a list of mappings or rows, a pandas or polars
            DataFrame, a sparse matrix; anything else counts its rows and keeps no values.
        keep: Rows to keep of a batch: an even part of its rows, the last one in it.
    """
    if isinstance(features, dict):
        return Snapshot(1, features.copy())
    if isinstance(features, np.ma.MaskedArray):
        return _snapshot_array(np.ma.filled(features.astype(np.float64), np.nan), keep)
    if isinstance(features, np.ndarray):
        return _snapshot_array(features, keep)
    if _is_frame(features):
        return _snapshot_frame(features, keep)
    if isinstance(features, Mapping):
        return Snapshot(1, dict(features))
    if isinstance(features, (list, tuple)):
        return _snapshot_sequence(features, keep)
    shape = getattr(features, "shape", None)
    if shape and len(shape) == 2 and hasattr(features, "tocsr"):  # noqa: PLR2004 - a matrix
        return _snapshot_sparse(features, keep)
    if shape:
        return Snapshot(int(shape[0]) if len(shape) > 1 else 1, None)
    return Snapshot(1, None)


def _number(value: Any) -> float:
    if isinstance(value, (str, bytes)) or value is None:
        return np.nan
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return np.nan


def _are_numbers(rows: Sequence[Sequence[Any]]) -> bool:
    # np.array() would read a text like "1e5" or a bool in a mixed row as something else.
    return _NUMERIC.issuperset(map(type, chain.from_iterable(rows)))


def numbers(rows: Sequence[Sequence[Any]]) -> npt.NDArray[np.float64]:
    """Return rows as numbers, shape (rows, columns of the longest); what is not a number is NaN."""
    if rows and _are_numbers(rows) and len(widths := set(map(len, rows))) == 1:
        count, width = len(rows), widths.pop()
        values = chain.from_iterable(rows)
        try:
            return np.fromiter(values, np.float64, count * width).reshape(count, width)
        except (TypeError, ValueError, OverflowError):
            pass  # one by one, then
    width = max((len(row) for row in rows), default=0)
    out = np.full((len(rows), width), np.nan)
    for i, row in enumerate(rows):
        for j, value in enumerate(row):
            out[i, j] = _number(value)
    return out


def frame_numbers(frame: Any) -> npt.NDArray[Any] | None:
    """Return a pandas DataFrame of one kind of numbers as an array, all columns at once.

    Args:
        frame: A DataFrame of any library.

    Returns:
        Shape (rows, columns), not copied where the frame holds it so; None of another frame.
    """
    if not type(frame).__module__.startswith("pandas"):
        return None
    kinds = set(frame.dtypes)
    kind = kinds.pop() if len(kinds) == 1 else None
    if not isinstance(kind, np.dtype) or kind.kind not in "biuf":
        return None
    found: npt.NDArray[Any] = frame.to_numpy()
    return found


def last_rows(data: Any, rows: int) -> Any:
    """Return the last rows of what :func:`snapshot` kept; all where it is no table of more."""
    is_table = isinstance(data, list) or _is_frame(data) or getattr(data, "ndim", 1) > 1
    if not is_table or hasattr(data, "toarray") or len(data) <= rows:
        return data
    by_place: Any = getattr(data, "iloc", data)  # a slice of a frame may be one of its index
    return by_place[-rows:]


def _table_frame(frame: Any) -> Table:
    names = tuple(str(name) for name in frame.columns)
    whole = frame_numbers(frame)
    if whole is not None:
        return Table(names, whole.astype(np.float64))
    columns: list[npt.NDArray[np.float64]] = []
    for position, name in enumerate(frame.columns):
        column = frame.iloc[:, position] if hasattr(frame, "iloc") else frame[name]
        values = np.asarray(column.to_numpy())
        if values.dtype.kind in "biuf":
            columns.append(values.astype(np.float64))
        else:
            columns.append(np.array([_number(value) for value in values], dtype=np.float64))
    return Table(names, np.column_stack(columns) if columns else np.empty((len(frame), 0)))


def table(data: Any) -> Table | None:
    """Return the columns of what :func:`snapshot` kept; None where it kept nothing."""
    if data is None:
        return None
    if isinstance(data, dict):
        names = tuple(str(name) for name in data)
        return Table(names, np.array([[_number(value) for value in data.values()]]))
    if isinstance(data, np.ndarray):
        rows = np.atleast_2d(data)
        if rows.dtype.kind in "biuf":
            return Table(None, rows.astype(np.float64))
        return Table(None, numbers(rows.tolist()))
    if _is_frame(data):
        return _table_frame(data)
    if hasattr(data, "toarray"):
        return Table(None, np.asarray(data.toarray(), np.float64))
    if data and isinstance(data[0], dict):
        keys = list(dict.fromkeys(key for row in data for key in row))
        rows_of = [[row.get(key) for key in keys] for row in data]
        return Table(tuple(str(key) for key in keys), numbers(rows_of))
    if data and isinstance(data[0], tuple):
        return Table(None, numbers(data))
    return Table(None, numbers([data]))
