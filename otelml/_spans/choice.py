"""Spans that are cheap on the request thread, and the ordinary ones where those are not possible.

A :class:`~otelml._spans.deferred.DeferredSpan` gathers what a span holds and does nothing else;
the worker turns it into the SDK's ``ReadableSpan`` and hands it to the provider's processors.
:func:`create_spans` picks the deferred way only where it gives the very spans that the provider
would have given.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace import Tracer as SdkTracer
from opentelemetry.trace import Link

from otelml import _fast_paths, _guard, semconv
from otelml._spans.deferred import DeferredSpans
from otelml._version import __version__


class OrdinarySpans:
    """Spans made by the tracer on the spot, for providers and processors that need them so.

    Args:
        tracer: A tracer of otelml's scope, of any provider.
    """

    deferred = False

    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer

    def choose(self) -> OrdinarySpans:
        """Return itself: there is no other way."""
        return self

    def start(
        self,
        name: str,
        context: Context,
        start_ns: int,
        links: Sequence[Link] = (),
    ) -> trace.Span:
        """Start a span under the one that is current in ``context``."""
        start = self._tracer.start_span
        span = _guard.call("span", start, name, context, links=links, start_time=start_ns)
        return trace.INVALID_SPAN if span is None else span

    def end(self, span: trace.Span, end_ns: int) -> None:
        """End a span."""
        _guard.call("span", span.end, end_ns)


class AutoSpans:
    """The deferred way for as long as the provider's processors allow it.

    Args:
        provider: An SDK provider.
        tracer: The tracer of otelml's scope.
    """

    def __init__(self, provider: TracerProvider, tracer: SdkTracer) -> None:
        self._provider = provider
        self._fast = DeferredSpans(provider, tracer)
        self._ordinary = OrdinarySpans(tracer)
        self._checked: object = None
        self._chosen: DeferredSpans | OrdinarySpans = self._ordinary

    def choose(self) -> DeferredSpans | OrdinarySpans:
        """Return the way for the next span; looks again when a processor was added."""
        processors = getattr(self._provider._active_span_processor, "_span_processors", None)  # noqa: SLF001 - no public way
        if processors is not self._checked or processors is None:
            ok = processors is not None and all(map(_only_listens_to_ends, processors))
            enabled = getattr(self._fast.tracer, "_is_enabled", _always)()
            self._chosen = self._fast if ok and enabled else self._ordinary
            self._checked = processors
        return self._chosen


def _always() -> bool:
    """What older SDKs would answer: a tracer cannot be switched off there."""
    return True


def _only_listens_to_ends(processor: SpanProcessor) -> bool:
    """Whether a processor would not notice that it never saw the span start."""
    cls = type(processor)
    if cls.__module__.startswith(("opentelemetry.sdk.trace.export", "otelml.")):
        return True
    nothing = getattr(SpanProcessor, "_on_ending", None)  # older SDKs have no such call
    ending = getattr(cls, "_on_ending", nothing)
    return cls.on_start is SpanProcessor.on_start and ending is nothing


def create_tracer(provider: trace.TracerProvider) -> trace.Tracer:
    """Return the tracer of otelml's scope."""
    return provider.get_tracer(semconv.SCOPE, __version__, semconv.SCHEMA_URL)


def create_deferred_spans(
    provider: trace.TracerProvider, scope: str, version: str, schema_url: str
) -> AutoSpans | None:
    """Return deferred spans of another scope; None where the provider does not let them be.

    Args:
        provider: Of any making.
        scope: The name of an instrumentation.
        version: Its version.
        schema_url: That of its conventions.
    """
    tracer = provider.get_tracer(scope, version, schema_url=schema_url)
    if not isinstance(provider, TracerProvider) or not isinstance(tracer, SdkTracer) or _is_slow():
        return None
    return _guard.quietly(AutoSpans, provider, tracer)


def _is_slow() -> bool:
    """Whether spans must be ordinary ones."""
    asked = os.environ.get("OTELML_ORDINARY_SPANS", "").lower() == "true"
    return asked or _fast_paths.is_off(_fast_paths.SPANS)


def create_spans(provider: trace.TracerProvider) -> AutoSpans | OrdinarySpans:
    """Return the cheapest way that gives the provider's very spans."""
    tracer = create_tracer(provider)
    slow = _is_slow()
    if isinstance(provider, TracerProvider) and isinstance(tracer, SdkTracer) and not slow:
        spans = _guard.quietly(AutoSpans, provider, tracer)
        if spans is not None:
            return spans
        _fast_paths.turn_off(_fast_paths.SPANS, "the tracer's parts are not as known")
    return OrdinarySpans(tracer)
