"""Which process this is: forked or not, and whether its stdout is for our lines.

A fork may run no hook of Python's, as those of uWSGI do. Whoever keeps a buffer remembers the
process it is of, compares that with each record, and has everything renewed where the two differ.

Under ``otelml run`` one Python process writes to stdout, and those forked from it: the first one
whose stdout is that of the command. What the others print may be read by the one that started
them.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from os import getpid
from typing import TYPE_CHECKING

from otelml import _threads
from otelml._state import ProcessState

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, MutableMapping

__all__ = [
    "is_early",
    "no_fork",
    "offer_stdout",
    "on_new_process",
    "owns_stdout",
    "pass_stdout_on",
    "renew",
]

_WAIT_S = 1.0
_FORK_WAIT_S = 5.0
_STDOUT = 1
# A process id where the stdout has been taken; else the device and the file that it is.
_STDOUT_VARIABLE = "_OTELML_STDOUT"
_callbacks: list[Callable[[], object]] = []
_registered = False
_renewals: dict[int, tuple[int, _threads.Event]] = {}
is_early: ProcessState[bool] = ProcessState(False)
"""Whether telemetry is set up before the application runs."""
_gate = _threads.RLock()
_forking: list[bool] = []
_holds_forks = False
_owns: ProcessState[bool | None] = ProcessState(None)  # a forked child keeps it


def on_new_process(callback: Callable[[], object] | None) -> None:
    """Say what makes telemetry this process's own; None takes that back."""
    global _registered  # noqa: PLW0603 - of the process, as the hook is
    _callbacks[:] = [] if callback is None else [callback]
    if not _registered and hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=renew)
        _registered = True


def renew() -> None:
    """Make telemetry this process's own, once; whoever asks meanwhile waits for that."""
    own = (_threads.get_ident(), _threads.Event())
    ident, done = found = _renewals.setdefault(getpid(), own)
    if found is own:
        try:
            for callback in _callbacks:
                callback()
        finally:
            done.set()
    elif ident != own[0]:
        done.wait(_WAIT_S)


def _hold_forks() -> None:
    """Let a fork wait for what must not be cut in two by it, but not for ever."""
    _forking.append(_gate.acquire(timeout=_FORK_WAIT_S))


def _let_forks_go() -> None:
    if _forking and _forking.pop():
        _gate.release()


@contextmanager
def no_fork() -> Generator[None]:
    """Let no other thread fork during the block."""
    global _holds_forks  # noqa: PLW0603 - of the process, as the hooks are
    if not _holds_forks and hasattr(os, "register_at_fork"):
        _holds_forks = True
        os.register_at_fork(
            before=_hold_forks, after_in_parent=_let_forks_go, after_in_child=_let_forks_go
        )
    with _gate:
        yield


def _stdout_file() -> str:
    """Return what tells the file of stdout from others; empty where there is none."""
    try:
        found = os.fstat(_STDOUT)
    except OSError:
        return ""
    return f"{found.st_dev}:{found.st_ino}"


def offer_stdout(environ: MutableMapping[str, str]) -> None:
    """Leave our stdout to the next Python process that is started with it.

    Args:
        environ: The environment of that process.
    """
    environ[_STDOUT_VARIABLE] = _stdout_file()


def pass_stdout_on() -> None:
    """Leave our stdout, if it is given to one process, to the next one that is started with it."""
    if _STDOUT_VARIABLE in os.environ and owns_stdout():
        offer_stdout(os.environ)


def owns_stdout() -> bool:
    """Whether telemetry may write to stdout: in no process that another Python process started."""
    if _owns.value is None:
        said = os.environ.get(_STDOUT_VARIABLE)
        own = str(getpid())
        _owns.value = said in (None, own, _stdout_file())
        if said is not None and _owns.value:
            os.environ[_STDOUT_VARIABLE] = own
    return _owns.value
