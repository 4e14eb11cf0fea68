"""Aggregations of the SDK that each collection makes anew, as those of deltas from 1.45.2 on.

Whoever keeps one adds to what was collected already, and loses it. Their keeper, the match of an
instrument and a view, has the current ones, and a lock that a collection takes.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

__all__ = ["Renewed", "aggregation_of", "current", "is_renewed"]


class Renewed:
    """The current aggregation of a stream.

    Args:
        match: Their keeper.
        attributes: The stream's.
    """

    __slots__ = ("_attributes", "_match")

    def __init__(self, match: Any, attributes: dict[str, str]) -> None:
        self._match = match
        self._attributes = attributes

    def aggregate(self, measured: Any, sampled: bool) -> None:
        """Take a measurement, as an aggregation does."""
        self._match.consume_measurement(measured, sampled)

    def held(self, until: ExitStack) -> Any:
        """Return the aggregation, which no collection ends before ``until`` does; None if none."""
        until.enter_context(self._match._lock)  # noqa: SLF001 - see the module
        try:
            return aggregation_of(self._match, self._attributes)
        except KeyError:
            return None


def is_renewed(match: Any) -> bool:
    """Whether a collection makes the aggregations of a match anew."""
    return bool(getattr(match, "_reset_on_collect", False))


def current(bound: Any, until: ExitStack) -> Any:
    """Return the aggregation that a stream is bound to, for as long as ``until`` is open."""
    return bound.held(until) if isinstance(bound, Renewed) else bound


def aggregation_of(match: Any, attributes: dict[str, str]) -> Any:
    """Return the aggregation of a stream, whatever form its key has in this SDK.

    Raises:
        KeyError: It has none, or a view drops attributes.
    """
    if match._view._attribute_keys is not None:  # noqa: SLF001 - see the module
        raise KeyError
    # The newest is at the end: a stream is looked for when it has just been made.
    for aggregation in reversed(list(match._attributes_aggregation.values())):  # noqa: SLF001 - see the module
        if aggregation._attributes == attributes:  # noqa: SLF001 - as above
            return aggregation
    raise KeyError
