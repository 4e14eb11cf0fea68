"""The dashboard of the telemetry itself: what is lost, and where."""

from __future__ import annotations

from collections.abc import Sequence

from grafana.generate import boards, foreign, settings
from grafana.generate.boards import IN_SERVICE, WINDOW, Row
from grafana.generate.names import label
from grafana.generate.panels import Panel, Query, Spec, graph, number
from grafana.generate.promql import added, rate, sum_by, vector
from otelml import semconv

_EXPORTER = ("exporter",)
_RECEIVER = ("receiver",)
# The one way out that is configured; Alertmanager counts zeros for all it knows.
_EMAIL = 'integration="email"'


def _items(metrics: Sequence[str], by: Sequence[str]) -> list[Query]:
    legends = " ".join(f"{{{{{name}}}}}" for name in by)
    return [
        Query(sum_by(by, rate(metric, WINDOW)), f"{items.replace('_', ' ')} {legends}")
        for metric, items in zip(metrics, foreign.ITEMS, strict=True)
    ]


def _now() -> list[Panel]:
    lost = [
        f"({added(metric, '1h')})"
        for outcome in ("send_failed", "enqueue_failed")
        for metric in foreign.exported(outcome)
    ]
    dropped = added(semconv.OTELML_DROPPED, "1h")
    return [
        number(
            Spec(
                "Stack",
                "Parts of the stack that answer.",
                "none",
                [Query(f"sum({foreign.UP})", "up")],
                width=6,
                height=4,
                runbooks=("StackDown",),
            )
        ),
        number(
            Spec(
                "Fullest queue",
                "Share of the fullest queue of the Collector.",
                "percentunit",
                [Query(f"max({foreign.QUEUE_SIZE} / {foreign.QUEUE_CAPACITY})", "queue")],
                limits=((0.5, "warning"), (settings.QUEUE_SHARE_MAX, "critical")),
                width=6,
                height=4,
                runbooks=("CollectorQueueFilling",),
            )
        ),
        number(
            Spec(
                "Lost by the Collector",
                "Items in the last hour that no backend has.",
                "none",
                [Query(" + ".join(lost), "lost")],
                limits=((1, "critical"),),
                width=6,
                height=4,
                runbooks=("CollectorSendFailed", "CollectorEnqueueFailed"),
            )
        ),
        number(
            Spec(
                "Dropped by services",
                "Items in the last hour that never left a service.",
                "none",
                [Query(dropped, "dropped")],
                limits=((1, "critical"),),
                width=6,
                height=4,
                runbooks=("TelemetryDropped",),
            )
        ),
    ]


def _lost(metric: semconv.Metric, title: str, description: str, *by: str, runbook: str) -> Panel:
    names = (foreign.SERVICE, *by)
    return graph(
        Spec(
            title,
            description,
            "cps",
            [
                Query(
                    sum_by(names, rate(vector(metric, IN_SERVICE), WINDOW)),
                    " ".join(f"{{{{{name}}}}}" for name in names),
                )
            ],
            width=8,
            runbooks=(runbook,),
            empty="none",
        )
    )


def _service_losses() -> list[Panel]:
    signal = label(semconv.OTELML_SIGNAL)
    return [
        _lost(
            semconv.OTELML_DROPPED,
            "Dropped",
            "Items a second that were not delivered.",
            signal,
            label(semconv.OTELML_REASON),
            runbook="TelemetryDropped",
        ),
        _lost(
            semconv.OTELML_EXPORT_FAILURES,
            "Export failures",
            "Exports a second that failed after their retries.",
            signal,
            runbook="TelemetryExportFailing",
        ),
        _lost(
            semconv.OTELML_CARDINALITY_OVERFLOW,
            "Cardinality overflow",
            "Measurements a second that were folded together. Totals stay exact.",
            label(semconv.OTELML_INSTRUMENT),
            label(semconv.OTELML_ATTRIBUTE),
            runbook="CardinalityOverflow",
        ),
    ]


def _service_load() -> list[Panel]:
    signal = label(semconv.OTELML_SIGNAL)
    here = f"{{{{{foreign.SERVICE}}}}}"
    return [
        graph(
            Spec(
                "Waiting in the service",
                "Items in the queues of otelml.",
                "none",
                [
                    Query(
                        sum_by(
                            (foreign.SERVICE, signal), vector(semconv.OTELML_QUEUE_SIZE, IN_SERVICE)
                        ),
                        f"{here} {{{{{signal}}}}}",
                    )
                ],
                width=8,
                runbooks=("TelemetryDropped",),
            )
        ),
        graph(
            Spec(
                "Worker",
                "CPU time a second of otelml's thread: 1 is one core.",
                "none",
                [
                    Query(
                        sum_by(
                            (foreign.SERVICE, foreign.INSTANCE),
                            rate(vector(semconv.OTELML_WORKER_DURATION, IN_SERVICE), WINDOW),
                        ),
                        f"{here} {{{{{foreign.INSTANCE}}}}}",
                    )
                ],
                width=8,
            )
        ),
        _lost(
            semconv.OTELML_ERRORS,
            "Errors inside otelml",
            "Errors a second that were kept away from the service.",
            label(semconv.OTELML_COMPONENT),
            runbook="TelemetryErrors",
        ),
    ]


def _service() -> list[Panel]:
    return [*_service_losses(), *_service_load()]


def _flow(
    title: str,
    description: str,
    metrics: Sequence[str],
    by: Sequence[str],
    *runbooks: str,
    empty: str = "",
) -> Panel:
    return graph(
        Spec(
            title,
            description,
            "cps",
            _items(metrics, by),
            width=8,
            runbooks=runbooks,
            empty=empty,
        )
    )


def _collector_in() -> list[Panel]:
    return [
        _flow("Accepted", "Items a second that came in.", foreign.received("accepted"), _RECEIVER),
        _flow(
            "Refused",
            "Items a second that were answered with an error.",
            foreign.received("refused"),
            _RECEIVER,
            "CollectorRefusing",
        ),
        _flow(
            "Failed",
            "Items a second that could not be read or passed on.",
            foreign.received("failed"),
            _RECEIVER,
            "CollectorRefusing",
        ),
    ]


def _collector_out() -> list[Panel]:
    return [
        _flow("Sent", "Items a second that backends took.", foreign.exported("sent"), _EXPORTER),
        _flow(
            "Lost: refused for good",
            "Items a second that a backend will not take.",
            foreign.exported("send_failed"),
            _EXPORTER,
            "CollectorSendFailed",
            empty="none",
        ),
        _flow(
            "Lost: queue full",
            "Items a second that did not fit the queue.",
            foreign.exported("enqueue_failed"),
            _EXPORTER,
            "CollectorEnqueueFailed",
            empty="none",
        ),
    ]


def _collector_load() -> list[Panel]:
    return [
        graph(
            Spec(
                "Queues",
                "Bytes that wait for a backend, on disk, and the capacity.",
                "bytes",
                [
                    Query(foreign.QUEUE_SIZE, "{{exporter}}"),
                    Query(f"max({foreign.QUEUE_CAPACITY})", "capacity"),
                ],
                width=8,
                runbooks=("CollectorQueueFilling",),
            )
        ),
        graph(
            Spec(
                "Collector CPU",
                "Cores in use.",
                "none",
                [Query(rate(foreign.COLLECTOR_CPU, WINDOW), "{{instance}}")],
                width=8,
            )
        ),
        graph(
            Spec(
                "Collector memory",
                "Physical memory in use.",
                "bytes",
                [Query(foreign.COLLECTOR_MEMORY, "{{instance}}")],
                width=8,
                runbooks=("CollectorRefusing",),
            )
        ),
    ]


def _collector() -> list[Panel]:
    return [*_collector_in(), *_collector_out(), *_collector_load()]


def _stores_health() -> list[Panel]:
    return [
        graph(
            Spec(
                "Answering",
                "1 where a part of the stack answers.",
                "none",
                [Query(foreign.UP, "{{job}}")],
                width=8,
                maximum=1,
                runbooks=("StackDown",),
            )
        ),
        graph(
            Spec(
                "Rejected for their time",
                "Samples a second that Prometheus did not take: a clock "
                "is wrong, or a queue was emptied late.",
                "cps",
                [
                    Query(rate(foreign.PROMETHEUS_TOO_OLD, WINDOW), "too old"),
                    Query(rate(foreign.PROMETHEUS_OUT_OF_BOUNDS, WINDOW), "out of bounds"),
                ],
                width=8,
                runbooks=("ClockSkew", "ClockAhead"),
            )
        ),
        graph(
            Spec(
                "Series",
                "Series in Prometheus' memory.",
                "none",
                [Query(foreign.PROMETHEUS_SERIES, "{{instance}}")],
                width=8,
                runbooks=("CardinalityOverflow",),
            )
        ),
    ]


def _stores_space() -> list[Panel]:
    return [
        graph(
            Spec(
                "Sizes of the stores",
                "Bytes on disk.",
                "bytes",
                [
                    Query(foreign.PROMETHEUS_BLOCKS, "Prometheus blocks"),
                    *(
                        Query(size, f"Jaeger {size.rsplit('_', 1)[-1]}")
                        for size in foreign.JAEGER_SIZES
                    ),
                ],
                width=8,
                runbooks=("BackendDiskFull",),
            )
        ),
        graph(
            Spec(
                "Loki's log disk",
                "Share of the disk of its write-ahead log in use.",
                "percentunit",
                [Query(foreign.LOKI_WAL_SHARE, "{{instance}}")],
                width=8,
                maximum=1,
                empty="no Loki",
                runbooks=("BackendWriteFailed",),
            )
        ),
        graph(
            Spec(
                "Notifications",
                "E-mails sent and failed, a second.",
                "cps",
                [
                    Query(rate(vector(foreign.NOTIFICATIONS, _EMAIL), WINDOW), "sent"),
                    Query(
                        rate(vector(foreign.NOTIFICATIONS_FAILED, _EMAIL), WINDOW),
                        "failed {{reason}}",
                    ),
                ],
                width=8,
                runbooks=("NotificationsFailing",),
            )
        ),
    ]


def _stores() -> list[Panel]:
    return [*_stores_health(), *_stores_space()]


def render() -> str:
    """Return ``pipeline.json``."""
    return boards.render(
        "pipeline",
        "Telemetry pipeline",
        "The telemetry itself: what services drop, what the Collector queues and loses.",
        [boards.service_variable(semconv.OTELML_WORKER_DURATION)],
        [
            Row("Now", _now()),
            Row("In the services", _service()),
            Row("Collector", _collector()),
            Row("Stores and alerting", _stores()),
        ],
    )
