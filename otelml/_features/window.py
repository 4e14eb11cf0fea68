"""The last rows a model has seen, in a ring of fixed size."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from otelml import _threads
from otelml._features.snapshots import Table, numbers

_READ_AT = 64
_MAX_BYTES = 4 * 2**20


class Summary(NamedTuple):
    """One feature over the window; the values are finite.

    Args:
        name: The feature.
        last: Its last value.
        minimum: Its smallest value in the window.
        maximum: Its largest value in the window.
        mean: Its mean over the window.
        rows: Rows of the window in which it is finite.
    """

    name: str
    last: float
    minimum: float
    maximum: float
    mean: float
    rows: int = 1


class CurrentWindow:
    """The last ``rows`` rows of one model.

    Args:
        rows: Rows to keep.
        names: Names of the features, where they are known beforehand; else those of the first
            table, else their positions.
    """

    def __init__(self, rows: int, names: tuple[str, ...] | None = None) -> None:
        self._capacity = rows
        self.names = names
        self._ring: npt.NDArray[np.float64] | None = None
        self._next = 0
        self._filled = 0
        self._lock = _threads.Lock()
        self._waiting: list[list[Any]] = []

    def add_row(self, row: dict[str, Any]) -> bool:
        """Take in a row with the very names of the window, to be read later, many at once.

        Returns:
            Whether it has those names; else it was not taken in.
        """
        if self.names is None or tuple(row) != self.names:
            return False
        self._waiting.append(list(row.values()))
        if len(self._waiting) >= _READ_AT:
            self._read()
        return True

    def _read(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, []
            if waiting:
                self._write(numbers(waiting)[-self._capacity :])

    def add(self, table: Table) -> str | None:
        """Take in rows.

        Returns:
            Why they do not fit the features known so far (``width``, ``columns``), else None.
        """
        values = table.values
        if not values.shape[1]:
            return None
        if table.names is not None and self.names is not None and table.names != self.names:
            positions = {name: i for i, name in enumerate(table.names)}
            if set(positions) != set(self.names):
                return "columns" if len(positions) == len(self.names) else "width"
            values = values[:, [positions[name] for name in self.names]]
        if self.names is None:
            self.names = table.names or tuple(str(i) for i in range(values.shape[1]))
        if values.shape[1] != len(self.names):
            return "width"
        self._read()
        with self._lock:
            self._write(values[-self._capacity :])
        return None

    def _write(self, values: npt.NDArray[np.float64]) -> None:
        if self._ring is None:
            width = values.shape[1]
            self._capacity = max(1, min(self._capacity, _MAX_BYTES // (8 * width)))
            self._ring = np.full((self._capacity, width), np.nan)
            values = values[-self._capacity :]
        count = len(values)
        first = min(count, self._capacity - self._next)
        self._ring[self._next : self._next + first] = values[:first]
        self._ring[: count - first] = values[first:]
        self._next = (self._next + count) % self._capacity
        self._filled = min(self._filled + count, self._capacity)

    def summaries(self) -> list[Summary]:
        """Return the features that have a finite value in the window."""
        self._read()
        with self._lock:
            if self._ring is None or not self._filled:
                return []
            rows = self._ring[: self._filled].copy()
            newest = self._ring[self._next - 1].copy()
        finite = np.isfinite(rows)
        counts = finite.sum(axis=0)
        minimum = np.where(finite, rows, np.inf).min(axis=0)
        maximum = np.where(finite, rows, -np.inf).max(axis=0)
        total = np.where(finite, rows, 0.0).sum(axis=0)
        names = self.names or ()
        return [
            Summary(
                name,
                float(newest[i]) if np.isfinite(newest[i]) else float("nan"),
                float(minimum[i]),
                float(maximum[i]),
                float(total[i] / counts[i]),
                int(counts[i]),
            )
            for i, name in enumerate(names)
            if counts[i]
        ]
