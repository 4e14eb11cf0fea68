"""A client's traceparent: gone on with by default, a link and nothing more where it is a stranger."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from opentelemetry import baggage, propagate, trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otelml._providers.edge import EdgePropagator, trust_incoming
from otelml._spans import links_of
from tests._otlp_server import OtlpServer

_TRACE, _SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
_PROGRAM = """
import json
from flask import Flask
from opentelemetry import baggage, propagate
import otelml
telemetry = otelml.init("edge", system=False)
app = Flask(__name__)
sent = []
@app.route("/")
def view():
    with otelml.prediction("loan", features={"a": 1.0}) as p:
        p.set_result(label="x", confidence=0.9)
    headers = {}
    propagate.inject(headers)
    sent.append({**headers, "seen": dict(baggage.get_all())})
    return "hi"
HEADERS = %r
client = app.test_client()
client.get("/", headers=HEADERS)
client.get("/")
telemetry.shutdown(10)
headers = {}
print(json.dumps([sent, type(propagate.get_global_textmap()).__name__]))
"""


@pytest.fixture
def edge():
    """A provider and the wrapped propagator, put back afterwards."""
    before = propagate.get_global_textmap()
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trust_incoming(False, provider)
    yield provider.get_tracer("t"), exporter
    trust_incoming(True)
    assert propagate.get_global_textmap() is before


def _run(trusts: str, flags: str) -> tuple[list[dict], list, str]:
    """Return what the view sent on, the spans that arrived, and the propagator afterwards."""
    headers = {
        "traceparent": f"00-{_TRACE}-{_SPAN}-{flags}",
        "tracestate": "evil=1",
        "baggage": "user=mallory",
    }
    with OtlpServer() as server:
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM % headers],
            env={
                **os.environ,
                "OTEL_EXPORTER_OTLP_ENDPOINT": server.url,
                "OTELML_TRUST_INCOMING": trusts,
                "OTELML_LOGS": "false",
                "OTELML_METRICS": "false",
            },
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        sent, name = json.loads(done.stdout.splitlines()[-1])
        return sent, list(server.spans), name


@pytest.mark.parametrize("flags", ["00", "01"])
def test_a_stranger_decides_nothing(flags):
    """All spans are there, in a trace of ours, with a link; nothing of theirs goes out."""
    sent, spans, after = _run("false", flags)
    assert sorted(one.name for one in spans) == sorted(2 * ["GET /", "predict loan"])
    traces = {one.trace_id.hex() for one in spans}
    assert len(traces) == 2
    assert _TRACE not in traces
    linked = [one for one in spans if one.links]
    assert [one.name for one in linked] == ["GET /"]
    assert [(o.trace_id.hex(), o.span_id.hex()) for o in linked[0].links] == [(_TRACE, _SPAN)]
    assert not linked[0].links[0].trace_state
    assert linked[0].parent_span_id == b""
    assert "evil" not in str(sent)
    assert "mallory" not in str(sent)
    assert sent[0]["traceparent"].split("-")[1] == linked[0].trace_id.hex()
    assert sent[0]["traceparent"].endswith("1") or sent[0]["traceparent"].endswith("3")
    assert after == "CompositePropagator"


def test_by_default_a_trace_goes_on():
    """The caller's flag decides, as the specification has it: that is what the option is for."""
    sent, spans, _ = _run("true", "01")
    assert _TRACE in {one.trace_id.hex() for one in spans}
    assert sent[0]["seen"] == {"user": "mallory"}
    sent, spans, _ = _run("true", "00")
    assert _TRACE not in {one.trace_id.hex() for one in spans}
    assert len(spans) == 2


def test_of_an_asgi_server(edge):
    """Headers of a scope, read by OpenTelemetry's API as each ASGI instrumentation does."""

    class Getter:
        def get(self, carrier, key):
            found = [v.decode() for k, v in carrier["headers"] if k.decode() == key]
            return found or None

        def keys(self, carrier):
            return [k.decode() for k, _ in carrier["headers"]]

    tracer, exporter = edge
    scope = {
        "type": "http",
        "headers": [
            (b"traceparent", f"00-{_TRACE}-{_SPAN}-00".encode()),
            (b"baggage", b"user=mallory"),
        ],
    }
    context = propagate.extract(scope, getter=Getter())
    assert baggage.get_all(context) == {}
    with (
        tracer.start_as_current_span("GET /", context=context),
        tracer.start_as_current_span("inner"),
    ):
        pass
    inner, outer = exporter.get_finished_spans()
    assert outer.context.trace_id != int(_TRACE, 16)
    assert [one.context.span_id for one in outer.links] == [int(_SPAN, 16)]
    assert inner.links == ()
    assert inner.parent.span_id == outer.context.span_id


@pytest.mark.parametrize(
    "header", ["", "00-x", f"00-{'0' * 32}-{_SPAN}-01", f"ff-{_TRACE}-{_SPAN}-01"]
)
def test_what_is_no_caller_is_no_link(edge, header):
    """As little as without a header."""
    tracer, exporter = edge
    context = propagate.extract({"traceparent": header})
    tracer.start_span("a", context=context).end()
    assert exporter.get_finished_spans()[0].links == ()


def test_what_goes_out_is_unchanged(edge):
    """Our span, our baggage."""
    tracer, _ = edge
    with tracer.start_as_current_span("a") as span:
        headers: dict[str, str] = {}
        propagate.inject(headers, baggage.set_baggage("k", "v", trace.set_span_in_context(span)))
    assert headers["traceparent"].split("-")[1] == f"{span.get_span_context().trace_id:032x}"
    assert headers["baggage"] == "k=v"
    assert propagate.get_global_textmap().fields >= {"traceparent", "baggage"}


def test_said_twice_is_said_once(edge):
    """Wrapped once, and a span has one link."""
    tracer, exporter = edge
    trust_incoming(False)
    assert isinstance(propagate.get_global_textmap(), EdgePropagator)
    assert not isinstance(propagate.get_global_textmap().inner, EdgePropagator)
    context = propagate.extract({"traceparent": f"00-{_TRACE}-{_SPAN}-01"}, Context())
    assert len(links_of(context)) == 1
    tracer.start_span("a", context=context).end()
    assert len(exporter.get_finished_spans()[0].links) == 1
