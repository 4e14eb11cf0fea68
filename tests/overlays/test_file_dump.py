"""The file overlay: what is received is also written down, as OTLP in JSON, a request a line."""

from __future__ import annotations

import base64
import json

import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.metrics.v1.metrics_pb2 import MetricsData
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from tests.acceptance._stores import Stores
from tests.faults._arrived import Arrived
from tests.faults._sender import SIGNALS, Sender
from tests.overlays.conftest import until

pytestmark = pytest.mark.stack

FILES = {"spans": "traces.jsonl", "points": "metrics.jsonl", "logs": "logs.jsonl"}
KINDS = {"spans": TracesData, "points": MetricsData, "logs": LogsData}
IDS = {"traceId", "spanId", "parentSpanId"}


def plain(value):
    """Return OTLP's JSON as protobuf's own: ids are in base64 there."""
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {
            key: base64.b64encode(bytes.fromhex(one)).decode() if key in IDS else plain(one)
            for key, one in value.items()
        }
    return value


def dumped(folder, signal: str, service: str) -> set[int]:
    """Return the numbers of a service's items in a dump, each line of which must be valid."""
    numbers = set()
    for line in (folder / FILES[signal]).read_text().splitlines():
        data = ParseDict(plain(json.loads(line)), KINDS[signal]())
        (field,) = data.ListFields()
        for resource in field[1]:
            if service in str(resource.resource):
                numbers |= numbers_of(signal, resource)
    return numbers


def numbers_of(signal: str, resource) -> set[int]:
    """Return the numbers of the items of one resource."""
    if signal == "spans":
        spans = (span for scope in resource.scope_spans for span in scope.spans)
        return {int.from_bytes(span.span_id, "big") - 1 for span in spans}
    if signal == "points":
        found = (metric for scope in resource.scope_metrics for metric in scope.metrics)
        return {point.as_int for metric in found for point in metric.gauge.data_points}
    records = (record for scope in resource.scope_logs for record in scope.log_records)
    return {int(record.body.string_value.split()[-1]) for record in records}


def test_dumps(site):
    """All that was sent is in the dumps and, as ever, in the stores."""
    with site.collector("dump", "overlays/file.yaml") as collector:
        sender = Sender(collector.url("collector"))
        for signal in SIGNALS:
            for _ in range(3):
                assert sender.send(signal, 10) == 200
        arrived = Arrived(Stores(collector), sender)
        assert {signal: arrived.settle(signal) for signal in SIGNALS} == {s: set() for s in SIGNALS}
        sender.close()
    folder = collector.data / "collector/dump"
    assert until(lambda: {file.name for file in folder.iterdir()} >= set(FILES.values()))
    assert {signal: dumped(folder, signal, sender.service) for signal in SIGNALS} == sender.sent
