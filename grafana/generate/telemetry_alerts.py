"""Alerts on the telemetry itself: what was lost, what soon will be, whose clock is wrong."""

from __future__ import annotations

from grafana.generate import foreign, settings
from grafana.generate.alert import COUNT, SHARE, Alert, Severity, tag
from grafana.generate.names import label
from grafana.generate.promql import equals, grew, sum_by, vector
from otelml import semconv

_EXPORTER = ("exporter", foreign.INSTANCE)
_RECEIVER = ("receiver", foreign.INSTANCE)


def _collector() -> list[Alert]:
    queue = f"{vector(foreign.QUEUE_SIZE)} / {vector(foreign.QUEUE_CAPACITY)}"
    return [
        Alert(
            "CollectorQueueFilling",
            "warning",
            f"{queue} > {settings.QUEUE_SHARE_MAX:g}",
            "2m",
            f"The Collector's queue of {tag('exporter')} is {SHARE} full",
            f"{tag('exporter')} on {tag(foreign.INSTANCE)} does not keep up or its backend does "
            f"not answer; the limit is {settings.QUEUE_SHARE_MAX:.0%}. A full queue refuses data.",
        ),
        Alert(
            "CollectorEnqueueFailed",
            "critical",
            grew(foreign.exported("enqueue_failed"), _EXPORTER, "5m"),
            "0m",
            f"The Collector could not queue data for {tag('exporter')}",
            f"{COUNT} items did not fit the queue of {tag('exporter')} on "
            f"{tag(foreign.INSTANCE)} in 5 minutes. Senders that do not retry have lost them.",
        ),
        Alert(
            "CollectorSendFailed",
            "critical",
            grew(foreign.exported("send_failed"), _EXPORTER, "5m"),
            "0m",
            f"The Collector lost data for {tag('exporter')}",
            f"{COUNT} items were refused for good by the backend of {tag('exporter')} on "
            f"{tag(foreign.INSTANCE)} in 5 minutes. They are gone.",
        ),
        Alert(
            "CollectorRefusing",
            "warning",
            grew((*foreign.received("refused"), *foreign.received("failed")), _RECEIVER, "5m"),
            "1m",
            f"The Collector refuses data at {tag('receiver')}",
            f"{COUNT} items were refused at {tag('receiver')} on {tag(foreign.INSTANCE)} in "
            "5 minutes. Senders retry for a while, then drop.",
        ),
        Alert(
            "StackDown",
            "critical",
            f"{foreign.UP} == 0",
            "2m",
            f"{tag('job')} does not answer",
            f"{tag('job')} on {tag(foreign.INSTANCE)} has not answered Prometheus for 2 minutes.",
        ),
        Alert(
            "NotificationsFailing",
            "critical",
            grew((foreign.NOTIFICATIONS_FAILED,), ("integration", foreign.INSTANCE), "10m"),
            "0m",
            f"Alertmanager cannot send alerts by {tag('integration')}",
            f"{COUNT} notifications by {tag('integration')} failed in 10 minutes. People may "
            "not hear of an alert.",
        ),
    ]


def _otelml() -> list[Alert]:
    signal, reason = label(semconv.OTELML_SIGNAL), label(semconv.OTELML_REASON)
    instrument, attribute = label(semconv.OTELML_INSTRUMENT), label(semconv.OTELML_ATTRIBUTE)
    component = label(semconv.OTELML_COMPONENT)
    service = foreign.SERVICE
    return [
        Alert(
            "TelemetryDropped",
            "warning",
            grew((semconv.OTELML_DROPPED,), (service, signal, reason), "5m"),
            "0m",
            f"{tag(service)} drops {tag(signal)}: {tag(reason)}",
            f"{COUNT} items ({tag(signal)}) were dropped inside {tag(service)} in 5 minutes: "
            f"{tag(reason)}. The service itself is not affected.",
        ),
        Alert(
            "TelemetryExportFailing",
            "warning",
            grew((semconv.OTELML_EXPORT_FAILURES,), (service, signal), "5m"),
            "1m",
            f"{tag(service)} cannot export {tag(signal)}",
            f"{COUNT} exports ({tag(signal)}) failed after their retries in 5 minutes.",
        ),
        Alert(
            "CardinalityOverflow",
            "warning",
            grew((semconv.OTELML_CARDINALITY_OVERFLOW,), (service, instrument, attribute), "15m"),
            "0m",
            f"{tag(service)} has too many values of {tag(attribute)}",
            f"{COUNT} measurements of {tag(instrument)} were folded into "
            f"{semconv.OVERFLOW_VALUE} in 15 minutes. Totals stay exact.",
        ),
        Alert(
            "TelemetryErrors",
            "info",
            grew((semconv.OTELML_ERRORS,), (service, component), "15m"),
            "0m",
            f"Errors inside otelml in {tag(service)}: {tag(component)}",
            f"{COUNT} errors in {tag(component)} were kept away from the service in 15 minutes. "
            "The first one is in its log, as a warning of the logger otelml.",
        ),
    ]


def _storage() -> list[Alert]:
    # Services report their own disks too, each of their processes.
    used = vector(foreign.FILESYSTEM, equals(foreign.SERVICE, foreign.HOST))
    free = vector(foreign.FILESYSTEM_USAGE, 'state="free"')
    where = f"{tag('mountpoint')} of {tag(foreign.INSTANCE)}"
    limits: tuple[tuple[Severity, float], ...] = (
        ("warning", settings.DISK_SHARE_WARNING),
        ("critical", settings.DISK_SHARE_CRITICAL),
    )
    return [
        *(
            Alert(
                "BackendDiskFull",
                severity,
                f"{used} > {limit:g}",
                "5m",
                f"Disk {where} is {SHARE} full",
                f"The limit is {limit:.0%}. Stores and the Collector's queue stop "
                "taking data on a full disk.",
            )
            for severity, limit in limits
        ),
        Alert(
            "BackendDiskFillsSoon",
            "warning",
            f"predict_linear({free}[6h], 86400) < 0\nand deriv({free}[1h]) < 0",
            "30m",
            f"Disk {where} will be full within a day",
            "At the pace of the last 6 hours, no space is left in 24 hours.",
        ),
        Alert(
            "BackendWriteFailed",
            "critical",
            grew(
                (foreign.LOKI_WAL_FULL, foreign.PROMETHEUS_WAL_FAILED),
                ("job", foreign.INSTANCE),
                "15m",
            ),
            "0m",
            f"{tag('job')} cannot write to its disk",
            f"{COUNT} writes of {tag('job')} on {tag(foreign.INSTANCE)} failed in 15 minutes: its "
            "disk is full, or broken.",
        ),
    ]


def _clocks() -> list[Alert]:
    by = (foreign.SERVICE, foreign.INSTANCE)
    ahead_s = settings.CLOCK_AHEAD_S
    # The window lies wholly in the future: from CLOCK_AHEAD_S to two hours from now.
    future = f"{vector(semconv.OTELML_WORKER_DURATION)}[{7200 - ahead_s}s] offset -2h"
    rejected = (
        foreign.PROMETHEUS_TOO_OLD,
        foreign.PROMETHEUS_OUT_OF_BOUNDS,
        *foreign.COLLECTOR_WRONG_TIME,
    )
    return [
        Alert(
            "ClockAhead",
            "warning",
            f"{sum_by(by, f'count_over_time({future})')} > 0",
            "1m",
            f"The clock of {tag(foreign.SERVICE)} is ahead",
            f"{tag(foreign.INSTANCE)} sends telemetry dated more than {ahead_s} s in the future. "
            "Others' data may be rejected as too old while it lasts.",
        ),
        Alert(
            "ClockSkew",
            "warning",
            grew(rejected, ("job", foreign.INSTANCE), "10m"),
            "0m",
            "Telemetry is rejected for its time",
            f"{tag('job')} on {tag(foreign.INSTANCE)} rejected {COUNT} items in 10 minutes as "
            "too old or too far ahead: a clock is wrong, or a queue was emptied very late.",
        ),
    ]


def alerts() -> list[Alert]:
    """Return the alerts on telemetry."""
    return [*_collector(), *_otelml(), *_storage(), *_clocks()]
