"""Whether the shortcuts past the SDK's API still give what the API gives, asked of the SDK itself.

``init`` runs each once beside the API, on providers that lead nowhere, and compares. One that
differs or fails is off for the process: otherwise a new SDK would lose telemetry in silence.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from inspect import signature
from typing import Any

import numpy as np
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from otelml import _fast_paths, _guard
from otelml._metrics import BoundStream
from otelml._providers.encode import EncodedSpans, encode_spans_fast
from otelml._providers.environment import is_disabled
from otelml._records.prediction import PredictionRecord, StageRecord
from otelml._records.results import Results
from otelml._spans import (
    AutoSpans,
    DeferredSpan,
    OrdinarySpans,
    Sinks,
    build_template,
    complete_spans,
    outline,
    prediction_attributes,
)
from otelml._state import ProcessState

_ATTRIBUTES = {"a": "one", "b": "two"}
_TEMPORALITIES = (AggregationTemporality.CUMULATIVE, AggregationTemporality.DELTA)
_BUCKETS = (1.0, 2.0, 5.0)
_FEW, _MANY = (0.5, 3.0), tuple(float(i % 7) for i in range(40))
_START_NS, _END_NS = 1_700_000_000_000_000_000, 1_700_000_000_250_000_000
_checked: ProcessState[bool] = ProcessState(False)


def check_fast_paths() -> dict[str, str]:
    """Try each shortcut, once a process; return those that are off, and why."""
    if not is_disabled() and not _checked.exchange(True):
        for name, check in _CHECKS.items():
            problem = _guard.quietly(_problem, check)
            if problem is None:
                problem = "it cannot be tried"
            if problem:
                _fast_paths.turn_off(name, problem)
    return _fast_paths.all_off()


def _problem(check: Callable[[], str]) -> str:
    """Return what a check finds, an error of it included."""
    failures: list[BaseException] = []

    def run() -> str:
        try:
            return check()
        except BaseException as error:
            failures.append(error)
            raise

    found: str | None = _guard.quietly(run)
    return found if found is not None else f"trying it gave {failures[0]!r}"


class _Metrics:
    """A meter that leads nowhere, and what was recorded with it."""

    def __init__(self, temporality: AggregationTemporality) -> None:
        self._reader = InMemoryMetricReader({Counter: temporality, Histogram: temporality})
        provider = MeterProvider([self._reader], shutdown_on_exit=False)
        meter: Any = provider.get_meter("otelml.check")
        self.counter = meter.create_counter("counter")
        self.histogram = meter.create_histogram(
            "histogram", explicit_bucket_boundaries_advisory=_BUCKETS
        )

    def bound(self) -> tuple[BoundStream, BoundStream]:
        return (
            BoundStream(self.counter, self.counter.add, _ATTRIBUTES),
            BoundStream(self.histogram, self.histogram.record, _ATTRIBUTES),
        )

    def read(self) -> str:
        """Return the points, without their times."""
        data: Any = self._reader.get_metrics_data()
        found: dict[str, Any] = {}
        metrics = data.resource_metrics[0].scope_metrics[0].metrics if data else ()
        for metric in metrics:
            points = [json.loads(point.to_json()) for point in metric.data.data_points]
            for point in points:
                for key in [key for key in point if key.endswith("unix_nano")]:
                    del point[key]
                point["exemplars"] = [
                    (e["span_id"], e["trace_id"]) for e in point.get("exemplars", ())
                ][:1]
            found[metric.name] = points
        return json.dumps(found, sort_keys=True)


def _span() -> trace.Span:
    ids = trace.SpanContext(3, 5, is_remote=False, trace_flags=trace.TraceFlags(1))
    return trace.NonRecordingSpan(ids)


def _check_metrics() -> str:
    context = trace.set_span_in_context(_span(), Context())
    for temporality in _TEMPORALITIES:
        usual, fast = _Metrics(temporality), _Metrics(temporality)
        counter, histogram = fast.bound()
        for number, amount in enumerate(_FEW * 2, start=1):
            usual.counter.add(amount, _ATTRIBUTES, context)
            usual.histogram.record(amount, _ATTRIBUTES, context)
            counter.write(amount, number * _START_NS, _span())
            histogram.write(amount, number * _START_NS, _span())
            # What a collection leaves behind differs from one SDK to another.
            if number >= len(_FEW) and usual.read() != fast.read():
                return "points differ from those of the API"
        if not (counter.is_bound and histogram.is_bound):
            return "the SDK's aggregations are not found"
    return ""


def _check_histograms() -> str:
    for temporality in _TEMPORALITIES:
        usual, fast = _Metrics(temporality), _Metrics(temporality)
        _, histogram = fast.bound()
        for _ in range(2):
            for amount in _MANY:
                usual.histogram.record(amount, _ATTRIBUTES, Context())
            histogram.write_all(np.array(_MANY), _START_NS, None)
            if usual.read() != fast.read():
                return "points differ from those of the API"
    return ""


class _Kept(SpanProcessor):
    """Keeps spans that ended."""

    def __init__(self) -> None:
        self.ended: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.ended.append(span)


def _provider() -> tuple[TracerProvider, list[ReadableSpan]]:
    options: dict[str, Any] = {"sampler": ALWAYS_ON, "shutdown_on_exit": False}
    if "meter_provider" in signature(TracerProvider).parameters:
        options["meter_provider"] = NoOpMeterProvider()  # else newer SDKs count these spans
    provider, kept = TracerProvider(**options), _Kept()
    provider.add_span_processor(kept)
    return provider, kept.ended


def _spans_of(make: Callable[[TracerProvider, Any], Any]) -> tuple[list[Any], Any]:
    provider, ended = _provider()
    spans = make(provider, provider.get_tracer("otelml.check")).choose()
    first = spans.start("first", Context(), _START_NS)
    second = spans.start("child", trace.set_span_in_context(first, Context()), _START_NS)
    second.set_attribute("key", 0.5)
    second.add_event("event", {"key": "value"}, _START_NS)
    second.set_status(trace.StatusCode.ERROR, "why")
    for span in (second, first):
        spans.end(span, _END_NS)
        if isinstance(span, DeferredSpan):
            span.complete({}, None)
    return [_without_ids(span) for span in ended], first


def _without_ids(span: ReadableSpan) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(span.to_json())
    parent = shown.pop("parent_id", None)
    shown.pop("resource", None)
    context: Any = span.context
    return {**shown, "context": context.trace_flags, "has_parent": parent is not None}


def _check_spans() -> str:
    usual, _ = _spans_of(lambda _, tracer: OrdinarySpans(tracer))
    fast, first = _spans_of(AutoSpans)
    if not isinstance(first, DeferredSpan):
        return "the provider does not let spans be gathered"
    return "" if usual == fast and usual else "spans differ from those of the API"


def _check_encoding() -> str:
    provider, ended = _provider()
    tracer = provider.get_tracer("otelml.check", "1", schema_url="https://example.org/1")
    with tracer.start_as_current_span("root", context=Context()) as root:
        root.set_attributes({"text": "é", "number": -3, "share": 0.25, "flag": True})
        with tracer.start_as_current_span("child", kind=trace.SpanKind.SERVER) as child:
            child.set_status(trace.StatusCode.ERROR, "why")
        with tracer.start_as_current_span("what only the SDK encodes") as other:
            other.set_attribute("all", [1])
            other.add_event("event")
    usual = encode_spans(ended)
    fast = type(usual).FromString(encode_spans_fast(ended))
    return "" if usual == fast else "encoded spans differ from those of the SDK's encoder"


class _Encoded(_Kept):
    """Keeps spans that come encoded."""

    takes_encoded = True

    def __init__(self) -> None:
        super().__init__()
        self.encoded: list[bytes] = []
        self.like: ReadableSpan | None = None

    def put_encoded(self, spans: Sequence[bytes], like: ReadableSpan) -> None:
        self.encoded += spans
        self.like = like


def _record(spans: Any) -> PredictionRecord:
    record = PredictionRecord("model", "1", "")
    record.spans, record.framework, record.rows, record.records = spans, "a", 1, True
    record.start_ns, record.end_ns = _START_NS, _END_NS
    record.span = spans.start("predict model", Context(), _START_NS)
    stage = StageRecord("inference", _START_NS, _END_NS)
    context = trace.set_span_in_context(record.span, Context())
    stage.span = spans.start(stage.name, context, _START_NS)
    record.stages.append(stage)
    spans.end(stage.span, _END_NS)
    spans.end(record.span, _END_NS)
    return record


def _check_templates() -> str:
    if _fast_paths.is_off(_fast_paths.ENCODING):
        return ""  # and therefore no template is used either
    provider, _ = _provider()
    kept = _Encoded()
    provider._active_span_processor._span_processors = (kept,)  # noqa: SLF001 - no public way
    tracer: Any = provider.get_tracer("otelml.check", "1")
    spans: Any = AutoSpans(provider, tracer).choose()
    record, results = _record(spans), Results(("é",), None, None, (), 0.75)
    sinks = Sinks()
    if not sinks.of(spans):
        return "spans are not taken encoded"
    attributes = prediction_attributes(record, results, "an id")
    _, values = outline(record) or ([], [])
    encoded = build_template(spans, record, attributes).fill([*values, b"an id", 0.75])
    complete_spans(record, attributes)
    usual = encode_spans(kept.ended)
    fast = type(usual).FromString(encode_spans_fast([EncodedSpans(encoded, sinks.like)]))
    return "" if usual == fast else "spans of a template differ from those of the SDK's encoder"


_CHECKS: dict[str, Callable[[], str]] = {
    _fast_paths.METRICS: _check_metrics,
    _fast_paths.HISTOGRAMS: _check_histograms,
    _fast_paths.SPANS: _check_spans,
    _fast_paths.ENCODING: _check_encoding,
    _fast_paths.TEMPLATES: _check_templates,
}
