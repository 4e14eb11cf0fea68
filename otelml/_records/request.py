"""A request that ended before it made the prediction it was to make."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FailedRequest:
    """A request that was to predict, and failed before.

    Args:
        model: Name of the model that it would have asked.
        version: Its version; empty where unknown.
        variant: Empty where there is none.
        error: ``error.type``.
        start_ns: Start of the request, nanoseconds since the epoch.
        end_ns: Its end.
    """

    model: str
    version: str
    variant: str
    error: str
    start_ns: int
    end_ns: int
