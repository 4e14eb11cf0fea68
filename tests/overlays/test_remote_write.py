"""Metrics by remote write: the same series as by OTLP, and what becomes of them in trouble."""

from __future__ import annotations

import secrets
import time
import urllib.parse

import pytest

from tests.acceptance._stores import Stores, get
from tests.faults._arrived import Arrived
from tests.faults._sender import Sender, load
from tests.faults._table import report
from tests.overlays._traces import attributes, post
from tests.overlays.conftest import free_ports, until

pytestmark = [pytest.mark.stack, pytest.mark.slow]

OVERLAY = "overlays/remote-write.yaml"
FAILED = "otelcol_exporter_send_failed_metric_points"
QUEUE = "otlp_grpc/remote_write"
CUMULATIVE, DELTA = 2, 1
TRACE = "0af7651916cd43dd8448eb211c80319c"


def metrics(service: str) -> dict:
    """Return one metric of each kind, with what decides its name and labels, as OTLP in JSON."""
    now = time.time_ns()
    point = {
        "startTimeUnixNano": str(now - 10**9),
        "timeUnixNano": str(now),
        "attributes": attributes({"ml.model.name": "loan", "http.response.status_code": 200}),
    }
    exemplar = {
        "timeUnixNano": str(now),
        "traceId": TRACE,
        "spanId": "b7ad6b7169203331",
        "asDouble": 0.3,
        "filteredAttributes": attributes({"ml.stage.name": "inference"}),
    }
    histogram = {
        "count": "3",
        "sum": 1.5,
        "explicitBounds": [0.1, 1],
        "bucketCounts": ["1", "1", "1"],
    }
    exponential = {
        "count": "3",
        "sum": 1.5,
        "scale": 2,
        "zeroCount": "1",
        "positive": {"offset": 1, "bucketCounts": ["1", "1"]},
    }
    number = point | {"asDouble": 5}
    total = {"isMonotonic": True, "dataPoints": [number | {"exemplars": [exemplar]}]}
    kinds = [
        ("ml.requests", "{request}", {"sum": total | {"aggregationTemporality": CUMULATIVE}}),
        ("ml.requests.delta", "1", {"sum": total | {"aggregationTemporality": DELTA}}),
        ("ml.cost", "USD", {"gauge": {"dataPoints": [number]}}),
        ("ml.share", "1", {"gauge": {"dataPoints": [number]}}),
        ("process.memory.usage", "By", {"gauge": {"dataPoints": [number]}}),
        (
            "ml.duration",
            "s",
            {
                "histogram": {
                    "aggregationTemporality": CUMULATIVE,
                    "dataPoints": [point | histogram | {"exemplars": [exemplar]}],
                }
            },
        ),
        (
            "ml.size",
            "By",
            {
                "exponentialHistogram": {
                    "aggregationTemporality": CUMULATIVE,
                    "dataPoints": [point | exponential],
                }
            },
        ),
    ]
    resource = {
        "service.name": service,
        "service.namespace": "credit",
        "service.version": "1.4.0",
        "service.instance.id": "one",
        "deployment.environment.name": "test",
        "telemetry.sdk.language": "python",
        "host.name": "somewhere",
    }
    scope = {"name": "otelml", "version": "0.1", "attributes": attributes({"scope.key": "value"})}
    listed = [
        {"name": name, "unit": unit, "description": name} | kind for name, unit, kind in kinds
    ]
    return {
        "resourceMetrics": [
            {
                "resource": {"attributes": attributes(resource)},
                "scopeMetrics": [{"scope": scope, "metrics": listed}],
            }
        ]
    }


def by_remote_write(site, name: str):
    """Return a Collector with the overlay, not started."""
    return site.collector(
        f"remote-write-{name}",
        OVERLAY,
        OTELML_REMOTE_WRITE_URL=site.backends.url("prometheus") + "/api/v1/write",
        OTELML_REMOTE_WRITE_LOOP_PORT=str(free_ports(1)[0]),
    )


def series(prometheus: str, service: str) -> list[list[tuple[str, str]]]:
    """Return the label sets of a service's series, its name left out, target_info last."""
    found = []
    for match in (f'{{service_name="{service}"}}', f'target_info{{job="credit/{service}"}}'):
        url = f"{prometheus}/api/v1/series?" + urllib.parse.urlencode({"match[]": match})
        found += get(url)["data"]
    unique = {tuple(sorted(labels.items())) for labels in found}
    return sorted([(k, v.replace(service, "SERVICE")) for k, v in labels] for labels in unique)


def exemplars(prometheus: str, service: str) -> list[tuple[str, dict, str]]:
    """Return the exemplars of a service: the series' name, labels, value."""
    now = time.time()
    found = get(
        f"{prometheus}/api/v1/query_exemplars",
        query=f'{{service_name="{service}"}}',
        start=str(now - 600),
        end=str(now + 60),
    )["data"]
    return sorted(
        (
            (one["seriesLabels"]["__name__"], exemplar["labels"], exemplar["value"])
            for one in found
            for exemplar in one["exemplars"]
        ),
        key=str,
    )


def values(prometheus: str, service: str) -> dict[str, str]:
    """Return the values of a service's series that are plain numbers."""
    url = f"{prometheus}/api/v1/query"
    found = get(url, query=f'{{service_name="{service}", __name__!="target_info"}}')["data"][
        "result"
    ]
    return {
        one["metric"]["__name__"] + one["metric"].get("le", ""): one["value"][1]
        for one in found
        if "value" in one
    }


def test_the_same_series_as_by_otlp(site):
    """Names, labels, values and exemplars are those that the dashboards were made for."""
    services = {name: f"{name}-{secrets.token_hex(4)}" for name in ("otlp", "rw")}
    prometheus = site.backends.url("prometheus")
    with site.collector("by-otlp") as by_otlp, by_remote_write(site, "same") as by_rw:
        post(by_otlp.url("collector"), "metrics", metrics(services["otlp"]))
        post(by_rw.url("collector"), "metrics", metrics(services["rw"]))
        # One request may be appended in parts: what was seen first need not be all.
        until(
            lambda: (
                (found := series(prometheus, services["otlp"]))
                and series(prometheus, services["rw"]) == found
            ),
            20,
        )
        expected = series(prometheus, services["otlp"])
    assert series(prometheus, services["rw"]) == expected
    assert values(prometheus, services["rw"]) == values(prometheus, services["otlp"])
    assert exemplars(prometheus, services["rw"]) == exemplars(prometheus, services["otlp"])
    assert TRACE in {
        labels.get("trace_id") for _, labels, _ in exemplars(prometheus, services["rw"])
    }


def gauge(service: str, name: str, at: int, value: float) -> dict:
    """Return one point of a gauge as OTLP in JSON."""
    point = {"timeUnixNano": str(at), "asDouble": value}
    resource = {"attributes": attributes({"service.name": service})}
    metric = {"name": name, "gauge": {"dataPoints": [point]}}
    return {"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": [metric]}]}]}


def test_a_refused_point_stops_nothing(site):
    """A point that the receiver refuses for good is counted; those sent after it arrive."""
    service = f"refused-{secrets.token_hex(4)}"
    prometheus = site.backends.url("prometheus")
    with by_remote_write(site, "refused") as collector:
        url, at = collector.url("collector"), time.time_ns()
        post(url, "metrics", gauge(service, "twice", at, 1.0))
        assert until(lambda: "twice" in values(prometheus, service))
        post(url, "metrics", gauge(service, "twice", at, 2.0))
        assert until(lambda: Stores(collector).counted(FAILED, exporter=QUEUE))
        post(url, "metrics", gauge(service, "after", time.time_ns(), 3.0))
        until(lambda: "after" in values(prometheus, service), 20)
        assert values(prometheus, service) == {"twice": "1", "after": "3"}


def test_the_receiver_is_away_and_the_collector_killed(site):
    """What was acknowledged is in the log on disk: it arrives once both are back."""
    collector = by_remote_write(site, "killed")
    with collector:
        sender = Sender(collector.url("collector"))
        with load(sender, signals=("points",)):
            time.sleep(2)
            site.backends.kill("prometheus")
            time.sleep(10)
        with load(sender, signals=("points",)):
            time.sleep(2)
            collector.kill("collector")
        collector.restart("collector")
        with load(sender, signals=("points",)):
            time.sleep(2)
        site.backends.restart("prometheus")
        with load(sender, signals=("points",)):
            time.sleep(2)
        arrived = Arrived(Stores(collector), sender)
        missing = arrived.settle("points", 60)
        sender.close()
    report(arrived.row("remote write: receiver away, Collector SIGKILL", "points"))
    assert missing == set()
