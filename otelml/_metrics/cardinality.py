"""A cap on streams: what is too many folds into ``_other``, and totals stay exact."""

from __future__ import annotations

from collections import Counter

from otelml.semconv import OVERFLOW_VALUE

Key = tuple[tuple[str, str], ...]
overflow: Counter[tuple[str, str]] = Counter()


class StreamCap:
    """Decides which attribute sets of one instrument become streams of their own.

    Not thread-safe: it belongs to the worker.

    Args:
        instrument: The instrument's name, for the count of what was folded.
        values_limit: Different values an attribute may have.
        streams_limit: Attribute sets the instrument may have, the overflow one included.
    """

    def __init__(self, instrument: str, values_limit: int, streams_limit: int) -> None:
        self._instrument = instrument
        self._values_limit = values_limit
        self._streams_limit = streams_limit
        self._reserve = max(1, streams_limit // 20)
        self._values: dict[str, set[str]] = {}
        self._streams: dict[Key, dict[str, str]] = {}

    def admit(self, key: Key, count: int = 1) -> dict[str, str]:
        """Return the attributes to record under.

        Args:
            key: The attributes as sorted or at least consistently ordered pairs.
            count: How many measurements they are for.
        """
        known = self._streams.get(key)
        if known is not None:
            return known
        folded = tuple((name, self._value(name, value, count)) for name, value in key)
        known = self._streams.get(folded)
        if known is not None:
            return known
        if len(self._streams) >= self._streams_limit - self._reserve:
            overflow[self._instrument, ""] += count
            folded = self._fold(folded)
            known = self._streams.get(folded)
            if known is not None:
                return known
        attributes = dict(folded)
        self._streams[folded] = attributes
        return attributes

    def _fold(self, key: Key) -> Key:
        # Model and version come from the developer, not from traffic: they stay if there is room.
        kept = tuple((n, v if n.startswith("ml.model.") else OVERFLOW_VALUE) for n, v in key)
        if kept in self._streams or len(self._streams) < self._streams_limit - 1:
            return kept
        return tuple((n, OVERFLOW_VALUE) for n, _ in key)

    def _value(self, name: str, value: str, count: int) -> str:
        seen = self._values.setdefault(name, set())
        if value in seen:
            return value
        if len(seen) < self._values_limit:
            seen.add(value)
            return value
        overflow[self._instrument, name] += count
        return OVERFLOW_VALUE
