"""The rows of a whole batch, for drift: all of them, or a uniform sample of so many."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from otelml.reference import Reference, read_frame

_SEED = 20_240_101


class RowSample:
    """Each row gets a random key, and those of the smallest keys are kept: a uniform sample.

    Args:
        reference: What the rows will be compared with, or the names of its features.
        limit: Rows to keep; up to twice as many, and a chunk, are held.
        seed: Of the keys; samples that are to be put together need one each.
    """

    def __init__(
        self, reference: Reference | tuple[str, ...], limit: int, seed: int | None = None
    ) -> None:
        self._names = list(reference if isinstance(reference, tuple) else reference.features)
        self._limit = limit
        self._random = np.random.default_rng(_SEED if seed is None else (_SEED, seed))
        self._keys: npt.NDArray[np.float64] = np.empty(0)
        self._parts: list[tuple[int, dict[str, Any]]] = []
        self._part_keys: list[npt.NDArray[np.float64]] = []
        self._highest = 1.0
        self._held = 0

    def take(self, rows: Any) -> None:
        """Take in a table."""
        named = isinstance(rows, Mapping) or hasattr(rows, "columns")
        named = named or (isinstance(rows, list) and bool(rows) and isinstance(rows[0], Mapping))
        columns = read_frame(rows, None if named else self._names)
        count = max((len(values) for values in columns.values()), default=0)
        self.put(self._random.random(count), columns)

    def put(self, keys: npt.NDArray[np.float64], columns: Mapping[str, Any]) -> None:
        """Take in rows that have their keys, as ``keyed`` gave them elsewhere."""
        kept = keys < self._highest
        self._parts.append(
            (int(kept.sum()), {name: _array(values)[kept] for name, values in columns.items()})
        )
        self._part_keys.append(keys[kept])
        self._held += int(kept.sum())
        if self._held > 2 * self._limit:
            self._thin()

    def _thin(self) -> None:
        columns, keys = self._together(), np.concatenate(self._part_keys)
        if len(keys) > self._limit:
            chosen = np.sort(np.argpartition(keys, self._limit)[: self._limit])  # in their order
            columns = {name: values[chosen] for name, values in columns.items()}
            keys = keys[chosen]
            self._highest = float(keys.max())
        self._parts, self._part_keys = [(len(keys), columns)], [keys]
        self._held = len(keys)

    def _together(self) -> dict[str, Any]:
        names = dict.fromkeys(name for _, part in self._parts for name in part)
        return {
            name: np.concatenate(
                [
                    part[name] if name in part else np.full(count, None, dtype=object)
                    for count, part in self._parts
                ]
            )
            for name in names
        }

    def columns(self) -> dict[str, Any]:
        """Return the rows as columns by name, at most the limit of them, in their order."""
        if self._parts:
            self._thin()
        return self._parts[0][1] if self._parts else {}

    def keyed(self) -> tuple[npt.NDArray[np.float64], dict[str, Any]]:
        """Return the keys of the rows, and these as columns."""
        columns = self.columns()
        return (self._part_keys[0] if self._part_keys else np.empty(0)), columns

    @property
    def rows(self) -> int:
        """Rows that are kept."""
        return self._held


def _array(values: Any) -> npt.NDArray[Any]:
    array = np.asarray(values)
    # As texts of one width, a missing value among them would be a text as well.
    return np.asarray(values, dtype=object) if array.dtype.kind in "US" else array
