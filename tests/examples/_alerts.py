"""Which series an alert of prometheus/rules reads, and whether a service sends them."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import yaml

from grafana.generate.names import series_names
from otelml import semconv, semconv_host, semconv_quality
from otelml.semconv import Kind, Metric
from tests._processes import ROOT

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_KINDS = {"gauge": Kind.GAUGE, "sum": Kind.COUNTER, "histogram": Kind.HISTOGRAM}
_KNOWN = frozenset(
    series
    for metric in (
        *semconv.METRICS,
        *semconv_quality.QUALITY_METRICS,
        *semconv_host.HOST_METRICS,
        Metric("http.server.request.duration", Kind.HISTOGRAM, "s", ""),
    )
    for series in series_names(metric)
)


@cache
def _rules() -> tuple[dict[str, str], dict[str, str]]:
    """Return the expressions of alerts, and those of recording rules, by name."""
    alerts: dict[str, str] = {}
    recorded: dict[str, str] = {}
    for file in ("alerts.yml", "recording.yml"):
        for group in yaml.safe_load((ROOT / "prometheus/rules" / file).read_text())["groups"]:
            for rule in group["rules"]:
                into, name = (
                    (alerts, rule["alert"]) if "alert" in rule else (recorded, rule["record"])
                )
                into[name] = into.get(name, "") + "\n" + rule["expr"]
    return alerts, recorded


def read_by(alert: str) -> set[str]:
    """Return the series that an alert reads, through its recording rules."""
    alerts, recorded = _rules()
    assert alert in alerts, f"no alert {alert}; there are {sorted(alerts)}"
    waiting, seen, found = [alerts[alert]], set(), set()
    while waiting:
        for name in _NAME.findall(waiting.pop()):
            if name in recorded and name not in seen:
                seen.add(name)
                waiting.append(recorded[name])
            elif name in _KNOWN:
                found.add(name)
    assert found, f"{alert} reads nothing that otelml sends"
    return found


def sent_by(service: Any) -> set[str]:
    """Return the series that Prometheus makes of what a service has sent."""
    found: set[str] = set()
    for metric in list(service.received.metrics):
        data = metric.WhichOneof("data")
        kind = _KINDS[data]
        if data == "sum" and not metric.sum.is_monotonic:
            kind = Kind.UP_DOWN_COUNTER
        found |= set(series_names(Metric(metric.name, kind, metric.unit, "")))
    return found


def check_alerts(service: Any, *alerts: str) -> None:
    """Wait until everything that some alerts read has been sent.

    Args:
        service: The running example.
        alerts: Their names.
    """
    wanted = set().union(*map(read_by, alerts))
    service.wait(lambda: wanted <= sent_by(service), lambda: sorted(wanted - sent_by(service)))
