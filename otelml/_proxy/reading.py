"""The thread that reads bodies, so that no request waits for it."""

from __future__ import annotations

import time
from collections import deque
from typing import Final

from otelml import _guard, _threads
from otelml._proxy.copies import Budget
from otelml._proxy.seen import Seen

__all__ = ["Reader"]

_EACH: Final = 4 << 20
_TOTAL: Final = 64 << 20
_WAITING: Final = 4_096
_WAKE_S: Final = 0.5


class Reader:
    """Reads what predictions were of; where too many wait, they are counted without it.

    Args:
        each: Bytes of a body at most; a larger one passes and is not read.
        total: Bytes of all copies at most.
        waiting: Predictions that may wait.
    """

    def __init__(self, each: int = _EACH, total: int = _TOTAL, waiting: int = _WAITING) -> None:
        self.budget = Budget(each, total)
        self.unread = 0
        self._limit = waiting
        self._queue: deque[Seen] = deque()
        self._wake = _threads.Event()
        self._is_over = False
        self._is_busy = False
        self._thread = _threads.Thread(self._run, name="otelml-proxy")

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def submit(self, seen: Seen) -> None:
        """Hand over a prediction that has ended; never waits."""
        if len(self._queue) >= self._limit or self._is_over:
            self.unread += 1
            _guard.call("proxy", seen.close)
            return
        self._queue.append(seen)
        self._wake.set()

    def stop(self, timeout_s: float) -> None:
        """Read what waits, for some seconds at most, and end; the rest is counted without it."""
        deadline_s = time.monotonic() + timeout_s
        while (self._queue or self._is_busy) and time.monotonic() < deadline_s:
            time.sleep(0.01)
        self._is_over = True
        self._wake.set()
        self._thread.join(max(0.1, deadline_s - time.monotonic()))
        while self._queue:
            self.unread += 1
            _guard.call("proxy", self._queue.popleft().close)

    def _run(self) -> None:
        while not self._is_over:
            self._wake.wait(_WAKE_S)
            self._wake.clear()
            while self._queue and not self._is_over:
                self._is_busy = True
                seen = self._queue.popleft()
                _guard.call("proxy", seen.read)
                _guard.call("proxy", seen.close)
                self._is_busy = False
