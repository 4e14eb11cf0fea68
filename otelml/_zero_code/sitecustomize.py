"""Starts otelml in the Python processes of ``otelml run``, after the sitecustomize it hides.

Not in the processes that libraries start to share work (``multiprocessing`` and loky, which is
joblib's): those run parts of what another process does. One that serves after all starts otelml
with its first request. The standard library alone is imported here, as pools are many processes.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

_HERE = Path(__file__).resolve().parent
_SERVER = "flask.app"
_LOKY = r"(?:[\w.]+\.)?loky\.backend\.\w+"
_TRACKERS = r"(?:multiprocessing|billiard)\.(?:spawn|forkserver|resource_tracker|semaphore_tracker)"
_POOL_CODE = re.compile(rf"\s*from (?:{_TRACKERS}|{_LOKY}) import (?:spawn_)?main\b")
_POOL_MODULE = re.compile(_LOKY)
_WITH_VALUE = ("-W", "-X")


def _run_hidden() -> None:
    """Run the sitecustomize that ours hides, if there is one."""
    others = [path for path in sys.path if Path(path).resolve() != _HERE]
    spec = PathFinder.find_spec("sitecustomize", others)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


def _start() -> None:
    if importlib.util.find_spec("otelml") is None:
        sys.stderr.write(
            f"otelml: not started: it is not installed for {sys.executable}; "
            "install it there, or start that command without otelml run\n"
        )
        return
    from otelml._options import settle_propagators

    settle_propagators()
    from otelml._startup.start import start

    start()


def _is_of_pool(arguments: list[str]) -> bool:
    """Whether a command line is that of a process which a library started to share work."""
    if "--multiprocessing-fork" in arguments:
        return True
    left = iter(arguments[1:])
    for option in left:
        if option in _WITH_VALUE:
            next(left, "")
        elif option == "-c":
            return _POOL_CODE.match(next(left, "")) is not None
        elif option == "-m":
            return _POOL_MODULE.fullmatch(next(left, "")) is not None
        elif not option.startswith("-"):
            return False
    return False


class _AtFirstRequest:
    """Finds Flask for the import system, and has otelml started by the first request to it."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Return how Flask is imported; None for all else, which others find."""
        if name != _SERVER:
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path, target)
        loader: Any = spec.loader if spec is not None else None
        if loader is not None:
            execute = loader.exec_module

            def exec_module(module: Any) -> None:
                execute(module)
                self._wrap(module.Flask)

            loader.exec_module = exec_module
        return spec

    def _wrap(self, cls: Any) -> None:
        call = cls.__call__

        def started(app: Any, *args: Any) -> Any:
            if vars(cls).get("__call__") is started:
                cls.__call__ = call
                _start()
            return call(app, *args)

        cls.__call__ = started


try:
    _run_hidden()
finally:
    if _is_of_pool(sys.orig_argv):
        sys.meta_path.insert(0, _AtFirstRequest())
    else:
        _start()
