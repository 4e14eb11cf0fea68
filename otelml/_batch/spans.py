"""The spans of a job and of its chunks, current while their block runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import time_ns
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context, attach, get_current
from opentelemetry.trace import Link, Status, StatusCode

from otelml._prediction import Runtime, current_runtime, detach
from otelml._records.finished import Finished
from otelml._spans import DeferredSpan, with_span
from otelml.semconv import ERROR_TYPE


class _Ended(Finished):
    """A deferred span, which the worker completes."""

    def __init__(self, span: DeferredSpan, attributes: Mapping[str, Any], error: str) -> None:
        self._span = span
        self._attributes = attributes
        self._error = error

    def finish(self) -> None:
        """Complete it."""
        status = Status(StatusCode.ERROR) if self._error else None
        self._span.complete(self._attributes, status)


class BlockSpan:
    """A span that is current until it ends; without ``init`` there is none.

    Args:
        name: Its name.
        links: Spans that it belongs to; it then begins a trace of its own.
    """

    def __init__(self, name: str, links: Sequence[Link] | None = None) -> None:
        self.span: trace.Span = trace.INVALID_SPAN
        self._token: Any = None
        self._runtime: Runtime | None = current_runtime()
        if self._runtime is None:
            return
        self._spans = self._runtime.choose_spans()
        around = get_current() if links is None else Context()
        self.span = self._spans.start(name, around, time_ns(), links or ())
        self._token = attach(with_span(get_current(), self.span))

    @property
    def link(self) -> tuple[Link, ...]:
        """A link to it; empty where it is not sent."""
        found = self.span.get_span_context()
        return (Link(found),) if found.is_valid else ()

    def end(self, attributes: Mapping[str, Any], error: str = "") -> None:
        """End it, on the thread that began it.

        Args:
            attributes: What it says.
            error: Type of the error that ended it; empty where none did.
        """
        if self._runtime is None:
            return
        runtime, self._runtime = self._runtime, None
        detach(self._token)
        if not self.span.is_recording():
            return
        said = {**attributes, ERROR_TYPE: error} if error else dict(attributes)
        if isinstance(self.span, DeferredSpan):
            self._spans.end(self.span, time_ns())
            runtime.recorder.submit(_Ended(self.span, said, error))
            return
        self.span.set_attributes(said)
        if error:
            self.span.set_status(Status(StatusCode.ERROR))
        self._spans.end(self.span, time_ns())
