"""``predict`` and ``stage`` as users write them: decorators for every kind of function."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import AsyncGenerator, Callable, Generator
from contextvars import Context, ContextVar, copy_context
from types import TracebackType
from typing import Any, TypeVar, cast

from otelml._prediction.context import PREDICTS, current_open
from otelml._prediction.open import OpenPrediction
from otelml._prediction.prediction import Prediction
from otelml._prediction.runtime import current_runtime
from otelml._prediction.stages import Stage
from otelml._prediction.text import as_text

_F = TypeVar("_F", bound=Callable[..., Any])
_logger = logging.getLogger("otelml")
_lonely: set[str] = set()
_LONELY_LIMIT = 1000
_ONLY = "_only"
_open: ContextVar[tuple[tuple[stage, Stage], ...]] = ContextVar("otelml-stages", default=())


def _enclosing(name: str) -> OpenPrediction | None:
    owner: OpenPrediction | None = current_open()
    is_new = name not in _lonely and len(_lonely) < _LONELY_LIMIT
    if owner is None and current_runtime() is not None and is_new:
        _lonely.add(name)
        _logger.warning(
            "otelml: stage %s is outside a prediction and is not recorded; "
            "put it inside `with otelml.prediction(...)` or a function decorated with "
            "@otelml.predict (said once)",
            name,
        )
    return owner


class stage:  # noqa: N801 - reads as a verb, as in `with stage("inference")`
    """A stage of the nearest enclosing prediction: a context manager and a decorator.

    Works for sync and async blocks, functions, and generators. Outside a prediction it does
    nothing but say so once.

    Args:
        name: ``feature_extraction``, ``inference``, ``post_processing``, or a name of your own.
    """

    def __init__(self, name: str) -> None:
        self._name = name if type(name) is str else as_text(name)

    def __enter__(self) -> Stage:
        name = self._name
        entered = Stage(current_open() or _enclosing(name), name)
        # One object may be shared by threads and tasks: each has its own open stages. Most objects
        # are not, and have theirs at hand; setdefault lets one of several threads have that.
        if _open.get() or self.__dict__.setdefault(_ONLY, entered) is not entered:
            _open.set((*_open.get(), (self, entered)))
        return entered.__enter__()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        several = _open.get()
        mine = [pair for pair in several if pair[0] is self] if several else None
        if mine:
            _open.set(tuple(pair for pair in several if pair is not mine[-1]))
            mine[-1][1].__exit__(exc_type, exc, tb)
            return
        only: Stage | None = self.__dict__.pop(_ONLY, None)
        if only is not None:
            only.__exit__(exc_type, exc, tb)

    async def __aenter__(self) -> Stage:
        return self.__enter__()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.__exit__(exc_type, exc, tb)

    def __call__(self, function: _F) -> _F:
        name = self._name
        return _wrap(function, lambda: Stage(_enclosing(name), name))


def predict(
    function: Callable[..., Any] | None = None,
    /,
    *,
    model: str | None = None,
    version: str | None = None,
    variant: str | None = None,
) -> Any:
    """Make each call of a function one prediction: sync, async and generator functions.

    The result is what the function sets with ``current_prediction().set_result(...)``, else what
    a supported model returned inside it.

    Args:
        function: The function, where the decorator is written without arguments.
        model: Name of the model; that of ``init(model=)`` by default.
        version: Version of the model.
        variant: ``champion``, ``canary``, ``shadow``, or a name of your own.
    """

    def decorate(target: _F) -> _F:
        wrapper = _wrap(target, lambda: Prediction(model, version=version, variant=variant))
        vars(wrapper)[PREDICTS] = (model, version, variant)
        return wrapper

    return decorate if function is None else decorate(function)


def declared_model(function: Any) -> tuple[str | None, str | None, str | None] | None:
    """Return model, version and variant that ``predict`` was given for a function.

    Found through decorators that use ``functools.wraps``; None where there was no ``predict``.
    """
    found = getattr(function, "__dict__", {}).get(PREDICTS)
    return found if isinstance(found, tuple) else None


def _wrap(function: _F, make: Callable[[], Any]) -> _F:
    if inspect.isasyncgenfunction(function):

        @functools.wraps(function)
        def on_async_generator(*args: Any, **kwargs: Any) -> Any:
            return _drive_async(function(*args, **kwargs), make())

        return cast("_F", on_async_generator)
    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def on_generator(*args: Any, **kwargs: Any) -> Any:
            return _drive(function(*args, **kwargs), make())

        return cast("_F", on_generator)
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def on_coroutine(*args: Any, **kwargs: Any) -> Any:
            with make():
                return await function(*args, **kwargs)

        return cast("_F", on_coroutine)

    @functools.wraps(function)
    def on_call(*args: Any, **kwargs: Any) -> Any:
        with make():
            return function(*args, **kwargs)

    return cast("_F", on_call)


def _end(context: Context, block: Any, error: BaseException | None) -> None:
    kind = type(error) if error is not None else None
    trace = error.__traceback__ if error is not None else None
    context.run(block.__exit__, kind, error, trace)


def _drive(generator: Generator[Any, Any, Any], block: Any) -> Generator[Any, Any, Any]:
    """Run a generator in a context of its own, so that nothing leaks between its steps."""
    context = copy_context()
    context.run(block.__enter__)
    step: Callable[[], Any] = lambda: next(generator)  # noqa: E731 - replaced at each turn
    while True:
        try:
            item = context.run(step)
        except StopIteration as stop:
            _end(context, block, None)
            return stop.value
        except BaseException as error:
            _end(context, block, error)
            raise
        try:
            sent = yield item
        except GeneratorExit:
            _close(context, block, generator)
            raise
        except BaseException as thrown:  # noqa: BLE001 - passed on into the generator
            step = functools.partial(generator.throw, thrown)
        else:
            step = functools.partial(generator.send, sent)


def _close(context: Context, block: Any, generator: Generator[Any, Any, Any]) -> None:
    try:
        context.run(generator.close)
    except BaseException as error:
        _end(context, block, error)
        raise
    _end(context, block, None)


async def _drive_async(generator: AsyncGenerator[Any, Any], block: Any) -> AsyncGenerator[Any, Any]:
    """Run an async generator as :func:`_drive` runs a generator."""
    context = copy_context()
    context.run(block.__enter__)
    step: Callable[[], Any] = lambda: generator.__anext__()  # noqa: E731, PLW0108 - replaced at each turn
    while True:
        try:
            item = await _in_context(context, step())
        except StopAsyncIteration:
            _end(context, block, None)
            return
        except BaseException as error:
            _end(context, block, error)
            raise
        try:
            sent = yield item
        except GeneratorExit:
            try:
                await _in_context(context, generator.aclose())
            except BaseException as error:
                _end(context, block, error)
                raise
            _end(context, block, None)
            raise
        except BaseException as thrown:  # noqa: BLE001 - passed on into the generator
            step = functools.partial(generator.athrow, thrown)
        else:
            step = functools.partial(generator.asend, sent)


class _in_context:  # noqa: N801 - reads as a word in `await _in_context(...)`
    """Awaits an awaitable with each of its steps run in ``context``."""

    def __init__(self, context: Context, awaitable: Any) -> None:
        self._context = context
        self._awaitable = awaitable

    def __await__(self) -> Generator[Any, Any, Any]:
        steps = self._awaitable.__await__()
        step: Callable[[], Any] = functools.partial(steps.send, None)
        while True:
            try:
                item = self._context.run(step)
            except StopIteration as stop:
                return stop.value
            try:
                sent = yield item
            except BaseException as thrown:  # noqa: BLE001 - passed on into the coroutine
                step = functools.partial(steps.throw, thrown)
            else:
                step = functools.partial(steps.send, sent)
