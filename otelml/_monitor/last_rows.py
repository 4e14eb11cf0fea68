"""The last rows of a model, exactly as many as a check looks at: what they hold, as it came."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

from otelml._monitor.window import FeatureWindow
from otelml.reference import Column, Feature

Pieces = Sequence[Any]


class LastRows:
    """The last values of each feature, those that are missing among them.

    Args:
        limit: Rows to keep; up to twice as many are held.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.rows = 0
        self._pieces: dict[str, deque[Any]] = {}
        self._sizes: dict[str, int] = {}
        self._is_open: set[str] = set()  # features whose last piece is a list that may grow

    def add(self, name: str, values: Any) -> None:
        """Take in values of a feature, in the order of time.

        Args:
            name: The feature.
            values: A list, an array or a Series; what is kept of it is copied.
        """
        if hasattr(values, "to_numpy"):
            values = values.to_numpy()
        part = values[-self.limit :]
        part = part.copy() if isinstance(part, np.ndarray) else list(part)
        pieces = self._pieces.setdefault(name, deque())
        grows = type(part) is list and name in self._is_open
        if grows and len(pieces[-1]) + len(part) <= self.limit:  # single rows: few long pieces
            pieces[-1].extend(part)
        elif len(part):
            pieces.append(part)
            (self._is_open.add if type(part) is list else self._is_open.discard)(name)
        size = self._sizes.get(name, 0) + len(part)
        while size - len(pieces[0] if pieces else ()) >= self.limit:
            size -= len(pieces.popleft())
        self._sizes[name] = size

    def counted(self, rows: int) -> None:
        """Say how many rows all features were given."""
        self.rows = min(self.limit, self.rows + rows)

    @property
    def is_full(self) -> bool:
        """Whether there are as many rows as are looked at."""
        return self.rows >= self.limit

    def taken(self) -> Mapping[str, Pieces]:
        """Return the values that are there now; what comes later is not among them."""
        self._is_open.clear()
        return {name: tuple(pieces) for name, pieces in self._pieces.items()}

    def window(
        self, feature: Feature, pieces: Pieces, read: Callable[[Any], Column]
    ) -> FeatureWindow:
        """Return the window of the last values of a feature.

        Args:
            feature: The reference's.
            pieces: Of ``taken``.
            read: Reads values as a column of the feature's kind.
        """
        found = FeatureWindow(feature, self.limit)
        too_many = max(0, sum(map(len, pieces)) - self.limit)
        for piece in chain((pieces[0][too_many:],), pieces[1:]) if pieces else ():
            if len(piece):
                column = read(piece)
                found.add(column, column.rows)
        return found
