"""Threads and thread pools: what a request hands to them stays part of it.

An instrumentor of a web framework or a model library turns this on with itself, and off again; many
may. Outside a request, a prediction and a model, each wrapper is one look and passes on.

What is patched is what everybody ends up in: ``submit`` of thread pools, whoever made them when,
futures' callbacks, ``multiprocessing``'s pools of threads (joblib's too), and ``Thread.start``, for
any subclass, as ``run`` is often overridden. Pools of processes are not touched. The threads of a
pool outlive the request in which they happen to start, so they start inside of nothing.
OpenTelemetry's own instrumentation of threads may be on as well, around or beneath.
"""

from __future__ import annotations

import inspect
import threading
from typing import Any

from otelml import _guard
from otelml._requests import Task, is_enclosed, nothing
from otelml.instrumentors.patch import Function, ModulePatches, as_wrapper, unwrapped

__all__ = ["instrument_threads", "uninstrument_threads"]

_COMPONENT = "threads"
_POOL_METHODS = ("_map_async", "apply_async", "imap", "imap_unordered", "map_async",
                 "starmap_async")  # fmt: skip
_FUNCTIONS = ("func", "callback", "error_callback")
# Whose threads serve everybody, whoever caused their start.
_MAKERS = ("asyncio.", "concurrent.", "logging.", "multiprocessing.", "opentelemetry.", "otelml.")
_ABSENT: Any = object()


def _patch_futures(module: Any) -> None:
    _replace(module.ThreadPoolExecutor, "submit", _submitting)


def _patch_callbacks(module: Any) -> None:
    _replace(module.Future, "add_done_callback", _submitting)


def _patch_pools(module: Any) -> None:
    for name in _POOL_METHODS:
        # map_async and starmap_async call _map_async, but only they are given the callbacks' names
        _replace(module.ThreadPool, name, _pooling)


def _patch_threads(module: Any) -> None:
    _replace(module.Thread, "start", _starting)


_patches = ModulePatches(
    _COMPONENT,
    {
        "concurrent.futures._base": _patch_callbacks,
        "concurrent.futures.thread": _patch_futures,
        "multiprocessing.pool": _patch_pools,
        "threading": _patch_threads,
    },
)
_users = 0


def instrument_threads() -> None:
    """Let requests reach into threads."""
    global _users  # noqa: PLW0603 - of the process, as the patches are
    _users += 1
    if _users == 1:
        _patches.apply()


def uninstrument_threads() -> None:
    """Take that back, once nobody needs it."""
    global _users  # noqa: PLW0603 - as above
    _users = max(_users - 1, 0)
    if not _users:
        _patches.undo()


def _replace(owner: type, name: str, wrap: Any) -> None:
    # Through the class: another's wrapper may be a descriptor.
    function = getattr(owner, name, None)
    if function is not None and unwrapped(function) is function:
        _patches.replace(owner, name, wrap(function))


def _submitting(original: Function) -> Function:
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        if args and is_enclosed():
            return original(self, _taking_along(args[0]), *args[1:], **kwargs)
        return original(self, *args, **kwargs)

    return as_wrapper(wrapper, original)


def _pooling(original: Function) -> Function:
    names = list(inspect.signature(original).parameters)
    places = [(names.index(name) - 1, name) for name in _FUNCTIONS if name in names]

    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not is_enclosed():
            return original(self, *args, **kwargs)
        given = list(args)
        for place, name in places:
            if place < len(given):
                given[place] = _taking_along(given[place])
            elif name in kwargs:
                kwargs[name] = _taking_along(kwargs[name])
        return original(self, *given, **kwargs)

    return as_wrapper(wrapper, original)


def _starting(original: Function) -> Function:
    def wrapper(self: Any) -> None:
        if not is_enclosed():
            original(self)
            return
        if _serves_everybody(self):
            with nothing():
                original(self)
            return
        run = _guard.call(_COMPONENT, _run_of, self)
        try:
            original(self)
        except BaseException:
            if run is not None:
                run.give_back()
            raise

    return as_wrapper(wrapper, original)


def _taking_along(function: Any) -> Any:
    if type(function) is Task or not callable(function):
        return function
    return _guard.call(_COMPONENT, Task, function) or function


def _serves_everybody(thread: Any) -> bool:
    target = getattr(thread, "_target", None)
    maker = target if target is not None else type(thread)
    return str(getattr(maker, "__module__", "")).startswith(_MAKERS)


class _Run:
    """What a thread runs in place of its ``run``, for once.

    Args:
        thread: The thread, not started yet.
    """

    def __init__(self, thread: threading.Thread) -> None:
        self._own = vars(thread)
        self._before = self._own.get("run", _ABSENT)
        self._task = Task(thread.run, bounded=False)

    def __call__(self) -> None:
        """Run the thread."""
        self.give_back()
        self._task()

    def give_back(self) -> None:
        """Let the thread have its own ``run`` again."""
        if self._own.get("run") is not self:
            return
        if self._before is _ABSENT:
            del self._own["run"]
        else:
            self._own["run"] = self._before


def _run_of(thread: threading.Thread) -> _Run:
    run = _Run(thread)
    vars(thread)["run"] = run
    return run
