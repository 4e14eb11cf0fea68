"""Batches that were told to come back, until they do."""

from __future__ import annotations

from collections import OrderedDict

from otelml.viewer.records import Batch

_KEPT = 10_000


class Deferred:
    """Counts the items of refused batches; one that comes again and is taken is none of them."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[int, int] = OrderedDict()
        self.items = 0

    def add(self, batch: Batch) -> None:
        """Note a batch that was refused; a second refusal of it counts once."""
        key = _key(batch)
        if key in self._waiting:
            return
        self._waiting[key] = len(batch)
        self.items += len(batch)
        if len(self._waiting) > _KEPT:
            # Its items stay counted: nobody can tell any more whether they came.
            self._waiting.popitem(last=False)

    def came(self, batch: Batch) -> None:
        """Note a batch that was taken."""
        if self._waiting:
            self.items -= self._waiting.pop(_key(batch), 0)


def _key(batch: Batch) -> int:
    return batch.key or id(batch)
