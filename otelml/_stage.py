"""One stage of a prediction, on the request thread."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.context import attach, get_current

from otelml import _guard
from otelml._context import leave

if TYPE_CHECKING:
    from otelml.prediction import Prediction


def error_type(error: BaseException) -> str:
    """Return the value of ``error.type``: the qualified class name."""
    cls = type(error)
    module = cls.__module__
    return cls.__qualname__ if module == "builtins" else f"{module}.{cls.__qualname__}"


def as_text(value: Any) -> str:
    """Return a name as text, whatever was given for it."""
    if type(value) is str:
        return value
    return _guard.quietly(str, value) or "unnamed"


class Stage:
    """One stage of a prediction: a context manager, sync and async.

    Args:
        prediction: The prediction it belongs to; None makes it do nothing.
        name: ``feature_extraction``, ``inference``, ``post_processing``, or a name of your own.
    """

    __slots__ = (
        "_context", "_prediction", "_token", "end_ns", "error", "inferred", "name", "span",
        "start_ns",
    )  # fmt: skip

    def __init__(self, prediction: Prediction | None, name: str) -> None:
        self._prediction = prediction
        self.name = name if type(name) is str else as_text(name)
        self.inferred = False
        self.error: str = ""
        self.span: trace.Span | None = None
        self.start_ns = 0
        self.end_ns = 0
        self._token: Any = None

    def __enter__(self) -> Stage:
        owner = self._prediction
        if owner is not None and owner.runtime is not None:
            self.start_ns = owner.now_ns()
            if owner.records:
                context = get_current()
                span = self.span = owner.spans.start(self.name, context, self.start_ns)
                self._context = trace.set_span_in_context(span, context)
                self._token = attach(self._context)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        owner = self._prediction
        if owner is None or owner.runtime is None:
            return
        self.end_ns = owner.now_ns()
        if self._token is not None:
            leave(self._context, self._token, beneath=owner.end_ns != 0)
        if exc is not None and not isinstance(exc, GeneratorExit):
            self.error = error_type(exc)
        owner.finish_stage(self)

    async def __aenter__(self) -> Stage:
        return self.__enter__()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.__exit__(exc_type, exc, tb)
