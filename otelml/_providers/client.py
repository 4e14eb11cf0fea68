"""The HTTP client of the exporters: imported where no fork is in its way, and no patch of gevent's.

``otelml run`` sets telemetry up before the application can have gevent replace ``ssl``. What has
taken ``SSLContext`` from it by then would call itself for ever. So the client is imported with
the first payload there, and if gevent comes later still, it is told of the new class.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import wrapt

from otelml import _guard, _process
from otelml._providers.imports import import_alone
from otelml._state import ProcessState

__all__ = ["await_client", "load_client"]

_NEEDED = ("requests", "netrc", "encodings.idna")
_HOLDERS = ("urllib3.util.ssl_", "urllib3.util")
_WAIT_S = 10.0
_loaded: ProcessState[bool] = ProcessState(False)


def load_client() -> None:
    """Import the client, while no other thread forks: the child would wait for its module locks."""
    if not _loaded.value:
        with _process.no_fork():
            for module in _NEEDED:
                import_module(module)
        _follow_gevent()


def await_client() -> None:
    """Import the client in a thread of ours, when the application's imports have ended."""
    if not _loaded.value:
        import_alone(_NEEDED, _WAIT_S)
        _follow_gevent()


def _follow_gevent() -> None:
    if not _loaded.exchange(True):  # such a hook stays for good
        wrapt.register_post_import_hook(_await_patch, "gevent.events")


def _await_patch(events: Any) -> None:
    def patched(event: Any) -> None:
        if isinstance(event, events.GeventDidPatchModuleEvent) and event.module_name == "ssl":
            _guard.call("gevent", _tell_client)

    events.subscribers.append(patched)


def _tell_client() -> None:
    context = sys.modules["ssl"].SSLContext
    for name in _HOLDERS:
        module: Any = sys.modules.get(name)
        if module is not None and hasattr(module, "SSLContext"):
            module.SSLContext = context
