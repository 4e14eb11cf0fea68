"""Numeric columns together: how far each row is from what goes together in the first rows."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

import numpy as np

from otelml._features import numbers
from otelml.drift import Projection
from otelml.exceptions import InvalidReferenceError
from otelml.reference import Column, Feature
from otelml.reference.columns import Floats

_MOST_COLUMNS = 50
_MOST_ROWS = 256  # of each block: an even part tells as much, in a bounded time
_ROWS_PER_COLUMN = 8


class Together:
    """What columns have in common, of the first rows: a reference keeps each column alone.

    Args:
        features: Those of the reference.
        rows: Rows that make the projection.
    """

    def __init__(self, features: Mapping[str, Feature], rows: int) -> None:
        numeric = [name for name, one in features.items() if one.kind == "numeric"]
        self._names = tuple(numeric[:_MOST_COLUMNS])
        self._missing = max(rows, _ROWS_PER_COLUMN * len(self._names))
        self._first: list[Floats] = []
        self._projection: Projection | None = None
        self._over = len(self._names) < 2  # noqa: PLR2004 - nothing goes together

    def add(self, columns: Mapping[str, Any], rows: int) -> Column | None:
        """Take in rows; return the error of each of an even part of them, once there is one.

        Args:
            columns: Values by feature.
            rows: How many each has.
        """
        if self._over or not rows or any(name not in columns for name in self._names):
            return None
        most = _MOST_ROWS if self._projection is not None else self._missing
        if most <= 0:  # enough of the first ones: a check will make the projection
            return None
        step = -(-rows // most)
        table = np.stack([_floats(columns[name], step) for name in self._names])
        if self._projection is not None:
            return self._projection.column(dict(zip(self._names, table, strict=True)))
        self._first.append(table)
        self._missing -= table.shape[1]
        return None

    def begin(self) -> Generator[None, None, Feature | None]:
        """Make the projection once there are rows for it; return the errors of these, that once.

        It takes some milliseconds, so it is no part of taking rows in; it yields after each column.
        """
        if self._over or self._missing > 0 or self._projection is not None:
            return None
        self._over = True  # for good, if it fails
        whole = np.concatenate(self._first, axis=1)
        self._first.clear()
        whole[~np.isfinite(whole)] = np.nan
        yield
        table = dict(zip(self._names, whole, strict=True))
        try:
            projection = yield from Projection.steps(self._names, table)
        except InvalidReferenceError:  # less than two columns vary
            return None
        self._projection, self._over = projection, False
        return projection.feature


def _floats(values: Any, step: int) -> Floats:
    """Return every so many of the values as numbers; what is none is NaN."""
    if hasattr(values, "to_numpy"):
        values = values.to_numpy()  # sooner than to cut it: that is slow of a pandas Series
    part = values[::step]
    found: Floats
    if isinstance(part, np.ndarray) and part.dtype.kind in "fiub":
        found = part.astype(np.float64)
    else:
        found = numbers([list(part)])[0]
    return found
