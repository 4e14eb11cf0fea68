"""One stage of a prediction, on the request thread."""

from __future__ import annotations

from time import perf_counter_ns
from types import TracebackType
from typing import Any

from opentelemetry.context import Context

from otelml._prediction.context import detach, leave
from otelml._prediction.open import OpenPrediction
from otelml._prediction.text import as_text, error_type
from otelml._records.prediction import StageRecord
from otelml._spans import SPAN_KEY, attach, get_current


class Stage(StageRecord):
    """One stage of a prediction: a context manager, sync and async.

    It is its own record: a prediction makes three of these, and one object each is cheaper.

    Args:
        prediction: The prediction it belongs to; None makes it do nothing.
        name: ``feature_extraction``, ``inference``, ``post_processing``, or a name of your own.
    """

    _context: Context | None = None
    _token: Any = None

    def __init__(self, prediction: OpenPrediction | None, name: str) -> None:
        self._prediction = prediction
        self.name = name if type(name) is str else as_text(name)

    def __enter__(self) -> Stage:
        owner = self._prediction
        if owner is not None and owner.runtime is not None:
            # As its now_ns(): each call costs, where caches are cold.
            self.start_ns = start_ns = owner.anchor_ns + perf_counter_ns() - owner.perf_ns
            if owner.records:
                context = get_current()
                span = self.span = owner.spans.start(self.name, context, start_ns)
                self._context = own = Context({**context, SPAN_KEY: span})
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
        self.end_ns = owner.anchor_ns + perf_counter_ns() - owner.perf_ns
        token = self._token
        if token is not None:
            self._token = None
            if owner.end_ns or get_current() is not self._context:
                leave(self._context, token, beneath=owner.end_ns != 0)
            else:
                detach(token)
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
