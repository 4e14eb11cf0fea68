"""OTLP/JSON becomes the same messages as protobuf, or a clear refusal."""

from __future__ import annotations

import contextlib
import json

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otelml.viewer.decode import parse_json

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["resourceSpans", "spans", "traceId", "key"]), inner)
    ),
    max_leaves=15,
)


@given(json_values)
def test_any_json_is_a_message_or_a_value_error(value):
    """No other exception leaves the parser."""
    with contextlib.suppress(ValueError):
        parse_json(json.dumps(value).encode(), ExportTraceServiceRequest())


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=8, max_size=8), st.text())
def test_json_and_protobuf_agree(trace_id, span_id, name):
    """The same span comes out of both."""
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [
        {"traceId": trace_id.hex(), "spanId": span_id.hex(), "name": name}]}]}]}  # fmt: skip
    parsed = parse_json(json.dumps(body).encode(), ExportTraceServiceRequest())
    (span,) = parsed.resource_spans[0].scope_spans[0].spans
    assert (span.trace_id, span.span_id, span.name) == (trace_id, span_id, name)
