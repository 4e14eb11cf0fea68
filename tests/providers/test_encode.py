"""Spans encoded by hand are the request that the SDK's encoder gives."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
)

from otelml._providers.encode import encode_spans_fast
from otelml._spans.attributes import SharedAttributes

VALUES = (
    st.text(max_size=300)
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.lists(st.integers(-5, 5), max_size=3)
    | st.binary(max_size=5)
)
ATTRIBUTES = st.dictionaries(st.text(min_size=1, max_size=40), VALUES, max_size=6)
CONTEXTS = st.builds(
    SpanContext,
    st.integers(1, 2**128 - 1),
    st.integers(1, 2**64 - 1),
    st.booleans(),
    st.just(TraceFlags(1)),
    st.sampled_from([TraceState(), TraceState([("vendor", "1")])]),
)
STATUSES = st.sampled_from(
    [Status(), Status(StatusCode.OK), Status(StatusCode.ERROR), Status(StatusCode.ERROR, "né")]
)
RESOURCES = [Resource({"service.name": "a"}), Resource({"b": 1}, "https://schema")]
SCOPES = [InstrumentationScope("x", "1", "https://s"), InstrumentationScope("y"), None]


@st.composite
def spans(draw):
    attributes = draw(ATTRIBUTES)
    return ReadableSpan(
        name=draw(st.text(max_size=200)),
        context=draw(CONTEXTS),
        parent=draw(st.none() | CONTEXTS),
        resource=draw(st.sampled_from(RESOURCES)),
        attributes=draw(st.sampled_from([attributes, SharedAttributes(attributes)])),
        kind=draw(st.sampled_from(list(SpanKind))),
        status=draw(STATUSES),
        start_time=draw(st.integers(1, 2**63)),
        end_time=draw(st.integers(1, 2**63)),
        instrumentation_scope=draw(st.sampled_from(SCOPES)),
    )


@given(st.lists(spans(), max_size=8))
def test_same_request(given_spans):
    """Whatever the spans hold, the bytes parse to the SDK's message."""
    for _ in range(2):  # the second time from the caches
        request = ExportTraceServiceRequest()
        request.ParseFromString(encode_spans_fast(given_spans))
        assert request == encode_spans(given_spans)
