"""Labels received lately, to recognise duplicates and conflicts."""

from __future__ import annotations

from collections import OrderedDict

from otelml import _threads


class Seen:
    """Labels received lately, to recognise those that come again.

    Args:
        limit: How many to remember; the oldest are forgotten first.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._labels: OrderedDict[tuple[int, int, int, str], str] = OrderedDict()
        self._lock = _threads.RLock()

    def exchange(self, key: tuple[int, int, int, str], label: str) -> str | None:
        """Remember ``label``; return the one remembered before, if any."""
        with self._lock:
            previous = self._labels.pop(key, None)
            self._labels[key] = label
            if len(self._labels) > self._limit:
                self._labels.popitem(last=False)
            return previous

    def after_fork(self) -> None:
        """Replace the lock, which another thread of the parent may have held."""
        self._lock = _threads.RLock()
