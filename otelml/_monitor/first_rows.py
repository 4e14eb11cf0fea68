"""The first rows of a model without a reference: they become it."""

from __future__ import annotations

from otelml import _guard
from otelml._monitor.rows import Block, read_any
from otelml.reference import Column, Feature

_MOST_CELLS = 1_000_000
_AT_LEAST = 100
_MOST_COLUMNS = 10_000


class FirstRows:
    """Features of the first rows, by column.

    Args:
        rows: Rows wanted; fewer where there are very many columns.
    """

    def __init__(self, rows: int) -> None:
        self._wanted = rows
        self.rows = 0
        self.features: dict[str, Feature] = {}

    @property
    def done(self) -> bool:
        """Whether there are enough."""
        return self.missing <= 0

    @property
    def missing(self) -> int:
        """Rows that are still to come."""
        width = max(1, len(self.features))
        return max(min(self._wanted, _MOST_CELLS // width), _AT_LEAST) - self.rows

    def add(self, block: Block) -> None:
        """Take in rows."""
        names = block.names or tuple(str(place) for place in range(len(block.columns)))
        for name, values in zip(names, block.columns, strict=True):
            column = _guard.quietly(read_any, values)
            if column is not None:
                self.add_column(name, column)
        self.rows += block.kept

    def add_column(self, name: str, column: Column) -> None:
        """Take in values of one column; those of a kind that does not go with it are left out."""
        if name not in self.features and len(self.features) >= _MOST_COLUMNS:
            return
        own = Feature.of(name, column)
        known = self.features.get(name)
        merged = own if known is None else _guard.quietly(known.merge, own)
        if merged is not None:
            self.features[name] = merged
