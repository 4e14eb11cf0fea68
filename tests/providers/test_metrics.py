"""The reader that pushes metrics."""

from __future__ import annotations

from time import monotonic

import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

from otelml import semconv
from otelml.config import LogOptions, TraceOptions


@pytest.fixture
def metrics(make):
    """Providers of metrics only."""
    return lambda: make(traces=TraceOptions(enabled=False), logs=LogOptions(enabled=False))


def _counter(providers):
    return providers.meter_provider.get_meter("m").create_counter("c")


def test_interval_of_the_variable(server, metrics, monkeypatch):
    """Metrics are pushed at the interval that the variable names."""
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "20")
    providers = metrics()
    _counter(providers).add(1)
    assert server.wait_for("metrics", 3)
    assert [point.as_int for point in server.points("c")][:3] == [1, 1, 1]


def test_flushes_never_share_a_millisecond(server, metrics, soon):
    """Two samples of one series have different milliseconds, however fast flushes follow."""
    providers = metrics()
    _counter(providers).add(1)
    for _ in range(30):
        assert providers.flush(soon())
    times = [point.time_unix_nano // 1_000_000 for point in server.points("c")]
    assert len(times) == 30
    assert len(set(times)) == 30


@pytest.mark.parametrize(
    ("preference", "expected"),
    [("cumulative", [1, 3]), ("delta", [1, 2]), ("lowmemory", [1, 2])],
)
def test_temporality_preference(server, metrics, soon, monkeypatch, preference, expected):
    """Counters are sent as totals or as differences, as the variable says."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", preference)
    providers = metrics()
    counter = _counter(providers)
    counter.add(1)
    assert providers.flush(soon())
    counter.add(2)
    assert providers.flush(soon())
    assert [point.as_int for point in server.points("c")] == expected
    kind = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    assert (server.metrics[0].sum.aggregation_temporality == kind) is (preference == "cumulative")


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ("explicit_bucket_histogram", "histogram"),
        ("base2_exponential_bucket_histogram", "exponential_histogram"),
    ],
)
def test_histogram_aggregation(server, metrics, soon, monkeypatch, value, field):
    """Histograms have the buckets that the variable asks for."""
    name = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION"
    monkeypatch.setenv(name, value)
    providers = metrics()
    providers.meter_provider.get_meter("m").create_histogram("h").record(1.0)
    assert providers.flush(soon())
    assert server.metrics[0].WhichOneof("data") == field


def test_last_collection_at_shutdown(server, metrics, soon):
    """What was measured since the last push is pushed by shutdown."""
    providers = metrics()
    _counter(providers).add(7)
    assert providers.shutdown(soon())
    assert [point.as_int for point in server.points("c")] == [7]


def test_shutdown_with_hanging_endpoint(server, metrics):
    """A hanging endpoint does not hold shutdown beyond its deadline, and nothing is raised."""
    server.mode = "hang"
    providers = metrics()
    _counter(providers).add(1)
    started = monotonic()
    assert not providers.shutdown(started + 0.3)
    assert monotonic() - started < 5
    assert providers.status()["metrics"]["dropped"] == {"shutdown": 1}


def test_deltas_survive_an_outage(server, metrics, soon, quick, monkeypatch):
    """While the endpoint is left alone nothing is collected, so no difference is lost."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.05")
    providers = metrics()
    counter = _counter(providers)
    counter.add(1)
    server.script = [503] * 50
    assert not providers.flush(soon())
    failed = providers.status()["metrics"]["dropped"]["export_failed"]
    server.script = []
    counter.add(2)
    counter.add(3)
    assert providers.flush(soon())
    assert failed == 1
    assert [point.as_int for point in server.points("c")] == [5]


def test_force_flush_of_the_provider(server, metrics):
    """The provider's own flush works and keeps its timeout."""
    providers = metrics()
    _counter(providers).add(1)
    providers.meter_provider.force_flush(5000)
    assert [point.as_int for point in server.points("c")] == [1]


def test_own_counts_are_metrics(server, make, emit, soon):
    """Drops, failures and queues are exported by name."""
    providers = make()
    providers.observe(
        providers.meter_provider.get_meter("m"),
        dropped=lambda: [(4, {semconv.OTELML_SIGNAL: "worker", semconv.OTELML_REASON: "full"})],
    )
    server.paths, server.mode = {"/v1/traces"}, 400
    emit(providers, "one", "two")
    assert not providers.flush(soon())
    server.metrics.clear()
    assert providers.flush(soon())
    assert _values(server, semconv.OTELML_DROPPED.name) == {
        ("traces", "export_failed"): 2,
        ("worker", "full"): 4,
    }
    assert _values(server, semconv.OTELML_EXPORT_FAILURES.name) == {
        ("traces",): 1,
        ("metrics",): 0,
        ("logs",): 0,
    }
    assert set(_values(server, semconv.OTELML_QUEUE_SIZE.name)) == {
        ("traces",),
        ("metrics",),
        ("logs",),
    }


def _values(server, name):
    return {
        tuple(
            a.value.string_value for a in sorted(p.attributes, key=lambda a: a.key, reverse=True)
        ): p.as_int
        for p in server.points(name)
    }
