"""One request of a server and its answer, from the first byte to what the worker makes of it."""

from __future__ import annotations

from contextvars import Token
from time import perf_counter, time_ns
from typing import Any

from opentelemetry import trace

from otelml._prediction import current_runtime
from otelml._records.finished import Finished, Sink
from otelml._servers.measures import HttpMeasures
from otelml._spans import DeferredSpan, DeferredSpans


class Exchange(Finished):
    """One request.

    Args:
        owner: What serves it.
        measures: Where it is measured.
        request: Its method, scheme and protocol, as the server gave them.
        source: How its span is made.
    """

    __slots__ = (
        "_began_s", "_measures", "code", "duration_s", "end_ns", "extra", "is_answered", "is_kept",
        "owner", "request", "rule", "source", "span", "start_ns", "token",
    )  # fmt: skip

    def __init__(
        self,
        owner: object,
        measures: HttpMeasures,
        request: tuple[str, str | None, str],
        source: DeferredSpans,
    ) -> None:
        self.owner = owner
        self._measures = measures
        self.request = request
        self.start_ns = time_ns()
        self._began_s = perf_counter()
        self.span: trace.Span | None = None
        self.source = source
        self.token: Token[Any] | None = None
        self.rule: str | None = None
        self.code = 0
        self.extra: dict[str, Any] | None = None
        self.duration_s: float | None = None
        self.end_ns = 0
        self.is_answered = False
        self.is_kept = True  # whether its duration counts

    def answered(self) -> None:
        """Take note that the server has its answer, whose body may be yet to come."""
        if self.is_kept:
            self.duration_s = max(perf_counter() - self._began_s, 0)
        self.end_ns = time_ns()
        self.is_answered = True
        self._hand_over()

    def ended(self) -> None:
        """Take note that its span has ended; the body of a response may end after the answer."""
        if self.is_answered:
            runtime = current_runtime()
            late = _Late(self.span)
            if runtime is None or not runtime.recorder.offer(late):
                late.finish()

    def _hand_over(self) -> None:
        runtime = current_runtime()
        if runtime is None or not runtime.recorder.offer(self):
            # No room, or nobody there any more: done at once, so that no request is lost.
            self._end_span()
            self._measures.record_now(self)

    def _end_span(self) -> None:
        span = self.span
        if isinstance(span, DeferredSpan) and span.end_time is not None:
            span.hand_over()

    def finish(self) -> Sink | None:
        """Hand its span over and measure it; on the worker."""
        try:
            self._end_span()
        finally:
            found = self._measure()
        return found

    def _measure(self) -> Sink | None:
        if self.duration_s is None:
            self._measures.note(self)
            return None
        return self._measures.take(self)


class _Late(Finished):
    """A span that ended after its request was answered.

    Args:
        span: The span.
    """

    __slots__ = ("_span",)

    def __init__(self, span: Any) -> None:
        self._span = span

    def finish(self) -> Sink | None:
        """Hand it over."""
        if isinstance(self._span, DeferredSpan):
            self._span.hand_over()
        return None
