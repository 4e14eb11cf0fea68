"""Clocks are adjusted as a real Jaeger adjusts them, of the same spans."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from engines.stack import Stack
from engines.table import Ports
from otelml.viewer.decode import decode_traces
from otelml.viewer.queries import get_trace
from otelml.viewer.store import Store

pytestmark = pytest.mark.stack

MS = 1_000_000
CALL = ("call", "", "web", 0, 100, Span.SPAN_KIND_CLIENT)
# Each beside a call of 0 to 100 ms by another machine: (id, parent, service, from, to, kind).
SCENES = {
    "inside": [("serve", "call", "db", 20, 90)],
    "ahead": [("serve", "call", "db", 230, 290), ("query", "serve", "db", 240, 280)],
    "behind": [("serve", "call", "db", -80, -20), ("query", "serve", "db", -70, -30)],
    "over the end": [("serve", "call", "db", 60, 130)],
    "before the start": [("serve", "call", "db", -30, 50)],
    "longer and earlier": [("serve", "call", "db", -30, 120)],
    "longer and later": [("serve", "call", "db", 20, 190)],
    "three machines": [
        ("serve", "call", "api", 300, 380),
        ("deep", "serve", "db", 1000, 1040),
        ("leaf", "deep", "db", 1010, 1020),
    ],
    "there and back": [("serve", "call", "db", 200, 280), ("again", "serve", "web", 30, 60)],
}


@pytest.fixture(scope="module")
def jaeger(tmp_path_factory):
    """Return the ports of a Jaeger on the configuration of the stack."""
    folder = tmp_path_factory.mktemp("jaeger")
    with Stack(folder, Ports(12740), engines=("jaeger",)) as stack:
        yield stack


def request_of(trace_id: bytes, rows: list, start_ns: int) -> ExportTraceServiceRequest:
    """Return spans, of which each service is a machine of its own."""
    request = ExportTraceServiceRequest()
    for name, parent, service, begin, end, *kind in [CALL, *rows]:
        group = request.resource_spans.add()
        for key, value in (
            ("service.name", service),
            ("ip", f"10.0.0.{len(service)}{ord(service[0])}"),
        ):
            group.resource.attributes.add(key=key).value.string_value = value
        group.scope_spans.add().spans.add(
            trace_id=trace_id, span_id=name.encode().ljust(8, b"."), name=name,
            parent_span_id=parent.encode().ljust(8, b".") if parent else b"",
            start_time_unix_nano=start_ns + begin * MS, end_time_unix_nano=start_ns + end * MS,
            kind=kind[0] if kind else Span.SPAN_KIND_SERVER,
        )  # fmt: skip
    return request


def jaegers(base: str, trace_id: bytes, number: int) -> dict[str, int]:
    """Return when each span begins, in microseconds, as Jaeger shows it."""
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(
                f"{base}/api/traces/{trace_id.hex()}", timeout=10
            ) as answer:
                spans = json.load(answer)["data"][0]["spans"]
        except urllib.error.HTTPError:
            spans = []
        if len(spans) == number:
            return {span["operationName"]: span["startTime"] for span in spans}
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.mark.parametrize("scene", list(SCENES))
def test_the_viewer_shows_the_times_that_jaeger_shows(jaeger, tmp_path, scene):
    """Ahead, behind, over either end, longer than the caller, through several machines."""
    rows = SCENES[scene]
    start_ns = (time.time_ns() // 10**9 - 30) * 10**9
    trace_id = bytes([list(SCENES).index(scene) + 1]) * 16
    request = request_of(trace_id, rows, start_ns)
    with grpc.insecure_channel(jaeger.ports.address("jaeger", "otlp_grpc")) as channel:
        TraceServiceStub(channel).Export(request, timeout=10)
    theirs = jaegers(jaeger.url("jaeger"), trace_id, len(rows) + 1)
    store = Store(tmp_path / "t.db")
    store.submit(decode_traces(request)).result(10)
    with store.reader() as connection:
        spans = get_trace(connection, trace_id.hex())["spans"]
    store.close()
    ours = {span["name"]: round((span["start"] + span["skew"]) * 1000) for span in spans}
    first = start_ns // 1000
    assert {k: v - first for k, v in ours.items()} == {k: v - first for k, v in theirs.items()}
