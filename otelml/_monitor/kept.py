"""Values of a window, in order, never more than a limit: an even part of what came."""

from __future__ import annotations

import numpy as np

from otelml.reference.columns import Floats

_NONE: Floats = np.empty(0)


class Kept:
    """At most ``limit`` values: of more, one of each run of 2, 4, 8, … drawn at random.

    Drawn from runs, the values stay in the order of time and no period of the traffic is missed.

    Args:
        limit: Values to keep.
    """

    def __init__(self, limit: int) -> None:
        self._limit = max(2, limit)
        self._parts: list[Floats] = []
        self._size = 0
        self._stride = 1
        self._rest = _NONE
        self._random = np.random.default_rng()

    def add(self, values: Floats) -> None:
        """Take in values, in the order of time."""
        while len(values):
            # In pieces: what comes at once may be far more than what is kept.
            piece, values = values[: self._limit], values[self._limit :]
            self._take(piece)

    def _take(self, values: Floats) -> None:
        if self._stride > 1:
            values = np.concatenate([self._rest, values])
            runs = len(values) // self._stride
            self._rest = values[runs * self._stride :].copy()
            values = self._one_of_each(values[: runs * self._stride], self._stride)
        self._parts.append(values)
        self._size += len(values)
        if self._size <= self._limit:
            return
        whole = self.values()
        even = len(whole) // 2 * 2
        if even < len(whole):  # the odd one stands for a run that has only begun
            self._rest = np.concatenate([whole[even:], self._rest])
        self._parts = [self._one_of_each(whole[:even], 2)]
        self._size = len(self._parts[0])
        self._stride *= 2

    def _one_of_each(self, values: Floats, run: int) -> Floats:
        rows = values.reshape(-1, run)
        chosen: Floats = rows[np.arange(len(rows)), self._random.integers(0, run, len(rows))]
        return chosen

    def values(self) -> Floats:
        """Return what is kept, in the order of time."""
        if len(self._parts) != 1:
            self._parts = [np.concatenate(self._parts)] if self._parts else [_NONE]
        return self._parts[0]
