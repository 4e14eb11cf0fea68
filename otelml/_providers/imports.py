"""Imports in a thread of ours, which must not meet those of the application.

From Python 3.14 on, a thread that imports ``requests.models`` holds that module's lock and asks for
its package's; one that imports ``requests`` holds the package's and asks for the module's. Python
ends this by an error in one of them or both, and that may be the application's. So an import of
ours waits until nobody imports anything, and lets nobody begin until it is done.
"""

from __future__ import annotations

import _imp
import sys
import time
from collections.abc import Iterable
from contextlib import nullcontext
from importlib import import_module
from typing import Any

from otelml import _process, _threads

__all__ = ["import_alone"]

_PAUSE_S = 0.01


def import_alone(names: Iterable[str], wait_s: float) -> None:
    """Import modules while no other thread imports any, or forks.

    Args:
        names: The modules.
        wait_s: How long to wait at most for imports of other threads; then theirs and these may
            meet, as where a service runs inside an import for good.

    Raises:
        ImportError: There is no such module.
    """
    wanted = list(names)
    if all(name in sys.modules for name in wanted):
        wait_s = 0.0
    end = time.monotonic() + wait_s
    alone = _begin_alone()
    while not alone and time.monotonic() < end:
        _threads.sleep(_PAUSE_S)
        alone = _begin_alone()
    try:
        # Never both: a thread that lets nobody fork may be about to import.
        with nullcontext() if alone else _process.no_fork():
            for name in wanted:
                import_module(name)
    finally:
        if alone:
            _imp.release_lock()


def _begin_alone() -> bool:
    """Keep all other threads from beginning an import, unless one is in the middle of it."""
    bootstrap: Any = sys.modules.get("_frozen_importlib")
    locks: dict[str, Any] | None = getattr(bootstrap, "_module_locks", None)
    if locks is None:
        return False  # another Python's import system: nothing is known of its locks
    # Without it no thread comes to the lock of a module, and forks wait for it.
    _imp.acquire_lock()
    # Whoever has one, or is about to take it, keeps it alive.
    if any(each() is not None for each in locks.values()):
        _imp.release_lock()
        return False
    return True
