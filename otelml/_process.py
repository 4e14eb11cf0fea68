"""Noticing a fork, and one that ran no hook of Python's, as those of uWSGI do.

Whoever keeps a buffer remembers the process it is of, compares that with each record, and has
everything renewed where the two differ.
"""

from __future__ import annotations

import os
from os import getpid
from typing import TYPE_CHECKING

from otelml import _threads

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["on_new_process", "renew"]

_WAIT_S = 1.0
_callbacks: list[Callable[[], object]] = []
_registered = False
_renewals: dict[int, tuple[int, _threads.Event]] = {}


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
