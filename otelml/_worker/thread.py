"""The one thread that turns records into spans, measurements, log events and windows."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from otelml import _guard, _threads

if TYPE_CHECKING:
    from otelml._prediction import Recorder

_TICK_S = 0.2
_CHUNK = 128


class Worker:
    """Drains a recorder.

    Args:
        recorder: Where records come from.
        handle: Takes one record.
        after_chunk: Called when a run of records is done, to write what was summed up.
        between: Does a slice of other work where no record waits; says whether there is more.
    """

    def __init__(
        self,
        recorder: Recorder,
        handle: Callable[[Any], None],
        after_chunk: Callable[[], None],
        between: Callable[[], bool] = lambda: False,
    ) -> None:
        self._recorder = recorder
        self._handle = handle
        self._after_chunk = after_chunk
        self._between = between
        self._stop = False
        self._drain_lock = _threads.Lock()
        self._thread: _threads.Thread | None = None
        self.cpu_s = 0.0
        self._handled = 0

    def start(self) -> None:
        """Start the thread."""
        self._stop = False
        self._recorder.open()
        self._thread = _threads.Thread(self._run, name="otelml-worker")
        with suppress(RuntimeError):  # before a fork: the child starts its own
            self._thread.start()

    def _run(self) -> None:
        recorder = self._recorder
        more: bool | None = False
        while not self._stop:
            if not more:
                recorder.wake.wait(_TICK_S)
                recorder.wake.clear()
            started = time.thread_time()
            self._drain()
            more = _guard.contain("drift", self._between)
            if more:
                _threads.sleep(0)  # requests first
            self.cpu_s += time.thread_time() - started

    def _drain(self) -> None:
        queue = self._recorder.queue
        with self._drain_lock:
            while queue:
                for _ in range(min(len(queue), _CHUNK)):
                    _guard.contain("worker", self._handle_next, queue)
                _guard.contain("worker", self._after_chunk)

    def _handle_next(self, queue: deque[Any]) -> None:
        try:
            record = queue.popleft()
        except IndexError:  # emptied by a stop that ran out of time
            return
        try:
            self._handle(record)
        finally:
            self._handled += 1

    def flush(self, deadline: float) -> bool:
        """Work off what is waiting now; return whether that was done by ``deadline``.

        Args:
            deadline: On the clock of ``time.monotonic``.
        """
        queue = self._recorder.queue
        if self._thread is not None and self._thread.is_current():
            return True
        alive = self._thread is not None and self._thread.is_alive()
        # What waits now, not what comes in meanwhile; the sums of a chunk are written at its end.
        goal = self._handled + len(queue)
        while self._drain_lock.locked() or (queue and self._handled < goal):
            if time.monotonic() > deadline or (alive and self._handled >= goal + _CHUNK):
                return self._handled >= goal
            if alive:
                self._recorder.wake.set()
                _threads.sleep(0.001)
            else:
                self._drain()
        return True

    def stop(self, deadline: float) -> None:
        """Work off what is waiting and end the thread, by ``deadline`` at the latest."""
        self.flush(deadline)
        self._stop = True
        self._recorder.wake.set()
        if self._thread is not None:
            self._thread.join(max(0.0, deadline - time.monotonic()))
        self._recorder.close()

    def after_fork(self) -> None:
        """Start anew in a child, where no thread has survived."""
        self._drain_lock = _threads.Lock()
        self.cpu_s = 0.0
        self.start()
