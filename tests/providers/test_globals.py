"""The API's global providers, each case in a process of its own."""

from __future__ import annotations

import pytest

from tests._otlp_server import OtlpServer
from tests._processes import run

_START = """
import logging, sys, time
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(levelname)s %(message)s")
from opentelemetry import _logs, metrics, trace
from otelml._providers import configure_providers, create_providers
from otelml.config import Config
"""

_REUSED = "INFO otelml: the application has already set up {}; otelml uses its {} unchanged"


@pytest.fixture
def server():
    with OtlpServer() as one:
        yield one


def test_become_the_global_ones(server):
    """Where the application configured nothing, tracers of the API are ours."""
    code, out, err = run(
        _START
        + """
early = trace.get_tracer("early")
counter = metrics.get_meter("early").create_counter("c")
p = create_providers(Config())
assert type(trace.get_tracer_provider()).__name__ == "ProxyTracerProvider"
configure_providers(p)
assert trace.get_tracer_provider() is p.tracer_provider
assert metrics.get_meter_provider() is p.meter_provider
assert _logs.get_logger_provider() is p.logger_provider
with early.start_as_current_span("made early"):
    counter.add(2)
print(p.shutdown(time.monotonic() + 10), sorted(p.owned))
""",
        **server.environment(),
    )
    assert (code, out, err) == (0, "True ['logs', 'metrics', 'traces']\n", "")
    assert server.span_names() == ["made early"]
    assert [point.as_int for point in server.points("c")] == [2]


def test_those_of_the_application_are_used(server):
    """Providers that the application configured are used and said so, and never stopped."""
    code, out, err = run(
        _START
        + """
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.metrics import MeterProvider
exporter = InMemorySpanExporter()
theirs = TracerProvider(shutdown_on_exit=False)
theirs.add_span_processor(BatchSpanProcessor(exporter))
trace.set_tracer_provider(theirs)
meters = MeterProvider(shutdown_on_exit=False)
metrics.set_meter_provider(meters)
p = create_providers(Config())
configure_providers(p)
assert p.tracer_provider is theirs is trace.get_tracer_provider()
assert p.meter_provider is meters is metrics.get_meter_provider()
p.tracer_provider.get_tracer("t").start_span("one").end()
assert p.flush(time.monotonic() + 10)
print([s.name for s in exporter.get_finished_spans()], sorted(p.owned))
p.shutdown(time.monotonic() + 10)
p.tracer_provider.get_tracer("t").start_span("two").end()
theirs.force_flush()
print([s.name for s in exporter.get_finished_spans()])
""",
        **server.environment(),
    )
    assert err == ""
    assert (code, out.splitlines()) == (
        0,
        [
            _REUSED.format("traces", "TracerProvider"),
            _REUSED.format("metrics", "MeterProvider"),
            "['one'] ['logs']",
            "['one', 'two']",
        ],
    )
    assert server.spans == []


def test_disabled_sdk_touches_nothing():
    """With ``OTEL_SDK_DISABLED`` no global is set and nothing is sent or logged."""
    code, out, err = run(
        _START
        + """
p = create_providers(Config())
configure_providers(p)
p.tracer_provider.get_tracer("t").start_span("one").end()
p.meter_provider.get_meter("m").create_counter("c").add(1)
print(type(trace.get_tracer_provider()).__name__, p.owned, p.shutdown(time.monotonic() + 1))
""",
        OTEL_SDK_DISABLED="true",
    )
    assert (code, out, err) == (0, "ProxyTracerProvider frozenset() True\n", "")


def test_again_after_shutdown(server):
    """After shutdown the next providers take the place of the former."""
    code, out, err = run(
        _START
        + """
for name in ("one", "two"):
    p = create_providers(Config(service_name=name))
    configure_providers(p)
    assert trace.get_tracer_provider() is p.tracer_provider
    trace.get_tracer("t").start_span(name).end()
    metrics.get_meter("m").create_counter("c").add(1)
    assert p.shutdown(time.monotonic() + 10)
""",
        **server.environment(),
    )
    assert (code, out, err) == (0, "", "")
    assert sorted(server.span_names()) == ["one", "two"]
    assert {r["service.name"] for r in server.resources} == {"one", "two"}


@pytest.mark.parametrize("twice", [False, True])
def test_child_begins_at_zero(server, twice):
    """A forked child has its own instance id and totals, and sends nothing of its parent's."""
    code, out, err = run(
        f"""
import os, time
from otelml._providers import configure_providers, create_providers
from otelml.config import Config
p = create_providers(Config())
configure_providers(p)
tracer = p.tracer_provider.get_tracer("t")
logger = p.logger_provider.get_logger("l")
counter = p.meter_provider.get_meter("m").create_counter("c")
asked = []
p.meter_provider.get_meter("m").create_observable_counter("o", [lambda o: asked.append(1) or []])
os.register_at_fork(after_in_child=p.after_fork)
if {twice}:
    assert p.flush(time.monotonic() + 10)
tracer.start_span("parent").end()
counter.add(100)
logger.emit(body="parent")
child = os.fork()
if not child:
    tracer.start_span("child").end()
    counter.add(1)
    logger.emit(body="child")
    ok = p.shutdown(time.monotonic() + 10)
    os._exit(0 if ok and asked else 1)
assert os.waitpid(child, 0)[1] == 0
assert p.shutdown(time.monotonic() + 10)
""",
        **server.environment(),
    )
    assert (code, out, err) == (0, "", "")
    assert sorted(server.span_names()) == ["child", "parent"]
    assert sorted(r.body.string_value for r in server.logs) == ["child", "parent"]
    assert sorted(point.as_int for point in server.points("c")) == [1, 100]
    assert len({r["service.instance.id"] for r in server.resources}) == 2
    assert len({r["process.pid"] for r in server.resources}) == 2


def test_prefork_server_is_told_what_a_scrape_misses(server):
    """A child lets go of the port of ``/metrics`` and says whose it is."""
    code, out, err = run(
        _START
        + """
import os, socket
from otelml.config import MetricOptions
with socket.socket() as s:
    s.bind(("127.0.0.1", 0))
    port = s.getsockname()[1]
p = create_providers(Config(metrics=MetricOptions(prometheus=True, prometheus_port=port)))
configure_providers(p)
sys.stdout.flush()
child = os.fork()
if not child:
    p.after_fork()
    p.shutdown(time.monotonic() + 5)
    sys.stdout.flush()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
import urllib.request
urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read()
print(port, os.getpid(), child)
p.shutdown(time.monotonic() + 5)
""",
        **server.environment(),
    )
    line, numbers = out.splitlines()
    port, parent, child = numbers.split()
    assert (code, err) == (0, "")
    assert line.startswith(
        f"WARNING otelml: /metrics on port {port} belongs to process {parent}; what process "
        f"{child} counts is not in it: each worker of a prefork server counts for itself"
    )
