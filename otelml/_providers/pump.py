"""A thread that works now and then, and at once when it is asked to flush or to close.

Whoever asks may be a signal handler that interrupted any other thread, so nothing here holds a
lock while Python code runs: bare locks serve as binary semaphores and deques as mailboxes.
"""

from __future__ import annotations

import threading
from collections import deque
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING

from otelml import _guard, _threads
from otelml._suppression import suppressed

if TYPE_CHECKING:
    from collections.abc import Callable

_FOREVER_S = 3600.0
_local = threading.local()


def is_exporting() -> bool:
    """Whether this thread sends telemetry: what it logs would beget telemetry without end."""
    return getattr(_local, "exporting", False)


class Wake:
    """An event whose ``set`` may be called from a signal handler."""

    def __init__(self) -> None:
        self._lock = _threads.Lock()
        self._lock.acquire()

    def set(self) -> None:
        """Let one waiter go on."""
        with suppress(RuntimeError):  # it is set already
            self._lock.release()

    def wait(self, seconds: float) -> bool:
        """Wait until it is set, and take that back; return whether it was."""
        return bool(self._lock.acquire(timeout=min(max(seconds, 0.0), _FOREVER_S)))


class _Request:
    def __init__(self) -> None:
        self.done = Wake()
        self.ok = False

    def answer(self, *, ok: bool) -> None:
        self.ok = ok
        self.done.set()


class Pump:
    """The thread.

    Args:
        name: Its name.
        work: Does what there is to do and returns whether all of it was delivered.
        pause: Seconds until the next work, when nobody asks for it.
    """

    def __init__(self, name: str, work: Callable[[], bool], pause: Callable[[], float]) -> None:
        self._name = name
        self._work = work
        self._pause = pause
        self._reset()

    def _reset(self) -> None:
        self._start_lock = _threads.Lock()
        self._thread: _threads.Thread | None = None
        self._wake = Wake()
        self._hurry = Wake()
        self._requests: deque[_Request] = deque()
        self._taken: list[_Request] = []
        self.closing: float | None = None

    def after_fork(self) -> None:
        """Forget the parent's thread and requests; the next work starts a thread."""
        self._reset()

    @property
    def started(self) -> bool:
        """Whether the thread was started."""
        return self._thread is not None

    @property
    def running(self) -> bool:
        """Whether the thread is still at work."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> bool:
        """Start the thread if there is none; False where none can be started any more."""
        if self._thread is not None:
            return True
        if not self._start_lock.acquire(timeout=1.0):
            return False
        try:
            if self._thread is None:
                thread = _threads.Thread(self._run, name=self._name)
                thread.start()
                self._thread = thread
        except RuntimeError:  # the interpreter is shutting down
            return False
        finally:
            self._start_lock.release()
        return True

    def nudge(self) -> None:
        """Let the thread work now."""
        self._wake.set()

    @property
    def asked(self) -> bool:
        """Whether someone waits for a flush, or the pump is closing."""
        return self.closing is not None or bool(self._requests or self._taken)

    def rest(self, seconds: float) -> None:
        """Wait, on the pump's thread, until the time is over or someone asks."""
        self._hurry.wait(seconds)

    def give_up(self) -> None:
        """Tell those who wait that their flush failed; the work itself goes on."""
        self._take()
        self._answer(ok=False)

    def begin(self, closing: float | None = None) -> Callable[[float], bool]:
        """Ask for work now, and for the thread's end where ``closing`` is given.

        Args:
            closing: When work must be given up, in monotonic seconds.

        Returns:
            What waits until a deadline and returns whether all was delivered. Several pumps are
            asked first and waited for then, so that they work at the same time.
        """
        if closing is not None:
            self.closing = closing
        request = _Request()
        self._requests.append(request)
        if not self.start():
            return self._here
        self._hurry.set()
        self._wake.set()

        def wait(deadline: float) -> bool:
            done = request.done.wait(deadline - monotonic()) and request.ok
            thread = self._thread
            if closing is not None and thread:
                thread.join(max(deadline - monotonic(), 0.0))
            return done

        return wait

    def _here(self, deadline: float) -> bool:
        """Work on the calling thread, where no other can be had any more."""
        closing, self.closing = self.closing, deadline
        _local.exporting = True
        with suppressed():
            ok = bool(_guard.call(self._name, self._work))
        _local.exporting = False
        self.closing = closing
        self._requests.clear()
        return ok

    def _take(self) -> None:
        while self._requests:
            self._taken.append(self._requests.popleft())

    def _answer(self, *, ok: bool) -> None:
        taken, self._taken = self._taken, []
        for request in taken:
            request.answer(ok=ok)

    def _run(self) -> None:
        _local.exporting = True
        with suppressed():
            while True:
                if not self.asked:
                    self._wake.wait(self._pause())
                self._take()
                closing = self.closing is not None
                ok = bool(_guard.call(self._name, self._work))
                self._answer(ok=ok)
                if closing and not self._requests:
                    return
