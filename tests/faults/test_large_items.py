"""Items that are large, alone or together: what a store refuses for its size is lost, or never ends."""

from __future__ import annotations

import signal
import time

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from grafana.generate.logs_query import lines
from tests.acceptance._stores import get
from tests.faults._arrived import Arrived
from tests.faults._sender import Sender, text
from tests.faults._table import Row, report

pytestmark = [pytest.mark.stack, pytest.mark.slow]

LONG = "x" * 200_000
# More than one request to a store may hold, and than ten that are under way.
REQUESTS, ITEMS = 60, 60


def _spans(site, sender: Sender) -> int:
    arrived = Arrived(site.stores, sender)
    return len(sender.acknowledged["spans"] - arrived.missing("spans"))


def _lines(site, sender: Sender) -> int:
    """Count them in the store, one that came twice once: 72 MB of lines take their time to read."""
    there = get(
        f"{site.stores.victorialogs}/select/logsql/stats_query",
        query=f"{lines(sender.service).logsql()} _time:1h"
        ' | extract " item <number>" from _msg | stats count_uniq(number) items',
    )
    (result,) = there["data"]["result"]
    return int(result["value"][1])


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("backend", "name", "pad", "count"),
    [("jaeger", "spans", 30_000, _spans), ("victorialogs", "logs", 20_000, _lines)],
)
def test_a_queue_of_large_items(site, backend, name, pad, count):
    """A store that comes back gets what waited in requests that it takes: nothing is lost."""
    with site.collector(f"large-{name}") as collector:
        sender = Sender(collector.url("collector"))
        site.backends.process(backend).signal(signal.SIGSTOP)
        try:
            for _ in range(REQUESTS):
                assert sender.send(name, ITEMS, pad=pad) == 200
        finally:
            site.backends.process(backend).signal(signal.SIGCONT)
        sent, deadline = REQUESTS * ITEMS, time.monotonic() + 120
        while (there := count(site, sender)) < sent and time.monotonic() < deadline:
            time.sleep(1)
        report(Row("large items", name, sent, sent, there, 0, sent - there, 0, f"{pad} bytes each"))
        assert there == sent


def _lengthen_span(request: ExportTraceServiceRequest) -> None:
    request.resource_spans[0].resource.attributes.append(text("long", LONG))
    (span,) = request.resource_spans[0].scope_spans[0].spans
    span.attributes.append(text("long", LONG))
    span.events.add(name="event").attributes.append(text("long", LONG))
    span.name = LONG


def _lengthen_log(request: ExportLogsServiceRequest) -> None:
    request.resource_logs[0].resource.attributes.append(text("long", LONG))
    (record,) = request.resource_logs[0].scope_logs[0].log_records
    for number in range(120):
        record.attributes.append(text(f"number {number}", "x" * 20_000))


@pytest.mark.parametrize(
    ("name", "kind", "lengthen"),
    [
        ("spans", ExportTraceServiceRequest, _lengthen_span),
        ("logs", ExportLogsServiceRequest, _lengthen_log),
    ],
)
def test_one_item_too_long(site, name, kind, lengthen):
    """It is cut to what its store takes, and arrives."""
    with site.collector(f"long-{name}") as collector:
        sender = Sender(collector.url("collector"))
        numbers, body = sender._build(name, [(1, 0.0)], 0)
        request = kind.FromString(body)
        lengthen(request)
        assert sender._post(name, request.SerializeToString())[0] == 200
        sender.acknowledged[name].update(numbers)
        assert Arrived(site.stores, sender).settle(name, 40) == set()
