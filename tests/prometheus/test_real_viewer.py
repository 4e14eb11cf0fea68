"""The PromQL that the viewer offers answers in a real Prometheus what the viewer shows."""

from __future__ import annotations

import json
import time
import urllib.parse
import urllib.request

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from engines.stack import Stack
from engines.table import Ports
from otelml.viewer.decode import decode_metrics
from otelml.viewer.queries import query_metric
from otelml.viewer.store import Store

pytestmark = pytest.mark.stack

SENDERS = (
    ("web", "1", "h1", {"kind": "x"}, 1.0),
    ("web", "2", "h2", {"kind": "x"}, 2.0),
    ("web", "2", "h2", {"kind": "y.z"}, 4.0),
    ("db", "1", "h1", {"kind": "x"}, 8.0),
)
ASKED = (
    ("", ""),
    ("host.name", ""),
    ("kind,host.name", ""),
    ("service.name", "host.name=h2"),
    ("", "host.name=h1\nhost.name=h2"),
    ("kind", "kind=x\nkind=y.z\nservice.name=web"),
    ("host.name", "kind!=x"),
    ("service.instance.id", "host.name!=h2\nkind=x"),
)


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory):
    """Return the address of a Prometheus on the configuration of the stack."""
    folder = tmp_path_factory.mktemp("prometheus")
    with Stack(folder, Ports(12680), engines=("prometheus",)) as stack:
        yield stack.url("prometheus")


def request_of(at_ns: int) -> ExportMetricsServiceRequest:
    """Return levels of some senders on two hosts, each of another size."""
    request = ExportMetricsServiceRequest()
    for service, instance, host, pairs, value in SENDERS:
        group = request.resource_metrics.add()
        named = {"service.name": service, "service.instance.id": instance, "host.name": host}
        for key, text in named.items():
            group.resource.attributes.add(key=key).value.string_value = text
        data = group.scope_metrics.add().metrics.add(name="queue.depth", unit="{item}").sum
        data.aggregation_temporality = 2
        point = data.data_points.add(time_unix_nano=at_ns, as_double=value)
        for key, text in pairs.items():
            point.attributes.add(key=key).value.string_value = text
    return request


def ask(base: str, query: str) -> list:
    address = f"{base}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    with urllib.request.urlopen(address, timeout=10) as response:
        return json.load(response)["data"]["result"]


@pytest.fixture(scope="module")
def sent(prometheus, tmp_path_factory):
    """Send the same to Prometheus and to the viewer's store; return that."""
    now_ns = time.time_ns()
    request = request_of(now_ns)
    post = urllib.request.Request(
        f"{prometheus}/api/v1/otlp/v1/metrics",
        request.SerializeToString(),
        {"Content-Type": "application/x-protobuf"},
    )
    with urllib.request.urlopen(post, timeout=10) as response:
        assert response.status == 200
    store = Store(tmp_path_factory.mktemp("viewer") / "m.db")
    store.submit(decode_metrics(request)).result(10)
    deadline = time.monotonic() + 30
    while len(ask(prometheus, "queue_depth")) < len(SENDERS):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    yield store
    store.close()


@pytest.mark.parametrize(("by", "where"), ASKED)
def test_both_answer_alike(prometheus, sent, by, where):
    """For attributes of points and of the resource, promoted or joined, equal, unequal, either."""
    with sent.reader() as connection:
        shown = query_metric(
            connection, {"name": "queue.depth", "agg": "last", "by": by, "where": where}
        )
    viewer = {
        tuple(series["labels"].values()): next(v for v in series["values"][::-1] if v is not None)
        for series in shown["series"]
    }
    keys = [key.replace(".", "_") for key in by.split(",") if key]
    found = {
        tuple(each["metric"].get(key, "") for key in keys): float(each["value"][1])
        for each in ask(prometheus, shown["promql"])
    }
    assert found == viewer
    assert viewer
