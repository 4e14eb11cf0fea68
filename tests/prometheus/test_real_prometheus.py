"""What only a real Prometheus can tell: how it names metrics, and what a fast clock looks like."""

from __future__ import annotations

import json
import time
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
import yaml
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.metrics import Meter, Observation
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

from engines.stack import Stack
from engines.table import Ports
from grafana.generate.names import label, series_names
from otelml import semconv, semconv_quality
from otelml.semconv import Kind, Metric

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.stack

UNUSUAL = [
    Metric("unusual.total", Kind.COUNTER, "{x}", ""),
    Metric("unusual.ratio.tries", Kind.COUNTER, "1", ""),
    Metric("unusual.seconds.spent", Kind.COUNTER, "s", ""),
    Metric("unusual.open", Kind.UP_DOWN_COUNTER, "1", ""),
    Metric("unusual.memory", Kind.UP_DOWN_COUNTER, "By", ""),
    Metric("unusual.load", Kind.GAUGE, "%", ""),
    Metric("unusual.rate", Kind.GAUGE, "By/s", ""),
    Metric("unusual.throughput", Kind.GAUGE, "{item}/s", ""),
    Metric("unusual.share", Kind.GAUGE, "1", ""),
    Metric("unusual.score", Kind.HISTOGRAM, "1", ""),
    Metric("unusual.latency", Kind.HISTOGRAM, "ms", ""),
    Metric("unusual.name-with..signs", Kind.GAUGE, "{x}", ""),
    Metric("unusual.spent", Kind.COUNTER, "{USD}", ""),
]


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory):
    """Return the address of a Prometheus on the configuration of the stack."""
    folder = tmp_path_factory.mktemp("prometheus")
    with Stack(folder, Ports(12640), engines=("prometheus",)) as stack:
        yield stack.url("prometheus")


def ask(base: str, path: str, **parameters: str) -> list:
    query = urllib.parse.urlencode(parameters)
    with urllib.request.urlopen(f"{base}/api/v1/{path}?{query}", timeout=10) as response:
        return json.load(response)["data"]


def record(meter: Meter, metric: Metric) -> None:
    """Make the metric's instrument and record one value, with each of its attributes."""
    attributes = dict.fromkeys(metric.attributes, "x")
    if metric.kind in {Kind.OBSERVABLE_GAUGE, Kind.OBSERVABLE_COUNTER}:
        create = {
            Kind.OBSERVABLE_GAUGE: meter.create_observable_gauge,
            Kind.OBSERVABLE_COUNTER: meter.create_observable_counter,
        }[metric.kind]
        create(metric.name, [lambda _: [Observation(1, attributes)]], metric.unit)
        return
    write = {
        Kind.COUNTER: lambda: meter.create_counter(metric.name, metric.unit).add,
        Kind.UP_DOWN_COUNTER: lambda: meter.create_up_down_counter(metric.name, metric.unit).add,
        Kind.HISTOGRAM: lambda: meter.create_histogram(metric.name, metric.unit).record,
        Kind.GAUGE: lambda: meter.create_gauge(metric.name, metric.unit).set,
    }[metric.kind]()
    write(1, attributes)


def test_names_are_those_of_prometheus(prometheus):
    """Every metric, and every unusual one, is stored under the name the generator expects."""
    metrics = [*semconv.METRICS, *semconv_quality.QUALITY_METRICS, *UNUSUAL]
    exporter = OTLPMetricExporter(f"{prometheus}/api/v1/otlp/v1/metrics")
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
    provider = MeterProvider([reader], resource=Resource({"service.name": "names"}))
    meter = provider.get_meter("names")
    for metric in metrics:
        record(meter, metric)
    assert provider.force_flush()
    found: dict[str, set[str]] = {}
    for series in ask(prometheus, "series", **{"match[]": '{job="names"}'}):
        found.setdefault(series["__name__"], set()).update(series)
    provider.shutdown()
    found.pop("target_info", None)
    assert set(found) == {name for metric in metrics for name in series_names(metric)}
    for metric in metrics:
        for name in series_names(metric):
            assert {label(attribute) for attribute in metric.attributes} <= found[name]


def send(base: str, service: str, ahead_s: float) -> None:
    """Send one sample of the worker's counter, dated so far ahead of now."""
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    for key, value in (("service.name", service), ("service.instance.id", f"{service}-1")):
        attribute = resource.resource.attributes.add(key=key)
        attribute.value.string_value = value
    metric = resource.scope_metrics.add().metrics.add(
        name=semconv.OTELML_WORKER_DURATION.name, unit=semconv.OTELML_WORKER_DURATION.unit
    )
    metric.sum.is_monotonic = True
    metric.sum.aggregation_temporality = 2
    metric.sum.data_points.add(as_double=1, time_unix_nano=int((time.time() + ahead_s) * 1e9))
    message = urllib.request.Request(
        f"{base}/api/v1/otlp/v1/metrics",
        request.SerializeToString(),
        {"Content-Type": "application/x-protobuf"},
    )
    with urllib.request.urlopen(message, timeout=10) as response:
        assert response.status == 200


def test_a_clock_that_is_ahead_is_noticed(prometheus):
    """ClockAhead names the service whose samples lie in the future, and no other."""
    groups = yaml.safe_load((ROOT / "prometheus/rules/alerts.yml").read_text("utf-8"))["groups"]
    [expr] = [r["expr"] for g in groups for r in g["rules"] if r["alert"] == "ClockAhead"]
    send(prometheus, "on-time", 0)
    send(prometheus, "a-little-ahead", 20)
    send(prometheus, "ahead", 600)
    found = ask(prometheus, "query", query=expr)["result"]
    assert [series["metric"] for series in found] == [
        {"service_name": "ahead", "instance": "ahead-1"}
    ]
