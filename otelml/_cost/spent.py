"""Money spent, as rates an hour summed up over time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from otelml import _threads

_HOUR_S = 3600.0


@dataclass
class _Flow:
    rate: float
    since_s: float
    spent: float = 0.0


class Spent:
    """Sums up one rate or several, by source. A sum never falls, whatever becomes of its rate.

    Args:
        clock: Seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._flows: dict[str, _Flow] = {}
        # Re-entrant: a signal handler may collect metrics on the thread that holds it.
        self._lock: Any = _threads.RLock()

    def set_rate(self, source: str, rate: float) -> None:
        """Let ``rate`` an hour, from now on, be what ``source`` costs; below 0 counts as 0."""
        with self._lock:
            now_s = self._clock()
            flow = self._flows.get(source)
            if flow is None:
                self._flows[source] = _Flow(max(0.0, rate), now_s)
            else:
                flow.spent += flow.rate * (now_s - flow.since_s) / _HOUR_S
                flow.rate, flow.since_s = max(0.0, rate), now_s

    def read(self) -> list[tuple[str, float]]:
        """Return what has been spent up to now, by source."""
        with self._lock:
            now_s = self._clock()
            return [
                (source, flow.spent + flow.rate * (now_s - flow.since_s) / _HOUR_S)
                for source, flow in self._flows.items()
            ]

    def after_fork(self) -> None:
        """Begin at zero, at the same rates: a child pays for its own time only."""
        self._lock = _threads.RLock()
        now_s = self._clock()
        self._flows = {source: _Flow(flow.rate, now_s) for source, flow in self._flows.items()}
