"""One stage of a prediction, on the request thread."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from opentelemetry.context import attach, get_current

from otelml._prediction.context import leave
from otelml._prediction.open import OpenPrediction
from otelml._prediction.text import as_text, error_type
from otelml._records.prediction import StageRecord
from otelml._spans import with_span


class Stage(StageRecord):
    """One stage of a prediction: a context manager, sync and async.

    It is its own record: a prediction makes three of these, and one object each is cheaper.

    Args:
        prediction: The prediction it belongs to; None makes it do nothing.
        name: ``feature_extraction``, ``inference``, ``post_processing``, or a name of your own.
    """

    __slots__ = ("_context", "_prediction", "_token")

    def __init__(self, prediction: OpenPrediction | None, name: str) -> None:
        self._prediction = prediction
        self._token: Any = None
        self.name = name if type(name) is str else as_text(name)
        self.inferred = False
        self.error = ""
        self.span = None
        self.start_ns = self.end_ns = 0

    def __enter__(self) -> Stage:
        owner = self._prediction
        if owner is not None and owner.runtime is not None:
            self.start_ns = owner.now_ns()
            if owner.records:
                context = get_current()
                span = self.span = owner.spans.start(self.name, context, self.start_ns)
                self._context = own = with_span(context, span)
                self._token = attach(own)
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
            self._token = None
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
