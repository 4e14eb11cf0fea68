"""What runs in the workers of a parallel call is inside what made the call.

A worker thread starts with an empty context and a worker process with none, so the tasks carry
the fact: scikit-learn's own as a plain attribute of the task, which any process can unpickle;
bare joblib's by a callable around them, where the worker shares our memory or is forked from it.
"""

from __future__ import annotations

import sys
from typing import Any

from otelml.instrumentors.inside import QUIET, current, enter, leave
from otelml.instrumentors.patch import Function, ModulePatches, as_wrapper

_MARK = "_otelml_inside"


class QuietTask:
    """A task whose calls of models are no predictions.

    Args:
        function: The task.
    """

    def __init__(self, function: Function) -> None:
        self.function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the task."""
        token = enter(QUIET)
        try:
            return self.function(*args, **kwargs)
        finally:
            leave(token)


def patch_joblib(patches: ModulePatches, module: Any) -> None:
    """Make ``joblib.Parallel`` mark its tasks.

    Args:
        patches: Where to keep it.
        module: ``joblib.parallel``.
    """
    patches.wrap(module.Parallel, "__call__", _marking)


def patch_tasks(patches: ModulePatches, module: Any) -> None:
    """Make scikit-learn's tasks heed the mark.

    Args:
        patches: Where to keep it.
        module: ``sklearn.utils.parallel``.
    """
    patches.wrap(module._FuncWrapper, "__call__", _heeding)  # noqa: SLF001 - no public place exists


def _marking(original: Function) -> Function:
    def wrapper(self: Any, iterable: Any) -> Any:
        if current() is None or _runs_here(self):
            return original(self, iterable)
        return original(self, _marked(iterable, shared=_shares_memory(self)))

    return as_wrapper(wrapper, original)


def _heeding(original: Function) -> Function:
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        if _MARK not in self.__dict__ or current() is not None:
            return original(self, *args, **kwargs)
        token = enter(QUIET)
        try:
            return original(self, *args, **kwargs)
        finally:
            leave(token)

    return as_wrapper(wrapper, original)


def _runs_here(parallel: Any) -> bool:
    return parallel.n_jobs == 1 and not getattr(parallel, "return_generator", False)


def _shares_memory(parallel: Any) -> bool:
    backend = getattr(parallel, "_backend", None)
    forked = type(backend).__name__ == "MultiprocessingBackend"
    return forked or bool(getattr(backend, "uses_threads", False))


def _marked(iterable: Any, *, shared: bool) -> Any:
    module = sys.modules.get("sklearn.utils.parallel")
    own = getattr(module, "_FuncWrapper", ())
    tasks = (_mark(task, own, shared=shared) for task in iterable)
    # joblib asks for the length where there is one
    return list(tasks) if hasattr(iterable, "__len__") else tasks


def _mark(task: Any, own: Any, *, shared: bool) -> Any:
    if not isinstance(task, tuple):  # joblib will say what is wrong
        return task
    function, *rest = task
    if isinstance(function, own):
        setattr(function, _MARK, True)
    elif shared:
        return (QuietTask(function), *rest)
    return task
