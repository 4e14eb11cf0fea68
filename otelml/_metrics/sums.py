"""Counts of many records, written with one call a stream."""

from __future__ import annotations

from otelml._metrics.cardinality import Key
from otelml._metrics.instruments import Capped


class Sums:
    """Counts gathered since the last :meth:`write`. Not thread-safe: it belongs to the worker."""

    def __init__(self) -> None:
        self._counts: dict[tuple[Capped, Key], float] = {}

    def add(self, counter: Capped, key: Key, amount: float = 1) -> None:
        """Add ``amount`` to the stream of ``key``."""
        stream = (counter, key)
        self._counts[stream] = self._counts.get(stream, 0) + amount

    def write(self) -> None:
        """Write what was gathered to the counters."""
        counts, self._counts = self._counts, {}
        for (counter, key), amount in counts.items():
            counter.write(amount, key)

    def clear(self) -> None:
        """Forget what was gathered."""
        self._counts.clear()
