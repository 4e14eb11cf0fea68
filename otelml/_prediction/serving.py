"""Blocks whose model calls are no predictions: explanations, warm-ups, checks."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from contextvars import Token
from typing import Any

from opentelemetry import context

from otelml import _suppression
from otelml._prediction.context import PREDICTS, detach

_NOT_SERVING = context.create_key("otelml-not-serving")


def is_not_serving(current: context.Context) -> bool:
    """Whether ``not_serving`` encloses the caller."""
    return _NOT_SERVING in current


def is_suppressed(current: context.Context) -> bool:
    """Whether ``not_serving`` or OpenTelemetry's ``suppress_instrumentation`` does."""
    return bool(current) and (_NOT_SERVING in current or _suppression.is_suppressed(current))


class not_serving:  # noqa: N801 - read as a verb, `with not_serving()`
    """Say that what is called inside serves nobody: no model call there is a prediction.

    A context manager, sync and async, and a decorator of functions, coroutines and generators,
    with or without brackets. ``otelml.prediction`` and ``@otelml.predict`` inside record nothing.

    Args:
        function: What to decorate.

    Examples:
        >>> with not_serving():
        ...     pass  # an explainer that calls the model a thousand times
    """

    def __new__(cls, function: Callable[..., Any] | None = None, /) -> Any:
        """Return a block, or ``function`` in such blocks."""
        block = super().__new__(cls)
        block._tokens = []
        return block if function is None else block(function)

    _tokens: list[Token[Any]]

    def __enter__(self) -> None:
        self._tokens.append(context.attach(context.set_value(_NOT_SERVING, "")))

    def __exit__(self, *_: object) -> None:
        detach(self._tokens.pop())

    async def __aenter__(self) -> None:
        self.__enter__()

    async def __aexit__(self, *_: object) -> None:
        self.__exit__()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``function``, whose calls of models are no predictions."""
        wrapper: Callable[..., Any]
        if inspect.isasyncgenfunction(function):
            wrapper = _async_items(function)
        elif inspect.isgeneratorfunction(function):
            wrapper = _items(function)
        elif inspect.iscoroutinefunction(function):
            wrapper = _awaited(function)
        else:
            wrapper = _called(function)
        wrapped = functools.wraps(function)(wrapper)
        vars(wrapped).pop(PREDICTS, None)
        return wrapped


def _called(function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with not_serving():
            return function(*args, **kwargs)

    return wrapper


def _awaited(function: Callable[..., Any]) -> Callable[..., Any]:
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        with not_serving():
            return await function(*args, **kwargs)

    return wrapper


def _items(function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        items = function(*args, **kwargs)
        step: Callable[..., Any] = items.send
        value: Any = None
        while True:
            try:
                with not_serving():
                    item = step(value)
            except StopIteration as end:
                return end.value
            try:
                step, value = items.send, (yield item)
            except GeneratorExit:
                with not_serving():
                    items.close()
                raise
            except BaseException as error:  # noqa: BLE001 - it goes to the generator
                step, value = items.throw, error

    return wrapper


def _async_items(function: Callable[..., Any]) -> Callable[..., Any]:
    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        items = function(*args, **kwargs)
        step: Callable[..., Any] = items.asend
        value: Any = None
        while True:
            try:
                with not_serving():
                    item = await step(value)
            except StopAsyncIteration:
                return
            try:
                step, value = items.asend, (yield item)
            except GeneratorExit:
                with not_serving():
                    await items.aclose()
                raise
            except BaseException as error:  # noqa: BLE001 - it goes to the generator
                step, value = items.athrow, error

    return wrapper
