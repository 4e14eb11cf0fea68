"""Which of the application's handlers write to stdout, or export, the record that we see.

A handler may pass records on: to a queue that a listener reads on its own thread, or to another
handler.
"""

from __future__ import annotations

import functools
import gc
import io
import logging
import logging.handlers
import sys
from collections.abc import Iterable
from typing import Any
from weakref import WeakSet

from otelml._guard import quietly

__all__ = ["find_listeners", "is_otel_handler", "note_listener", "reach", "writes_to_stdout"]

_STDOUT = 1
_PATHS_OF_STDOUT = frozenset({"/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"})
_MAX_DEPTH = 4
_listeners: WeakSet[logging.handlers.QueueListener] = WeakSet()


def note_listener(listener: logging.handlers.QueueListener) -> None:
    """Remember who reads a queue."""
    _listeners.add(listener)


def find_listeners(root: logging.Logger) -> None:
    """Find the listeners that are there already, where a handler has a queue at all."""
    loggers = [root, *root.manager.loggerDict.values()]
    if any(
        isinstance(handler, logging.handlers.QueueHandler)
        for logger in loggers
        for handler in getattr(logger, "handlers", ())
    ):
        for thing in gc.get_objects():
            if issubclass(type(thing), logging.handlers.QueueListener):
                note_listener(thing)


def reach(handlers: Iterable[logging.Handler], depth: int = 0) -> list[logging.Handler]:
    """Return handlers, and those that they pass their records to."""
    found: list[logging.Handler] = []
    for handler in handlers:
        found.append(handler)
        kind: Any = type(handler)
        if _passes_on(kind) and depth < _MAX_DEPTH:
            found += reach(_behind(handler), depth + 1)
    return found


@functools.lru_cache(maxsize=256)
def _passes_on(kind: Any) -> bool:
    # MemoryHandler has a target, absl's handler another one
    passing = ("setTarget", "python_handler")
    return issubclass(kind, logging.handlers.QueueHandler) or any(hasattr(kind, n) for n in passing)


def _behind(handler: logging.Handler) -> list[Any]:
    if isinstance(handler, logging.handlers.QueueHandler):
        return [
            behind
            for listener in tuple(_listeners)
            if listener.queue is handler.queue and _runs(listener)
            for behind in listener.handlers
        ]
    inner = getattr(handler, "target", None) or getattr(handler, "python_handler", None)
    return [inner] if isinstance(inner, logging.Handler) else []


def _runs(listener: Any) -> bool:
    return getattr(listener, "_thread", listener) is not None


def is_otel_handler(handler: logging.Handler) -> bool:
    """Return whether a handler exports records by OpenTelemetry: the SDK's or contrib's."""
    kind: Any = type(handler)
    return _exports(kind)


@functools.lru_cache(maxsize=256)
def _exports(kind: Any) -> bool:
    return any(
        base.__name__ == "LoggingHandler" and base.__module__.startswith("opentelemetry.")
        for base in kind.__mro__
    )


def writes_to_stdout(handler: logging.Handler) -> bool:
    """Return whether what a handler writes is seen on the process's standard output."""
    stream: Any = getattr(handler, "stream", None)
    if stream is None:
        console = getattr(handler, "console", None)  # as rich's handler has
        stream = getattr(console, "file", None)
        if stream is None:
            return False
    if stream is sys.stdout or stream is sys.__stdout__:
        return True
    if stream is sys.stderr or stream is sys.__stderr__:
        return False
    if isinstance(stream, io.StringIO):  # whose answer would be an error each time
        return False
    if getattr(handler, "baseFilename", None) in _PATHS_OF_STDOUT:
        return True
    return bool(quietly(_descriptor, stream) == _STDOUT)


def _descriptor(stream: Any) -> Any:
    return stream.fileno()
