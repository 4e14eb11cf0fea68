"""What encloses a call of a model, whichever library it belongs to.

A context variable says it. Outside everything a call is a model call; inside another one, a fit, a
score or a transformation it passes, at the price of one look. So a pipeline of one library that
ends in a model of another is one prediction, and so is a wrapper around a model.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from otelml._requests import carry_along
from otelml.instrumentors.patch import Function, as_wrapper

NOBODY: Any = object()


class Inside:
    """What encloses a call.

    Args:
        call: The model call that is reported.
        final: The estimator whose start ends feature extraction; None while no pipeline has
            been entered.
    """

    __slots__ = ("call", "final")

    def __init__(self, call: Any, final: Any) -> None:
        self.call = call
        self.final = final


QUIET = Inside(None, NOBODY)
_inside: ContextVar[Inside | None] = ContextVar("otelml-inside", default=None)
carry_along(_inside)


def current() -> Inside | None:
    """Return what encloses the caller; None outside everything."""
    state = _inside.get()
    if state is not None and state.call is not None and state.call.end_ns:
        return None  # a thread that was started in the call, and outlives it
    return state


looked = _inside.get  # as `current`, for wrappers: these see for themselves whether it is over
enter = _inside.set
leave = _inside.reset


def quiet(original: Function) -> Function:
    """Wrap a function whose calls of models are no predictions: fit, score, transform."""

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        state = looked()
        if state is not None and (state.call is None or not state.call.end_ns):
            return original(*args, **kwargs)
        token = enter(QUIET)
        try:
            return original(*args, **kwargs)
        finally:
            leave(token)

    return as_wrapper(wrapper, original)


def quiet_generator(original: Function) -> Function:
    """Wrap a generator function whose calls of models are no predictions."""

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        items = original(*args, **kwargs)
        while True:
            token = enter(QUIET)
            try:
                item = next(items)
            except StopIteration as end:
                return end.value
            finally:
                leave(token)
            yield item

    return as_wrapper(wrapper, original)
