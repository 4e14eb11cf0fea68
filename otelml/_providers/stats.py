"""What became of the items of one signal, counted."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Final

from otelml import _threads, semconv

EXPORT_FAILED: Final = "export_failed"
QUEUE_FULL: Final = "queue_full"
REJECTED: Final = "rejected"
SHUTDOWN: Final = "shutdown"

_logger = logging.getLogger("otelml")


class Stats:
    """Counts of one signal, and the one warning that it gives.

    Args:
        signal: ``traces``, ``metrics`` or ``logs``.
    """

    def __init__(self, signal: str) -> None:
        self.signal = signal
        self.reset()

    def reset(self) -> None:
        """Begin at zero, with a free lock: a forked child's counts are its own."""
        self._lock = _threads.Lock()
        self.dropped: Counter[str] = Counter()
        self.exported = 0
        self.failures = 0
        self.last_error: str | None = None
        self.warned = False
        self._failing: set[str] = set()

    def drop(self, reason: str, count: int = 1) -> None:
        """Count items that will not be delivered."""
        if count > 0:
            with self._lock:
                self.dropped[reason] += count

    def succeed(self, count: int, endpoint: str) -> None:
        """Count delivered items; the first after failures is said in the log."""
        with self._lock:
            self.exported += count
            recovered = endpoint in self._failing
            self._failing.discard(endpoint)
        if recovered:
            _logger.info("otelml: %s are exported to %s again", self.signal, endpoint)

    def fail(self, endpoint: str, error: str) -> None:
        """Count an export that failed after its retries, and warn of the first."""
        with self._lock:
            self.failures += 1
            first, self.warned = not self.warned, True
            self._failing.add(endpoint)
        self.note(error)
        if first:
            _logger.warning(
                "otelml: cannot export %s to %s: %s; further failures are counted in "
                "%s (otelml doctor tells more)",
                self.signal,
                endpoint,
                error,
                semconv.OTELML_EXPORT_FAILURES.name,
            )

    def note(self, error: str) -> None:
        """Remember an error for ``status``."""
        self.last_error = error
