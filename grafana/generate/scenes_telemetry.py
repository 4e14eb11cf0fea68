"""Unit tests of the alerts on telemetry, its stores and clocks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from grafana.generate import foreign
from grafana.generate.alert import Severity
from grafana.generate.names import label
from grafana.generate.scenes import Fired, Scene, named, series
from otelml import semconv
from otelml.semconv import Metric

_COLLECTOR: Final = {"job": "collector", foreign.INSTANCE: "collector:8888"}
_PROMETHEUS: Final = {"job": "prometheus", foreign.INSTANCE: "prometheus:9090"}
_PROCESS: Final = {foreign.SERVICE: "loan-api", foreign.INSTANCE: "7f3a"}
_HOST: Final = {foreign.SERVICE: foreign.HOST, foreign.INSTANCE: "node-1", "mountpoint": "/"}


def _counter(
    alert: str,
    metric: Metric | str,
    attributes: Mapping[str, str],
    keep: tuple[str, ...],
    severity: Severity,
    summary: str,
    description: str,
    at: str = "20m",
) -> list[Scene]:
    """Return what is true of every alert on a counter that should stand still.

    ``{n}`` in the description is by how much it grew.
    """
    counter = series(metric, attributes)
    labels = {key: value for key, value in named(attributes).items() if key in keep}

    def fired(grown: str) -> list[Fired]:
        return [Fired(severity, labels, summary, description.replace("{n}", grown))]

    return [
        Scene(alert, "the counter appears at 7", {counter: "_x18 7x20"}, at, fired("7")),
        Scene(alert, "the counter stands still", {counter: "7x60"}, "40m"),
        Scene(alert, "nothing happened", {counter: "0x60"}, "40m"),
        Scene(
            alert,
            "Prometheus was away for half an hour, the counter stood still",
            {counter: "7x10 _x30 7x20"},
            "42m",
        ),
    ]


def _queues() -> list[Scene]:
    name = "CollectorQueueFilling"
    labels = {**_COLLECTOR, "exporter": "otlp_http/loki", "data_type": "logs"}
    size, capacity = series(foreign.QUEUE_SIZE, labels), series(foreign.QUEUE_CAPACITY, labels)
    up = series(foreign.UP, _COLLECTOR)
    return [
        Scene(
            name,
            "nine tenths full",
            {size: "4500x20", capacity: "5000x20"},
            "5m",
            [
                Fired(
                    "warning",
                    labels,
                    "The Collector's queue of otlp_http/loki is 90% full",
                    "otlp_http/loki on collector:8888 does not keep up or its backend does not "
                    "answer; the limit is 80%. A full queue refuses data.",
                )
            ],
        ),
        Scene(name, "half full", {size: "2500x20", capacity: "5000x20"}, "5m"),
        Scene(
            "StackDown",
            "the Collector ends",
            {up: "1x5 0x20"},
            "10m",
            [
                Fired(
                    "critical",
                    _COLLECTOR,
                    "collector does not answer",
                    "collector on collector:8888 has not answered Prometheus for 2 minutes.",
                )
            ],
        ),
        Scene("StackDown", "it restarts within a minute", {up: "1x5 0 1x20"}, "10m"),
    ]


def _collector() -> list[Scene]:
    exporter = {**_COLLECTOR, "exporter": "otlp_http/loki"}
    receiver = {**_COLLECTOR, "receiver": "otlp", "transport": "http"}
    where = "otlp_http/loki on collector:8888"
    smtp = {**_COLLECTOR, "integration": "email"}
    return [
        *_counter(
            "CollectorEnqueueFailed",
            foreign.exported("enqueue_failed")[2],
            exporter,
            ("exporter", foreign.INSTANCE),
            "critical",
            "The Collector could not queue data for otlp_http/loki",
            f"{{n}} items did not fit the queue of {where} in 5 minutes. Senders that do not "
            "retry have lost them.",
        ),
        *_counter(
            "CollectorSendFailed",
            foreign.exported("send_failed")[2],
            exporter,
            ("exporter", foreign.INSTANCE),
            "critical",
            "The Collector lost data for otlp_http/loki",
            f"{{n}} items were refused for good by the backend of {where} in 5 minutes. They are "
            "gone.",
        ),
        *_counter(
            "CollectorRefusing",
            foreign.received("refused")[0],
            receiver,
            ("receiver", foreign.INSTANCE),
            "warning",
            "The Collector refuses data at otlp",
            "{n} items were refused at otlp on collector:8888 in 5 minutes. Senders retry for a "
            "while, then drop.",
        ),
        *_counter(
            "NotificationsFailing",
            foreign.NOTIFICATIONS_FAILED,
            smtp,
            ("integration", foreign.INSTANCE),
            "critical",
            "Alertmanager cannot send alerts by email",
            "{n} notifications by email failed in 10 minutes. People may not hear of an alert.",
        ),
    ]


def _otelml() -> list[Scene]:
    signal = {**_PROCESS, semconv.OTELML_SIGNAL: "traces"}
    by_signal = (foreign.SERVICE, label(semconv.OTELML_SIGNAL))
    return [
        *_counter(
            "TelemetryDropped",
            semconv.OTELML_DROPPED,
            {**signal, semconv.OTELML_REASON: "queue_full"},
            (*by_signal, label(semconv.OTELML_REASON)),
            "warning",
            "loan-api drops traces: queue_full",
            "{n} items (traces) were dropped inside loan-api in 5 minutes: queue_full. The "
            "service itself is not affected.",
        ),
        *_counter(
            "TelemetryExportFailing",
            semconv.OTELML_EXPORT_FAILURES,
            signal,
            by_signal,
            "warning",
            "loan-api cannot export traces",
            "{n} exports (traces) failed after their retries in 5 minutes.",
        ),
        *_counter(
            "CardinalityOverflow",
            semconv.OTELML_CARDINALITY_OVERFLOW,
            {**_PROCESS, semconv.OTELML_INSTRUMENT: "rows", semconv.OTELML_ATTRIBUTE: "user"},
            (
                foreign.SERVICE,
                label(semconv.OTELML_INSTRUMENT),
                label(semconv.OTELML_ATTRIBUTE),
            ),
            "warning",
            "loan-api has too many values of user",
            "{n} measurements of rows were folded into _other in 15 minutes. Totals stay exact.",
        ),
        *_counter(
            "TelemetryErrors",
            semconv.OTELML_ERRORS,
            {**_PROCESS, semconv.OTELML_COMPONENT: "worker"},
            (foreign.SERVICE, label(semconv.OTELML_COMPONENT)),
            "info",
            "Errors inside otelml in loan-api: worker",
            "{n} errors in worker were kept away from the service in 15 minutes. The first one is "
            "in its log, as a warning of the logger otelml.",
        ),
    ]


def _disks() -> list[Scene]:
    full, soon = "BackendDiskFull", "BackendDiskFillsSoon"
    used = series(foreign.FILESYSTEM, _HOST)
    free = series(foreign.FILESYSTEM_USAGE, {**_HOST, "state": "free"})

    def said(severity: Severity, share: str, limit: str) -> Fired:
        return Fired(
            severity,
            _HOST,
            f"Disk / of node-1 is {share} full",
            f"The limit is {limit}. Stores and the Collector's queue stop taking data on a full "
            "disk.",
        )

    return [
        Scene(full, "nine tenths full", {used: "0.9x20"}, "10m", [said("warning", "90%", "85%")]),
        Scene(
            full,
            "nearly full",
            {used: "0.97x20"},
            "10m",
            [said("warning", "97%", "85%"), said("critical", "97%", "95%")],
        ),
        Scene(full, "half full", {used: "0.5x20"}, "10m"),
        Scene(full, "the disk of a service", {series(foreign.FILESYSTEM, _PROCESS): "1x20"}, "10m"),
        Scene(
            soon,
            "10 GB free, 1 GB less each hour",
            {free: "10e9-16e6x120"},
            "100m",
            [
                Fired(
                    "warning",
                    {**_HOST, "state": "free"},
                    "Disk / of node-1 will be full within a day",
                    "At the pace of the last 6 hours, no space is left in 24 hours.",
                )
            ],
        ),
        Scene(soon, "100 GB free at the same pace", {free: "100e9-16e6x120"}, "100m"),
        Scene(soon, "it was filling, then stopped", {free: "10e9-16e6x60 9e9x120"}, "170m"),
        *_counter(
            "BackendWriteFailed",
            foreign.LOKI_WAL_FULL,
            {"job": "loki", foreign.INSTANCE: "loki:3100"},
            ("job", foreign.INSTANCE),
            "critical",
            "loki cannot write to its disk",
            "{n} writes of loki on loki:3100 failed in 15 minutes: its disk is full, or broken.",
        ),
        *_counter(
            "BackendWriteFailed",
            foreign.PROMETHEUS_WAL_FAILED,
            _PROMETHEUS,
            ("job", foreign.INSTANCE),
            "critical",
            "prometheus cannot write to its disk",
            "{n} writes of prometheus on prometheus:9090 failed in 15 minutes: its disk is full, "
            "or broken.",
        ),
    ]


def _clocks() -> list[Scene]:
    worker = series(semconv.OTELML_WORKER_DURATION, _PROCESS)
    return [
        # promtool loads no samples later than the time it looks at: a test with a real Prometheus
        # makes this one fire.
        Scene("ClockAhead", "the last sample is of this minute", {worker: "0+1x10"}, "10m"),
        *_counter(
            "ClockSkew",
            foreign.PROMETHEUS_TOO_OLD,
            {**_PROMETHEUS, "type": "float"},
            ("job", foreign.INSTANCE),
            "warning",
            "Telemetry is rejected for its time",
            "prometheus on prometheus:9090 rejected {n} items in 10 minutes as too old or too far "
            "ahead: a clock is wrong, or a queue was emptied very late.",
        ),
        *_counter(
            "ClockSkew",
            foreign.COLLECTOR_WRONG_TIME[0],
            {"job": "collector", foreign.INSTANCE: "collector:8888", "filter": "filter/time"},
            ("job", foreign.INSTANCE),
            "warning",
            "Telemetry is rejected for its time",
            "collector on collector:8888 rejected {n} items in 10 minutes as too old or too far "
            "ahead: a clock is wrong, or a queue was emptied very late.",
        ),
    ]


def scenes() -> list[Scene]:
    """Return them."""
    return [*_queues(), *_collector(), *_otelml(), *_disks(), *_clocks()]
