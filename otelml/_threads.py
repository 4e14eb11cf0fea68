"""Threads, locks and sleep of the operating system, whatever gevent has put in their place.

A thread of ours on a cooperative loop would stop every request while it waits, and a lock made
before monkey-patching would stop them for ever. So what works beside the requests is always real.
"""

from __future__ import annotations

import logging
import signal
import sys
import threading
import weakref
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

__all__ = [
    "Event",
    "Lock",
    "RLock",
    "Thread",
    "end_quietly",
    "get_ident",
    "hold_while",
    "is_cooperative",
    "sleep",
]

_LONGEST_S = 3600.0


def _native(module: str, name: str) -> Any:
    """Return what stood in a module before it was patched."""
    gevent = sys.modules.get("gevent.monkey")
    if gevent is not None:
        return gevent.get_original(module, name)
    if "eventlet.patcher" in sys.modules and module == "time":
        return sys.modules["eventlet.patcher"].original(module).sleep
    return getattr(import_module(module), name)


Lock: Callable[[], Any] = _native("_thread", "allocate_lock")
RLock: Callable[[], Any] = _native("_thread", "RLock")
get_ident: Callable[[], int] = _native("_thread", "get_ident")
sleep: Callable[[float], None] = _native("time", "sleep")
_start_new_thread: Callable[..., int] = _native("_thread", "start_new_thread")


def is_cooperative() -> bool:
    """Whether a gevent loop runs on this thread: waiting here would stop every request."""
    hub = sys.modules.get("gevent._hub_local")
    return hub is not None and hub.get_hub_if_exists() is not None


def end_quietly() -> None:
    """Let logging's handlers die without a lock, at the exit of a process that gevent has patched.

    Modules that were there before gevent are torn down after it. A handler that dies with one of
    them (Flask's, charset_normalizer's) takes a lock then whose greenlets are gone, and Python
    prints an exception. Until then logging finds its handlers as before.
    """
    if "gevent.monkey" not in sys.modules:
        return
    listed: list[Any] = logging._handlerList  # type: ignore[attr-defined]  # noqa: SLF001 - no other way
    handlers = [known() for known in listed]
    listed[:] = [weakref.ref(handler) for handler in handlers if handler is not None]


_held: list[Callable[[], bool]] = []


def hold_while(condition: Callable[[], bool]) -> None:
    """Start no thread while ``condition`` is true.

    A fork that runs no hook of Python's copies the interpreter's lock as it is: where threads wait
    for it, the child may wait for ever.

    Args:
        condition: Whether a thread must not be started now.
    """
    _held[:] = [condition]


# What stops a program or tells its time stays with whichever thread it meets.
_OWN_SIGNALS = {
    getattr(signal, f"SIG{name}", None)
    for name in ("SEGV", "BUS", "FPE", "ILL", "ABRT", "TRAP", "SYS", "PROF", "VTALRM")
}


@contextmanager
def _signals_held() -> Generator[None, None, None]:
    """Let threads that start here take no signals: they are for the threads of the service.

    A server that waits in a system call learns of its SIGTERM or SIGHUP by being interrupted. A
    thread of ours that took it instead would let it wait on (uWSGI's workers, for ever).
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        # A handler may raise in here, when the signals are held already.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - _OWN_SIGNALS)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Event:
    """As ``threading.Event``, and safe to set in a signal handler."""

    def __init__(self) -> None:
        self._is_set = False
        self._gate = Lock()
        self._gate.acquire()

    def is_set(self) -> bool:
        """Whether it is set."""
        return self._is_set

    def set(self) -> None:
        """Let those who wait go on."""
        self._is_set = True
        with suppress(RuntimeError):  # open already
            self._gate.release()

    def clear(self) -> None:
        """Let the next one wait."""
        self._is_set = False
        self._gate.acquire(False)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until it is set; return whether it is.

        Args:
            timeout_s: Seconds to wait at most.
        """
        if not self.is_set():
            seconds = _LONGEST_S if timeout_s is None else min(max(timeout_s, 0.0), _LONGEST_S)
            while not self._gate.acquire(timeout=seconds) and timeout_s is None:
                pass
            if self.is_set():
                self.set()  # for the next who waits
        return self.is_set()


class Thread:
    """A daemon thread of the operating system.

    Args:
        target: What it runs.
        args: Arguments of that.
        name: Its name.
    """

    def __init__(
        self, target: Callable[..., object], args: tuple[Any, ...] = (), *, name: str
    ) -> None:
        self._target = target
        self._args = args
        self.name = name
        self.ident: int | None = None
        self._done = Event()

    def start(self) -> None:
        """Start it, without waiting for its first step.

        Raises:
            RuntimeError: No thread can be started now.
        """
        if any(condition() for condition in _held):
            raise RuntimeError("no thread before the fork")
        with _signals_held():
            self.ident = _start_new_thread(self._run, ())

    def _run(self) -> None:
        self.ident = get_ident()
        key = threading.get_ident()
        shown = threading.current_thread()
        shown.name = self.name
        try:
            self._target(*self._args)
        finally:
            active: dict[int, Any] = threading._active  # type: ignore[attr-defined] # noqa: SLF001 - else it is listed for ever
            active.pop(key, None)
            self._done.set()

    def is_current(self) -> bool:
        """Whether this is the thread that asks."""
        return self.ident == get_ident()

    def is_alive(self) -> bool:
        """Whether it was started and has not ended."""
        return self.ident is not None and not self._done.is_set()

    def join(self, timeout_s: float | None = None) -> None:
        """Wait for its end.

        Args:
            timeout_s: Seconds to wait at most.
        """
        if self.ident is not None and not self.is_current():
            self._done.wait(timeout_s)
