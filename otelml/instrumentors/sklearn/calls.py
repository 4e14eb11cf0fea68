"""The wrappers of estimators' methods, and what they know of each other.

A context variable says what encloses a call. Outside everything a call is a model call; inside
another one, a fit, a score or a transformation it passes, at the price of one look.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import Any

from otelml._requests import begin_call, carry_along, end_call
from otelml.instrumentors.patch import Function, as_wrapper
from otelml.instrumentors.sklearn.identity import FRAMEWORK

_NOBODY: Any = object()
# Keyword arguments of XGBoost, LightGBM and CatBoost by which predict returns something else.
_OTHER_OUTPUT = frozenset((
    "output_margin", "pred_contrib", "pred_contribs", "pred_interactions", "pred_leaf",
    "prediction_type", "raw_score",
))  # fmt: skip


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


class Switch:
    """Whether model calls are reported: a wrapper may outlive the instrumentation.

    Classes that others wrapped after us keep ours inside.
    """

    on = False


QUIET = Inside(None, _NOBODY)
_inside: ContextVar[Inside | None] = ContextVar("otelml-sklearn", default=None)
carry_along(_inside)


def current() -> Inside | None:
    """Return what encloses the caller; None outside everything."""
    state = _inside.get()
    if state is not None and state.call is not None and state.call.end_ns:
        return None  # a thread that was started in the call, and outlives it
    return state


enter = _inside.set
leave = _inside.reset


def _begin(
    model: Any, method: str, args: tuple[Any, ...], kwargs: dict[str, Any], final: Any
) -> tuple[Any, Token[Inside | None]]:
    call = None
    if Switch.on:
        data = args[0] if args else next(iter(kwargs.values()), None)
        call = begin_call(model, method, data, FRAMEWORK)
    return call, enter(QUIET if call is None else Inside(call, final))


def _end(call: Any, result: Any, original: Function, kwargs: dict[str, Any]) -> None:
    if call is None:
        return
    if type(result) is tuple and len(result) == 2 and _is_spread(original, kwargs):  # noqa: PLR2004 - a pair
        result = result[0]  # mean, and standard deviation or covariance
    changed = next((n for n in kwargs if n in _OTHER_OUTPUT and kwargs[n]), None)
    if changed is None:
        end_call(call, result)
    else:
        end_call(call, left_out=f"{call.method}({changed}=...) returns no predictions; left out")


def _is_spread(original: Function, kwargs: dict[str, Any]) -> bool:
    names = (*original.__code__.co_varnames[: original.__code__.co_argcount], *kwargs)
    return "return_std" in names or "return_cov" in names


def model_call(original: Function, method: str) -> Function:
    """Wrap a prediction method of an estimator."""

    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        state = current()
        if state is not None:
            if state.final is not self:
                return original(self, *args, **kwargs)
            state.final = _NOBODY
            state.call.final_started()
            try:
                return original(self, *args, **kwargs)
            finally:
                state.call.final_ended()
        call, token = _begin(self, method, args, kwargs, None)
        try:
            result = original(self, *args, **kwargs)
        except BaseException as error:
            leave(token)
            end_call(call, error=error)
            raise
        leave(token)
        _end(call, result, original, kwargs)
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
        state = current()
        if state is not None:
            before = state.final
            if before is not None and before is not self:
                return original(self, *args, **kwargs)
            state.final = final_of(self)
            try:
                return original(self, *args, **kwargs)
            finally:
                state.final = before
        call, token = _begin(self, method, args, kwargs, final_of(self))
        try:
            result = original(self, *args, **kwargs)
        except BaseException as error:
            leave(token)
            end_call(call, error=error)
            raise
        leave(token)
        _end(call, result, original, kwargs)
        return result

    return as_wrapper(wrapper, original)


def last_step(pipeline: Any) -> Any:
    """Return the final estimator of a pipeline, or what no estimator is."""
    try:
        final = pipeline.steps[-1][1]
        # this one hands attributes on, so its methods are those of the estimator inside
        return final.estimator if type(final).__name__ == "FrozenEstimator" else final
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return _NOBODY  # not a valid pipeline: the call itself is about to say so


def inner(attribute: str) -> Function:
    """Return a function that reads a fitted estimator, or gives what no estimator is."""

    def read(estimator: Any) -> Any:
        return getattr(estimator, attribute, _NOBODY)

    return read


def quiet(original: Function) -> Function:
    """Wrap a function whose calls of models are no predictions: fit, score, transform."""

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if current() is not None:
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
