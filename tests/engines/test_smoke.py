"""One service's traces, metrics and logs, through the Collector, found again in the stores."""

from __future__ import annotations

import logging
import os
import time
import uuid

import pytest
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from engines.stack import Stack
from engines.table import START_ORDER, Ports
from grafana.generate.logs_query import LogsQuery, field, lines
from tests._contrib import LoggingHandler
from tests.acceptance._stores import found_lines

pytestmark = [pytest.mark.stack, pytest.mark.slow]

REQUESTS = 20


class Service:
    """A made-up service that sends three signals for each request."""

    def __init__(self, endpoint: str) -> None:
        self.name = f"smoke-{uuid.uuid4().hex[:8]}"
        self.traces: list[str] = []
        resource = Resource.create(
            {"service.name": self.name, "service.instance.id": uuid.uuid4().hex}
        )
        self._spans = TracerProvider(resource=resource)
        self._spans.add_span_processor(
            BatchSpanProcessor(OTLPSpanExporter(f"{endpoint}/v1/traces"))
        )
        reader = PeriodicExportingMetricReader(
            OTLPMetricExporter(f"{endpoint}/v1/metrics"), export_interval_millis=3_600_000
        )
        self._meters = MeterProvider([reader], resource=resource)
        self._logs = LoggerProvider(resource=resource)
        self._logs.add_log_record_processor(
            SimpleLogRecordProcessor(OTLPLogExporter(f"{endpoint}/v1/logs"))
        )
        self._logger = logging.getLogger(self.name)
        self._logger.setLevel(logging.INFO)
        self._logger.propagate = False
        self._logger.addHandler(LoggingHandler(logger_provider=self._logs))

    def serve(self, requests: int) -> None:
        """Send spans, a histogram with exemplars and log lines for some requests."""
        tracer = self._spans.get_tracer("smoke")
        duration = self._meters.get_meter("smoke").create_histogram("smoke.duration", "s")
        for number in range(requests):
            with tracer.start_as_current_span("request") as root:
                root.set_attribute("api_key", "k-123")
                with tracer.start_as_current_span("inference") as span:
                    span.set_attribute("customer", "jane.doe@example.org")
                    duration.record(0.01)
                self._logger.info("request %d, password=hunter2", number)
                self.traces.append(f"{root.get_span_context().trace_id:032x}")
        self._spans.force_flush()
        self._meters.force_flush()
        self._logs.force_flush()

    def close(self) -> None:
        self._spans.shutdown()
        self._meters.shutdown()
        self._logs.shutdown()


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """The whole stack, once for this file."""
    with Stack(tmp_path_factory.mktemp("stack"), Ports(17000)) as running:
        yield running
        pids = [running.process(name).pid for name in START_ORDER]
    left = [pid for pid in pids if _runs(pid)]
    assert left == [], "processes were left running"


@pytest.fixture(scope="module")
def service(stack):
    """A service that has served its requests."""
    sender = Service(stack.url("collector"))
    sender.serve(REQUESTS)
    yield sender
    sender.close()


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_traces(stack, service, ask, eventually):
    """Every trace is in Jaeger under its id, with its spans and their parents."""

    def found():
        answers = [ask(stack.url("jaeger"), f"/api/traces/{t}")["data"] for t in service.traces]
        return answers if all(a and len(a[0]["spans"]) == 2 for a in answers) else None

    for trace_id, (trace,) in zip(service.traces, eventually(found), strict=True):
        assert trace["traceID"] == trace_id
        spans = {span["operationName"]: span for span in trace["spans"]}
        assert spans.keys() == {"request", "inference"}
        (parent,) = spans["inference"]["references"]
        assert (parent["refType"], parent["spanID"]) == ("CHILD_OF", spans["request"]["spanID"])


def test_metric_with_exemplar(stack, service, ask, eventually):
    """The histogram counts every request, and its exemplar is one of the traces."""
    name = "smoke_duration_seconds"
    selector = f'{name}_count{{service_name="{service.name}"}}'

    def counted():
        result = ask(stack.url("prometheus"), "/api/v1/query", query=selector)
        return [float(series["value"][1]) for series in result["data"]["result"]]

    assert eventually(counted) == [REQUESTS]
    now = time.time()
    exemplars = ask(
        stack.url("prometheus"),
        "/api/v1/query_exemplars",
        query=f'{name}_bucket{{service_name="{service.name}"}}',
        start=str(now - 600),
        end=str(now + 60),
    )["data"]
    assert exemplars
    assert {e["labels"]["trace_id"] for s in exemplars for e in s["exemplars"]} <= set(
        service.traces
    )


def test_logs(stack, service, ask, eventually):
    """Every log line is in VictoriaLogs and found by its trace id."""

    def said(query: LogsQuery) -> list[str]:
        return [found["_msg"] for found in found_lines(stack.url("victorialogs"), query)]

    everything = lines(service.name)
    assert len(eventually(lambda: len(f := said(everything)) >= REQUESTS and f)) == REQUESTS
    for number, trace_id in enumerate(service.traces):
        of_trace = everything.where(field("trace_id", trace_id))
        assert said(of_trace) == [f"request {number}, ****"]


def test_secrets_do_not_reach_the_stores(stack, service, ask, eventually):
    """A secret's key and an e-mail address are masked in what Jaeger holds."""
    trace = eventually(
        lambda: ask(stack.url("jaeger"), f"/api/traces/{service.traces[0]}")["data"]
    )[0]
    tags = {t["key"]: t["value"] for span in trace["spans"] for t in span["tags"]}
    assert (tags["api_key"], tags["customer"]) == ("****", "****")


def test_the_collector_counted_the_same(stack, service, ask, eventually):
    """What the Collector says it took and passed on is what was sent."""

    def counters():
        names = "otelcol_(receiver_accepted|exporter_sent)_(spans|log_records)"
        # Jaeger is built of the same parts and counts under the same names.
        query = f'{{__name__=~"{names}", job="collector"}}'
        result = ask(stack.url("prometheus"), "/api/v1/query", query=query)["data"]["result"]
        values = {s["metric"]["__name__"]: float(s["value"][1]) for s in result}
        wanted = {
            "otelcol_receiver_accepted_spans": 2 * REQUESTS,
            "otelcol_exporter_sent_spans": 2 * REQUESTS,
            "otelcol_receiver_accepted_log_records": REQUESTS,
            "otelcol_exporter_sent_log_records": REQUESTS,
        }
        return values if values == wanted else None

    assert eventually(counters)


def test_every_engine_is_scraped(stack, ask, eventually):
    """Prometheus has each engine's own metrics under its name."""

    def up():
        result = ask(stack.url("prometheus"), "/api/v1/query", query="up == 1")
        jobs = {series["metric"]["job"] for series in result["data"]["result"]}
        return jobs if jobs == set(START_ORDER) else None

    assert eventually(up)


def test_service_performance(stack, service, ask, eventually):
    """Jaeger answers how often the service was called, from the span metrics."""

    def points():
        result = ask(
            stack.url("jaeger"),
            "/api/metrics/calls",
            service=service.name,
            lookback="600000",
            step="15000",
            ratePer="60000",
            groupByOperation="false",
            spanKind="internal",
        )
        return [p for m in result["metrics"] for p in m["metricPoints"]]

    assert eventually(points, 90)


def test_host_metrics(stack, ask, eventually):
    """The machine's CPU is there, under the name of the machine."""

    def cpu():
        query = 'sum by (service_name) (system_cpu_utilization_ratio{state="idle"})'
        return ask(stack.url("prometheus"), "/api/v1/query", query=query)["data"]["result"]

    (series,) = eventually(cpu)
    assert series["metric"] == {"service_name": "host"}
    assert float(series["value"][1]) >= 0


def test_alertmanager_is_known(stack, ask, eventually):
    """Prometheus sends its alerts to this stack's Alertmanager."""

    def active():
        data = ask(stack.url("prometheus"), "/api/v1/alertmanagers")["data"]
        return [manager["url"] for manager in data["activeAlertmanagers"]]

    assert eventually(active) == [f"{stack.url('alertmanager')}/api/v2/alerts"]
