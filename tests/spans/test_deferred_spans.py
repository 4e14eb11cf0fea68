"""Deferred spans are the ordinary ones: every case runs both ways and is compared whole."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    Decision,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags

import otelml
from otelml._spans.choice import OrdinarySpans, create_spans
from otelml._spans.deferred import DeferredSpan
from otelml._startup.pipeline import Pipeline
from otelml.config import Config, LogOptions
from otelml.testing import SequentialIds


def plain():
    with otelml.prediction("loan", version="3", variant="canary", features={"a": 1}) as p:
        with p.stage("feature_extraction"):
            pass
        with p.stage("inference"):
            pass
        p.set_result(label="approved", confidence=0.75)


def no_stages():
    with otelml.prediction("loan"):
        pass


def batch():
    with otelml.prediction("loan", features=[[1.0, 2.0], [3.0, 4.0]]) as p:
        p.set_result(label=["a", "b"], confidence=[0.5, 0.25])


def failing():
    with (
        pytest.raises(ValueError, match="no"),
        otelml.prediction("loan") as p,
        p.stage("inference"),
    ):
        raise ValueError("no")


def base_exception():
    with pytest.raises(KeyboardInterrupt), otelml.prediction("loan"):
        raise KeyboardInterrupt


def attributes():
    with otelml.prediction("loan"):
        span = trace.get_current_span()
        span.set_attribute("a", 1)
        span.set_attribute("b", [1, 2])
        span.set_attribute("a", "again")
        span.set_attribute("", "empty key")
        span.set_attribute("bad", object())
        span.set_attributes({"x": True, "y": 0.5, "z": ("p", "q")})
        span.set_attribute("long", "x" * 300)


def many_attributes():
    with otelml.prediction("loan"):
        span = trace.get_current_span()
        for i in range(200):
            span.set_attribute(f"k{i}", i)
        span.set_attribute("k0", "again")


def mutated_list():
    with otelml.prediction("loan"):
        values = [1, 2]
        trace.get_current_span().set_attribute("values", values)
        values.append(3)


def events():
    with otelml.prediction("loan"):
        span = trace.get_current_span()
        span.add_event("one", {"k": "v", "n": [1]}, timestamp=5)
        span.add_event("two", timestamp=6)
        for i in range(140):
            span.add_event(f"e{i}", timestamp=i)


def recorded_exception():
    with otelml.prediction("loan"):
        try:
            raise LookupError("gone")
        except LookupError as error:
            trace.get_current_span().record_exception(error, {"k": 1}, timestamp=7)


def status():
    with otelml.prediction("loan") as p:
        span = trace.get_current_span()
        span.set_status(StatusCode.ERROR, "first")
        span.set_status(Status(StatusCode.OK))
        span.set_status(StatusCode.ERROR, "ignored")
        with p.stage("inference"):
            trace.get_current_span().set_status(StatusCode.UNSET)


def renamed():
    with otelml.prediction("loan"):
        trace.get_current_span().update_name("other")


def links():
    target = SpanContext(7, 8, is_remote=True, trace_flags=TraceFlags(1))
    with otelml.prediction("loan"):
        span = trace.get_current_span()
        span.add_link(target, {"k": "v"})
        span.add_link(trace.INVALID_SPAN_CONTEXT)
        for i in range(1, 140):
            span.add_link(SpanContext(i, i, is_remote=False))


def foreign_child():
    tracer = trace.get_tracer("other", tracer_provider=_provider)
    with (
        otelml.prediction("loan") as p,
        p.stage("inference"),
        tracer.start_as_current_span("db"),
        otelml.prediction("inner"),
    ):
        pass


def under_parent():
    tracer = trace.get_tracer("other", tracer_provider=_provider)
    with tracer.start_as_current_span("server"):
        plain()


def _remote(sampled):
    flags = TraceFlags(TraceFlags.SAMPLED if sampled else 0)
    state = trace.TraceState([("vendor", "1")])
    parent = SpanContext(99, 98, is_remote=True, trace_flags=flags, trace_state=state)
    return trace.set_span_in_context(trace.NonRecordingSpan(parent))


def remote_sampled():
    token = context_api.attach(_remote(sampled=True))
    plain()
    context_api.detach(token)


def remote_unsampled():
    token = context_api.attach(_remote(sampled=False))
    plain()
    context_api.detach(token)


def after_the_end():
    with otelml.prediction("loan"):
        span = trace.get_current_span()
    span.set_attribute("late", 1)
    span.add_event("late")
    span.update_name("late")
    span.set_status(StatusCode.ERROR)


def recording_flags():
    with otelml.prediction("loan"):
        span = trace.get_current_span()
        span.set_attribute("recording", span.is_recording())
        span.set_attribute("valid", span.get_span_context().is_valid)


def ended_by_the_app():
    with otelml.prediction("loan"):
        trace.get_current_span().end()


def nested_stages():
    with otelml.prediction("loan") as p, p.stage("a"), p.stage("b"), otelml.stage("c"):
        pass


def bad_results():
    with otelml.prediction("loan", features=[[1], [2]]) as p:
        p.set_result(label=["only one"], confidence=float("nan"))


def value():
    with otelml.prediction("price") as p:
        p.set_result(value=12.5)


def linked_start():
    with otelml.prediction("loan"):
        tracer = trace.get_tracer("o", tracer_provider=_provider)
        link = Link(trace.get_current_span().get_span_context())
        tracer.start_span("child", links=[link]).end()


CASES = [
    plain, no_stages, batch, failing, base_exception, attributes, many_attributes, mutated_list,
    events, recorded_exception, status, renamed, links, foreign_child, under_parent,
    remote_sampled, remote_unsampled, after_the_end, recording_flags, ended_by_the_app,
    nested_stages, bad_results, value, linked_start,
]  # fmt: skip


class DropStages(Sampler):
    """Drops by name, and adds an attribute: what only an asked sampler can do."""

    def should_sample(self, parent_context, trace_id, name, *args, **kwargs):
        if name == "inference":
            return SamplingResult(Decision.DROP)
        decision = Decision.RECORD_ONLY if name == "price" else Decision.RECORD_AND_SAMPLE
        return SamplingResult(decision, {"sampler": name})

    def get_description(self):
        return "DropStages"


class RecordOnly(Sampler):
    def should_sample(self, *args, **kwargs):
        return SamplingResult(Decision.RECORD_ONLY)

    def get_description(self):
        return "RecordOnly"


PROVIDERS = {
    "default": {},
    "always_on": {"sampler": ALWAYS_ON},
    "always_off": {"sampler": ALWAYS_OFF},
    "parent_off": {"sampler": ParentBased(ALWAYS_OFF)},
    "parent_swapped": {
        "sampler": ParentBased(ALWAYS_ON, local_parent_sampled=ALWAYS_OFF),
    },
    "ratio": {"sampler": TraceIdRatioBased(0.5)},
    "by_name": {"sampler": DropStages()},
    "record_only": {"sampler": RecordOnly()},
    "parent_record_only": {"sampler": ParentBased(RecordOnly())},
    "limits": {
        "span_limits": SpanLimits(
            max_span_attributes=4,
            max_events=3,
            max_links=2,
            max_event_attributes=1,
            max_link_attributes=0,
            max_span_attribute_length=5,
        ),
    },
}

_provider: TracerProvider


def _shape(span, base):
    """Everything of a span but its clock."""
    return {
        "name": span.name,
        "context": (
            span.context.trace_id,
            span.context.span_id,
            int(span.context.trace_flags),
            span.context.trace_state.to_header(),
            span.context.is_remote,
        ),
        "parent": span.parent
        and (span.parent.trace_id, span.parent.span_id, span.parent.is_remote),
        "kind": span.kind,
        "attributes": [
            (k, "<id>" if k == "ml.prediction.id" else v) for k, v in span.attributes.items()
        ],
        "dropped": (span.dropped_attributes, span.dropped_events, span.dropped_links),
        "events": [(e.name, _stable(e.attributes), e.timestamp) for e in span.events],
        "links": [(li.context.span_id, dict(li.attributes)) for li in span.links],
        "status": (span.status.status_code, span.status.description),
        "scope": span.instrumentation_scope,
        "resource": span.resource,
        "ordered": 0 <= (span.start_time - base) <= (span.end_time - base),
    }


def _stable(attributes):
    return {k: v for k, v in (attributes or {}).items() if k != "exception.stacktrace"}


def _run(case, arguments, *, ordinary):
    global _provider  # noqa: PLW0603
    exporter = InMemorySpanExporter()
    _provider = TracerProvider(id_generator=SequentialIds(), shutdown_on_exit=False, **arguments)
    _provider.add_span_processor(SimpleSpanProcessor(exporter))
    providers = SimpleNamespace(
        resource=Resource({}),
        tracer_provider=_provider,
        meter_provider=MeterProvider(shutdown_on_exit=False),
        observe=lambda *_: None,
    )
    pipeline = Pipeline(Config(logs=LogOptions(enabled=False)), providers)
    if ordinary:
        pipeline.runtime.spans = OrdinarySpans(pipeline.runtime.spans._fast.tracer)
    base = time.time_ns() - 10**9
    pipeline.start()
    try:
        case()
        assert pipeline.flush(time.monotonic() + 5)
    finally:
        pipeline.stop(time.monotonic() + 5)
    return [_shape(span, base) for span in exporter.get_finished_spans()]


def _by_id(shapes):
    return sorted(shapes, key=lambda shape: shape["context"])


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_deferred_equals_ordinary(case, provider):
    """Both ways give the same spans: names, ids, flags, parents, attributes, limits, status."""
    deferred = _run(case, PROVIDERS[provider], ordinary=False)
    ordinary = _run(case, PROVIDERS[provider], ordinary=True)
    if PROVIDERS[provider].get("sampler") is None:
        assert ordinary or case is remote_unsampled
    assert _by_id(deferred) == _by_id(ordinary)


def test_deferred_way_is_taken():
    """The comparison above compares two different ways."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(InMemorySpanExporter()))
    span = create_spans(provider).choose().start("x", context_api.Context(), 1)
    assert isinstance(span, DeferredSpan)
