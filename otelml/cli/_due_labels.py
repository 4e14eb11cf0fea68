"""Labels that come some time after their prediction, as they do in life."""

from __future__ import annotations

import heapq
import random
import threading

_LONGEST = 5.0


class DueLabels:
    """Keeps labels until they are due. Several threads may use it.

    Args:
        delay_s: Mean delay of an exponential distribution, cut at five times that; 0 is none.
        seed: Of the delays.
    """

    def __init__(self, delay_s: float, seed: int) -> None:
        self._delay_s = delay_s
        self._seed = seed
        self._waiting: list[tuple[float, int, str, str]] = []
        self._lock = threading.Lock()

    def delay_s(self, index: int) -> float:
        """Return the delay of the label of request ``index``."""
        if self._delay_s <= 0:
            return 0.0
        drawn = random.Random(f"{self._seed}/{index}/label").expovariate(1 / self._delay_s)
        return min(drawn, _LONGEST * self._delay_s)

    def add(self, prediction_id: str, label: str, index: int, now: float) -> None:
        """Keep the label of request ``index``, whose prediction came at ``now``, in seconds."""
        due = now + self.delay_s(index)
        with self._lock:
            heapq.heappush(self._waiting, (due, index, prediction_id, label))

    def take(self, until: float) -> tuple[str, str] | None:
        """Return id and label of the next one that is due by ``until``; None without one."""
        with self._lock:
            if not self._waiting or self._waiting[0][0] > until:
                return None
            _, _, prediction_id, label = heapq.heappop(self._waiting)
        return prediction_id, label
