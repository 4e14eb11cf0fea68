"""``/metrics`` beside OTLP."""

from __future__ import annotations

import socket
import urllib.request

import pytest
from opentelemetry.metrics import Observation

from grafana.generate.names import series_names
from otelml import semconv
from otelml.config import MetricOptions
from otelml.semconv import Kind, Metric


@pytest.fixture
def port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def _scrape(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as response:
        return response.read().decode()


def test_served_beside_otlp(server, make, soon, port):
    """A scrape and a push show the same count."""
    providers = make(metrics=MetricOptions(prometheus=True, prometheus_port=port))
    providers.meter_provider.get_meter("m").create_counter("apples").add(3)
    assert "apples_total" in _scrape(port)
    assert providers.flush(soon())
    assert [point.as_int for point in server.points("apples")] == [3]
    assert providers.status()["metrics"]["exporters"] == [
        {"endpoint": f"{server.url}/v1/metrics", "protocol": "http/protobuf"},
        {"endpoint": f"http://127.0.0.1:{port}/metrics", "protocol": "prometheus"},
    ]


def test_asked_for_by_variables(make, monkeypatch, port):
    """``OTEL_METRICS_EXPORTER=prometheus`` serves, at the variables' port, and does not push."""
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "prometheus")
    monkeypatch.setenv("OTEL_EXPORTER_PROMETHEUS_PORT", str(port))
    providers = make()
    providers.meter_provider.get_meter("m").create_counter("pears").add(1)
    assert "pears_total" in _scrape(port)
    assert [one["protocol"] for one in providers.status()["metrics"]["exporters"]] == ["prometheus"]


def test_port_in_use_is_said_and_survived(make, caplog):
    """A taken port is one warning with the port and the options; the service goes on."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        make(metrics=MetricOptions(prometheus=True, prometheus_port=taken))
    (message,) = caplog.messages
    assert f"127.0.0.1:{taken}: Address already in use" in message
    assert "OTEL_EXPORTER_PROMETHEUS_PORT" in message
    assert "MetricOptions(prometheus_port=)" in message


def test_port_zero_serves_nothing(make, caplog):
    """Port 0 leaves serving to the application."""
    providers = make(metrics=MetricOptions(prometheus=True, prometheus_port=0))
    assert caplog.messages == []
    assert providers.status()["metrics"]["exporters"][-1] == {
        "endpoint": "prometheus_client.REGISTRY",
        "protocol": "prometheus",
    }


def test_port_is_free_after_shutdown(make, soon, port):
    """Shutdown stops listening."""
    options = MetricOptions(prometheus=True, prometheus_port=port)
    first = make(metrics=options)
    first.shutdown(soon())
    with pytest.raises(OSError, match=r"refused|reset"):
        _scrape(port)
    make(metrics=options)
    _scrape(port)


def _create(meter, metric):
    """Make the metric's instrument with one value."""
    one = [lambda _: [Observation(1)]]
    if metric.kind is Kind.OBSERVABLE_GAUGE:
        meter.create_observable_gauge(metric.name, one, metric.unit)
    elif metric.kind is Kind.OBSERVABLE_COUNTER:
        meter.create_observable_counter(metric.name, one, metric.unit)
    elif metric.kind is Kind.COUNTER:
        meter.create_counter(metric.name, metric.unit).add(1)
    elif metric.kind is Kind.UP_DOWN_COUNTER:
        meter.create_up_down_counter(metric.name, metric.unit).add(1)
    elif metric.kind is Kind.HISTOGRAM:
        meter.create_histogram(metric.name, metric.unit).record(1)
    else:
        meter.create_gauge(metric.name, metric.unit).set(1)


FOREIGN = [
    Metric("process.cpu.utilization", Kind.OBSERVABLE_GAUGE, "1", ""),
    Metric("unusual.share", Kind.GAUGE, "1", ""),
    Metric("unusual.reference.ratio", Kind.GAUGE, "1", ""),
    Metric("unusual.ratio.of.things", Kind.GAUGE, "1", ""),
    Metric("unusual.open", Kind.UP_DOWN_COUNTER, "1", ""),
    Metric("unusual.score", Kind.HISTOGRAM, "1", ""),
    Metric("unusual.size", Kind.GAUGE, "By", ""),
    Metric("unusual.flag", Kind.GAUGE, "{flag}", ""),
]


def test_names_are_those_of_the_same_metrics_over_otlp(make, port):
    """Whatever a dashboard asks for, ``/metrics`` has it under the very name."""
    providers = make(metrics=MetricOptions(prometheus=True, prometheus_port=port))
    meter = providers.meter_provider.get_meter("m")
    metrics = [*semconv.METRICS, *FOREIGN]
    for metric in metrics:
        _create(meter, metric)
    found = {line.split("{")[0].split(" ")[0] for line in _scrape(port).splitlines()}
    wanted = {name for metric in metrics for name in series_names(metric)}
    assert wanted - found == set()
    assert not {name for name in found if "unusual" in name} - wanted
