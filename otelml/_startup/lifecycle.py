"""Flushing when the process ends, and beginning anew in a forked child.

A signal handler runs on top of whatever the main thread was doing, locks held: it only starts a
thread that flushes and waits for it, so a flush that needs such a lock costs the budget and no
more. On a cooperative loop it does not even wait: requests under way need the loop, and the exit
flushes once the server has answered them.
"""

from __future__ import annotations

import atexit
import os
import signal
import threading
import weakref
from multiprocessing import parent_process, util
from time import monotonic
from typing import TYPE_CHECKING, Any

from otelml import _guard, _process, _threads
from otelml._startup import hosts
from otelml._startup.budget import Budget

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType


class Lifecycle:
    """When to flush, for one telemetry.

    Args:
        flush: Sends everything by a deadline on the monotonic clock; may be called again.
        after_fork: Makes a forked child's telemetry its own.
        budget_s: Seconds that all flushes of one ending may take together.
        stop: As ``flush``, where the process is certain to end; ``flush`` by default.
    """

    def __init__(
        self,
        flush: Callable[[float], object],
        after_fork: Callable[[], object],
        budget_s: float,
        stop: Callable[[float], object] | None = None,
    ) -> None:
        self._flush = flush
        self._stop = stop if stop is not None else flush
        self._after_fork = after_fork
        self._budget = Budget(budget_s)
        self._installed = False
        self._previous: Any = None
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._handling = False
        self._stopped = False
        self._budget.begin()

    def install(self) -> None:
        """Register for the exit of the process, SIGTERM and forks; a second call does nothing."""
        if self._installed:
            return
        self._installed = True
        atexit.register(self._at_exit)
        self._take_signal()
        if hasattr(os, "register_at_fork"):
            this = weakref.WeakMethod(self._in_child)

            def in_child() -> None:
                method = this()
                if method is not None:
                    method()

            _process.on_new_process(in_child)
            hosts.on_fork(_process.renew)
        hosts.on_exit(self._at_exit)
        util.register_after_fork(self, Lifecycle._finalize)
        if parent_process() is not None:
            self._finalize()

    def set_budget(self, budget_s: float) -> None:
        """Give all flushes of one ending ``budget_s`` seconds together."""
        self._budget_s = budget_s

    def uninstall(self) -> None:
        """Take all of that back; the previous SIGTERM handler returns if ours is still there."""
        if not self._installed:
            return
        self._installed = False
        atexit.unregister(self._at_exit)
        if self._previous is None or threading.current_thread() is not threading.main_thread():
            return
        if signal.getsignal(signal.SIGTERM) == self._on_signal:
            signal.signal(signal.SIGTERM, self._previous)
        self._previous = None

    def _take_signal(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        previous = signal.getsignal(signal.SIGTERM)
        if previous is None or previous is signal.SIG_IGN:
            return  # not Python's to restore, or the application means to survive it
        with _guard.guarded("lifecycle"):
            signal.signal(signal.SIGTERM, self._on_signal)
            self._previous = previous

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        previous = self._previous if self._previous is not None else signal.SIG_DFL
        # A second signal that comes while the first is being handled is in a hurry.
        try:
            if self._installed and not self._handling:
                self._handling = True
                _guard.call("signal", self._flush_on_signal, survives=callable(previous))
        finally:
            self._handling = False
            if callable(previous):
                previous(number, frame)
            else:
                # The process must be seen to die of the signal.
                signal.signal(number, signal.SIG_DFL)
                os.kill(os.getpid(), number)

    def _flush_on_signal(self, *, survives: bool) -> None:
        if survives and _threads.is_cooperative():
            return
        self._flush_in_thread(self._flush if survives else self._stop)

    def _flush_in_thread(self, flush: Callable[[float], object]) -> None:
        budget_s = self._budget.left_s()
        deadline = monotonic() + budget_s
        thread = _threads.Thread(self._run, (flush, deadline), name="otelml-flush")
        try:
            thread.start()
        except RuntimeError:  # the interpreter is shutting down: the exit handler's turn
            return
        thread.join(budget_s)
        if thread.is_alive():
            self._budget.spend(budget_s)

    def _run(self, flush: Callable[[float], object], deadline: float) -> None:
        if self._stopped:
            return
        self._stopped = flush is self._stop and flush is not self._flush
        started = monotonic()
        _guard.call("flush", flush, deadline)
        self._budget.spend(monotonic() - started)

    def _at_exit(self) -> None:
        if self._installed:
            self._run(self._stop, monotonic() + self._budget.left_s())
            _guard.quietly(_threads.end_quietly)

    def _at_job_end(self) -> None:
        if self._installed:
            self._run(self._flush, monotonic() + self._budget.left_s())

    def _in_child(self) -> None:
        if self._installed and self._pid != os.getpid():
            self._begin()
            _guard.call("fork", self._after_fork)
            hosts.on_exit(self._at_exit)
            hosts.on_job_end(self._at_job_end)

    def _finalize(self) -> None:
        """Let a child of multiprocessing flush too: it leaves by ``os._exit``, without atexit."""
        _guard.call("fork", util.Finalize, None, self._at_exit, exitpriority=0)
