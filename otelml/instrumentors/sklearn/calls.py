"""The wrappers of estimators' methods."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import Token
from typing import Any

from otelml import _guard
from otelml._requests import begin_call, end_call
from otelml.instrumentors.inside import NOBODY, QUIET, Inside, enter, leave, looked
from otelml.instrumentors.patch import Function, as_wrapper
from otelml.instrumentors.sklearn.forms import arguments, explains, other_output, read
from otelml.instrumentors.sklearn.identity import FRAMEWORK


class Switch:
    """Whether model calls are reported: a wrapper may outlive the instrumentation.

    Classes that others wrapped after us keep ours inside.
    """

    on = False


def _begin(
    model: Any, method: str, args: tuple[Any, ...], given: Mapping[str, Any], final: Any
) -> tuple[Any, Token[Inside | None]]:
    call = None
    if Switch.on and not explains(given):
        data = args[0] if args else next(iter(given.values()), None)
        call = begin_call(model, method, data, FRAMEWORK)
    return call, enter(QUIET if call is None else Inside(call, final))


def _end(call: Any, result: Any, original: Function, given: Mapping[str, Any]) -> None:
    if call is None:
        return
    if type(result) is tuple and len(result) == 2 and _is_spread(original, given):  # noqa: PLR2004 - a pair
        result = result[0]  # mean, and standard deviation or covariance
    changed = other_output(given)
    end_call(call, _guard.call(FRAMEWORK, read, call, changed, result) if changed else result)


def _is_spread(original: Function, given: Mapping[str, Any]) -> bool:
    names = (*original.__code__.co_varnames[: original.__code__.co_argcount], *given)
    return "return_std" in names or "return_cov" in names


def model_call(original: Function, method: str) -> Function:
    """Wrap a prediction method of an estimator."""

    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        state = looked()
        if state is not None and (state.call is None or not state.call.end_ns):
            if state.final is not self:
                return original(self, *args, **kwargs)
            state.final = NOBODY
            enclosing: Any = state.call
            enclosing.final_started()
            try:
                return original(self, *args, **kwargs)
            finally:
                enclosing.final_ended()
        given = arguments(original, args, kwargs)
        call, token = _begin(self, method, args, given, None)
        try:
            result = original(self, *args, **kwargs)
        except BaseException as error:
            leave(token)
            end_call(call, error=error)
            raise
        leave(token)
        _end(call, result, original, given)
        return result

    return as_wrapper(wrapper, original)


def delegating_call(original: Function, method: str, final_of: Function) -> Function:
    """Wrap a prediction method that hands the call to another estimator in the end.

    Args:
        original: The method.
        method: Its name.
        final_of: Returns that estimator, which will say when it starts.
    """

    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        state = looked()
        if state is not None and (state.call is None or not state.call.end_ns):
            before = state.final
            if before is not None and before is not self:
                return original(self, *args, **kwargs)
            state.final = final_of(self)
            try:
                return original(self, *args, **kwargs)
            finally:
                state.final = before
        given = arguments(original, args, kwargs)
        call, token = _begin(self, method, args, given, final_of(self))
        try:
            result = original(self, *args, **kwargs)
        except BaseException as error:
            leave(token)
            end_call(call, error=error)
            raise
        leave(token)
        _end(call, result, original, given)
        return result

    return as_wrapper(wrapper, original)


def last_step(pipeline: Any) -> Any:
    """Return the final estimator of a pipeline, or what no estimator is."""
    try:
        final = pipeline.steps[-1][1]
        # this one hands attributes on, so its methods are those of the estimator inside
        return final.estimator if type(final).__name__ == "FrozenEstimator" else final
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return NOBODY  # not a valid pipeline: the call itself is about to say so


def inner(attribute: str) -> Function:
    """Return a function that reads a fitted estimator, or gives what no estimator is."""

    def read(estimator: Any) -> Any:
        return getattr(estimator, attribute, NOBODY)

    return read
