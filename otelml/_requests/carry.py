"""What a request takes along to other threads.

A thread begins with an empty context, and a pool's thread keeps none between its tasks: so each
task brings what encloses the code that made it, and takes it away again. That is the context of
OpenTelemetry and otelml's own variables alone. With all of the caller's variables, a task would
find Flask's ``request``, say, which it does not find without otelml.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

from opentelemetry.context import Context, attach, get_current

from otelml._prediction import current_open, detach, request_scope
from otelml._requests.request import Lane, RequestScope

_inner: list[ContextVar[Any]] = []


def carry_along(variable: ContextVar[Any]) -> None:
    """Let tasks bring a variable that says what they are inside of; None means of nothing."""
    _inner.append(variable)


def is_enclosed() -> bool:
    """Whether a request, a prediction that was said, or a model encloses the caller."""
    if request_scope.get() is not None or current_open() is not None:
        return True
    for variable in _inner:  # noqa: SIM110 - this runs for each task of the process
        if variable.get() is not None:
            return True
    return False


class Task:
    """A callable that runs inside what encloses its maker, on whichever thread, as often as called.

    Args:
        function: What it calls.
        bounded: Whether what it does is certain to be part of what encloses its maker. A thread
            may go on for ever, so it brings only what is able to tell its end.
    """

    __slots__ = ("_context", "_function", "_lane", "_scope", "_values")

    def __init__(self, function: Callable[..., Any], *, bounded: bool = True) -> None:
        scope: RequestScope | None = request_scope.get()
        self._function = function
        self._context: Context = get_current()
        self._scope = scope
        self._lane = scope.lane() if scope is not None else None
        self._values = [
            (variable, value)
            for variable in _inner
            if (value := variable.get()) is not None and (bounded or _can_end(value))
        ]

    def __reduce__(self) -> tuple[Any, tuple[Any]]:
        """Pickle as the function alone: another process or interpreter is not in the request."""
        return partial, (self._function,)  # any process can unpickle it

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        scope, failure = self._scope, None
        tokens = [(v, v.set(value)) for v, value in ((request_scope, scope), *self._values)]
        token = attach(self._context)
        before = scope.enter(Lane(self._context, self._lane)) if scope is not None else None
        try:
            return self._function(*args, **kwargs)
        except BaseException as error:
            failure = error
            raise
        finally:
            if scope is not None:
                scope.leave(before, failure)
            failure = None  # else its traceback holds this frame, which holds it
            detach(token)
            for variable, set_before in reversed(tokens):
                variable.reset(set_before)


def _can_end(value: Any) -> bool:
    return hasattr(value, "end_ns") or getattr(value, "call", None) is not None


@contextmanager
def nothing() -> Generator[None]:
    """Be inside of nothing: for what is made now, and goes on for others."""
    tokens = [(variable, variable.set(None)) for variable in (request_scope, *_inner)]
    token = attach(Context())
    try:
        yield
    finally:
        detach(token)
        for variable, before in reversed(tokens):
            variable.reset(before)


class Held:
    """A request that goes on in steps, after its view has returned: while its body is sent.

    Args:
        scope: The request.
    """

    __slots__ = ("_context", "scope")

    def __init__(self, scope: RequestScope) -> None:
        self.scope = scope
        self._context = get_current()

    def note(self) -> None:
        """Take the present context for what the next step runs in."""
        self._context = get_current()

    @contextmanager
    def step(self) -> Generator[None]:
        """Be in the request."""
        scope_token = request_scope.set(self.scope)
        # Flask before 3.1.2 keeps the context of a stream in place, and leaves it inside a step.
        token = None if get_current() is self._context else attach(self._context)
        try:
            yield
        finally:
            self._context = get_current()
            detach(token)
            request_scope.reset(scope_token)
