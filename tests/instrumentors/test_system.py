"""Process and host metrics: real values, of the process that reports them."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator

import psutil
import pytest
from opentelemetry.instrumentation.system_metrics import SystemMetricsInstrumentor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from otelml import _guard
from otelml.instrumentors import system
from otelml.instrumentors.system import instrument_system, uninstrument_system


class Metrics:
    """A provider, and what a collection from it gives."""

    def __init__(self) -> None:
        self.reader = InMemoryMetricReader()
        self.provider = MeterProvider([self.reader], shutdown_on_exit=False)

    def collect(self) -> dict[str, list]:
        data = self.reader.get_metrics_data()
        return {
            metric.name: list(metric.data.data_points)
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


@pytest.fixture
def metrics() -> Iterator[Metrics]:
    one = Metrics()
    yield one
    uninstrument_system()
    one.provider.shutdown()


EXPECTED = {
    "cpython.gc.collected_objects",
    "cpython.gc.collections",
    "cpython.gc.uncollectable_objects",
    "process.context_switches",
    "process.cpu.time",
    "process.disk.io",
    "process.memory.usage",
    "process.memory.virtual",
    "process.open_file_descriptor.count",
    "process.thread.count",
    "system.filesystem.utilization",
    "system.memory.usage",
    "system.memory.utilization",
    "system.network.errors",
    "system.network.io",
}


def test_a_collection_has_real_values(metrics):
    """Names are upstream's, values those of this process and host."""
    instrument_system(metrics.provider)
    found = metrics.collect()
    assert (
        set(found) - {"system.disk.io", "process.cpu.utilization", "system.cpu.utilization"}
        == EXPECTED
    )
    (memory,) = found["process.memory.usage"]
    assert memory.value == pytest.approx(psutil.Process().memory_info().rss, rel=0.2)
    (descriptors,) = found["process.open_file_descriptor.count"]
    assert 0 < descriptors.value <= psutil.Process().num_fds() + 2
    shares = {p.attributes["state"]: p.value for p in found["system.memory.utilization"]}
    assert set(shares) == {"used", "free", "cached"}
    assert all(0 <= share <= 1 for share in shares.values())


def test_shares_of_cpu_cover_an_interval(metrics, monkeypatch):
    """A busy process shows; the host's shares add up; asking again at once repeats them."""
    monkeypatch.setattr(system, "_SHORTEST_INTERVAL_S", 0.3)
    instrument_system(metrics.provider)
    assert not {"process.cpu.utilization", "system.cpu.utilization"} & set(metrics.collect())
    end = time.process_time() + 0.3
    while time.process_time() < end:
        pass
    time.sleep(0.05)
    first, second = metrics.collect(), metrics.collect()
    (share,) = first["process.cpu.utilization"]
    assert 0 < share.value <= 1.1
    of_first_cpu = [p.value for p in first["system.cpu.utilization"] if p.attributes["cpu"] == 1]
    assert 0 < sum(of_first_cpu) <= 1.01
    for name in ("process.cpu.utilization", "system.cpu.utilization"):
        assert [p.value for p in first[name]] == [p.value for p in second[name]]


def test_a_forked_child_reports_itself(metrics):
    """Not the process that created the instruments."""
    ballast = bytearray(os.urandom(1024)) * 1024 * 64
    instrument_system(metrics.provider)
    (parent,) = metrics.collect()["process.cpu.time"][:1]
    assert parent.value > 0
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        found = metrics.collect()
        # Libraries of earlier tests may start threads of their own in a child, and that of file
        # systems ends in a moment.
        own, deadline = psutil.Process(os.getpid()), time.monotonic() + 5
        reported = found["process.thread.count"][0].value
        while reported != own.num_threads() and time.monotonic() < deadline:
            time.sleep(0.01)
        answer = [found["process.cpu.time"][0].value, reported == own.num_threads()]
        os.write(write, json.dumps(answer).encode())
        os._exit(0)
    os.close(write)
    assert os.waitpid(pid, 0)[1] == 0
    with os.fdopen(read) as pipe:
        cpu_s, threads_are_own = json.loads(pipe.read())
    assert (cpu_s < parent.value, threads_are_own) == (True, True)
    del ballast


def test_what_a_container_lacks_is_left_out(metrics, monkeypatch, caplog):
    """No error escapes or is counted, and the rest is collected."""

    def denied(*_args, **_kwargs):
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil.Process, "num_fds", denied)
    monkeypatch.setattr(psutil.Process, "num_ctx_switches", denied)
    monkeypatch.setattr(psutil, "net_io_counters", lambda **_: None)
    instrument_system(metrics.provider)
    found = metrics.collect()
    gone = {
        "process.open_file_descriptor.count",
        "process.context_switches",
        "system.network.io",
        "system.network.errors",
    }
    assert EXPECTED - set(found) == gone
    assert _guard.errors == {}
    assert [r for r in caplog.records if r.levelname != "DEBUG"] == []


def test_an_unforeseen_error_is_counted(metrics, monkeypatch):
    """It is kept away from the reader, which collects the rest."""

    def broken(_self):
        raise ZeroDivisionError

    monkeypatch.setattr(psutil.Process, "num_fds", broken)
    instrument_system(metrics.provider)
    assert EXPECTED - set(metrics.collect()) == {"process.open_file_descriptor.count"}
    assert _guard.errors == {"system metrics": 1}


def test_upstreams_exclusions_count(metrics, monkeypatch):
    """OTEL_PYTHON_SYSTEM_METRICS_EXCLUDED_METRICS takes patterns."""
    monkeypatch.setenv("OTEL_PYTHON_SYSTEM_METRICS_EXCLUDED_METRICS", "system.*, cpython.*")
    instrument_system(metrics.provider)
    wanted = {name for name in EXPECTED if name.startswith("process.")}
    assert set(metrics.collect()) - {"process.cpu.utilization"} == wanted


def test_uninstrument_ends_it_and_it_can_start_again(metrics):
    """The old provider gets nothing more, the new one everything."""
    instrument_system(metrics.provider)
    uninstrument_system()
    uninstrument_system()
    assert metrics.collect() == {}
    other = Metrics()
    instrument_system(other.provider)
    assert set(other.collect()) >= EXPECTED
    other.provider.shutdown()


def test_the_apps_own_instrumentation_is_used(metrics):
    """Where upstream's instrumentor runs already, ours does not double it."""
    upstream = SystemMetricsInstrumentor(config={"process.thread.count": None})
    upstream.instrument(meter_provider=metrics.provider)
    try:
        instrument_system(metrics.provider)
        assert set(metrics.collect()) == {"process.thread.count"}
    finally:
        upstream.uninstrument()
