"""Runbooks of the alerts on telemetry, its stores and clocks."""

from __future__ import annotations

from typing import Final

from grafana.generate import foreign
from grafana.generate.names import label
from grafana.generate.promql import increase, rate, sum_by, vector
from grafana.generate.runbook_parts import Runbook
from otelml import semconv

_QUEUE: Final = f"{foreign.QUEUE_SIZE} / {foreign.QUEUE_CAPACITY}"
_FILL: Final = ("How full are the queues?", _QUEUE)
_LOG: Final = (
    (
        "The Collector's log names the exporter and the answer of its backend "
        "(`docker compose logs collector`, or `logs/collector.log` in the stack's data folder)."
    ),
    "",
)
_BACKENDS: Final = ("Which part of the stack is down?", f"{foreign.UP} == 0")
_DISK: Final = ("How full are the disks?", vector(foreign.FILESYSTEM))


def _collector_queue() -> dict[str, Runbook]:
    enqueued = tuple(
        (f"Which items? {metric}", f"rate({metric}[5m])")
        for metric in foreign.exported("enqueue_failed")
    )
    return {
        "CollectorQueueFilling": Runbook(
            "Data waits in the Collector. Nothing is lost yet; when the queue is full, senders are "
            "refused.",
            ("A backend is down or slow", "More data than the backend takes"),
            (
                _FILL,
                _BACKENDS,
                ("Is less sent than comes in?", rate(foreign.exported("sent")[0], "5m")),
                _LOG,
            ),
            (
                "Restore the backend: the queue empties by itself, oldest first.",
                (
                    "If it cannot be soon, make the queue larger (`OTELML_COLLECTOR_QUEUE_BYTES`) "
                    "while disk lasts."
                ),
                "If load is the cause, sample at the gateway or add a Collector.",
            ),
        ),
        "CollectorEnqueueFailed": Runbook(
            "The queue of an exporter is full, or its disk is: the Collector turned data away.",
            ("A backend has been down for long", "The disk of the queue is full"),
            (_FILL, _DISK, _BACKENDS, *enqueued),
            (
                "Restore the backend, or free space on the disk of the queue.",
                "What services could not deliver meanwhile is counted by TelemetryDropped.",
            ),
        ),
    }


def _collector_refusals() -> dict[str, Runbook]:
    sent = tuple(
        (f"Which items? {metric}", f"rate({metric}[5m])")
        for metric in foreign.exported("send_failed")
    )
    return {
        "CollectorSendFailed": Runbook(
            "A backend refused data for good (4xx). The Collector does not retry that: the items "
            "are lost.",
            (
                (
                    "Prometheus: too old or out of order samples, two samples of one series in one "
                    "millisecond, a delta metric"
                ),
                "Loki: lines too long, too old, over the rate or label limits",
                "A wrong address, token or certificate",
            ),
            (
                _LOG,
                *sent,
                ("Does Prometheus reject by time?", rate(foreign.PROMETHEUS_TOO_OLD, "5m")),
            ),
            (
                (
                    "One bad series rejects its whole request: find the sender named in the log "
                    "and stop or fix it."
                ),
                "If samples are rejected for their time, see ClockSkew and ClockAhead.",
                "If limits are hit, raise them in `loki/config.yaml`.",
            ),
        ),
        "CollectorRefusing": Runbook(
            "The Collector answers senders with errors. They retry for a while.",
            (
                "Memory limit reached: a burst, or queues that do not empty",
                "A full queue",
                "Malformed data, wrong token",
            ),
            (
                _FILL,
                ("Memory of the Collector:", foreign.COLLECTOR_MEMORY),
                ("What comes in, a second:", rate(foreign.received("accepted")[0], "5m")),
                _LOG,
            ),
            (
                "Restore the backend if a queue is full.",
                (
                    "Give the Collector more memory (`OTELML_COLLECTOR_MEMORY_LIMIT_MIB` and the "
                    "limit of its container)."
                ),
                "Add a Collector.",
            ),
        ),
    }


def _engines() -> dict[str, Runbook]:
    return {
        "StackDown": Runbook(
            "A part of the monitoring stack does not answer. Services go on; what they send is "
            "queued as long as the Collector runs.",
            ("It crashed, ran out of memory or disk", "It was stopped", "Its address changed"),
            (
                ("Which?", f"{foreign.UP} == 0"),
                _DISK,
                _FILL,
                ("Its own log: `docker compose logs NAME`.", ""),
            ),
            (
                "Start it again; the Collector delivers what it kept.",
                "If it ran out of memory, raise the limit in `docker-compose.yml`.",
            ),
        ),
        "NotificationsFailing": Runbook(
            "Alertmanager cannot deliver: alerts fire and nobody hears.",
            (
                "SMTP server, user or password wrong",
                "The mail server refuses the sender address",
                "TLS required but not offered",
            ),
            (
                (
                    "Which kind of notification?",
                    sum_by(("integration",), increase(foreign.NOTIFICATIONS_FAILED, "1h")),
                ),
                ("Alertmanager's log holds the server's answer.", ""),
            ),
            (
                "Correct `OTELML_SMTP_SMARTHOST`, `OTELML_SMTP_FROM`, the password file.",
                "Until then, watch the alerts in Grafana or Alertmanager by hand.",
            ),
        ),
    }


def _collector() -> dict[str, Runbook]:
    return {**_collector_queue(), **_collector_refusals(), **_engines()}


def _otelml_losses() -> dict[str, Runbook]:
    signal, reason = label(semconv.OTELML_SIGNAL), label(semconv.OTELML_REASON)
    dropped = sum_by(
        (foreign.SERVICE, signal, reason), increase(vector(semconv.OTELML_DROPPED), "15m")
    )
    failures = sum_by(
        (foreign.SERVICE, signal), increase(vector(semconv.OTELML_EXPORT_FAILURES), "15m")
    )
    queue = ("What waits in the service?", vector(semconv.OTELML_QUEUE_SIZE))
    doctor = ("`otelml doctor` in the service's environment tests the way to the Collector.", "")
    return {
        "TelemetryDropped": Runbook(
            "A service dropped telemetry rather than slow down or grow. Predictions are not "
            "affected; traces, metrics or logs have gaps.",
            (
                "The Collector was away longer than the service's queue lasts",
                "More predictions than one worker thread can write out",
            ),
            (
                ("Which signal, for which reason?", dropped),
                queue,
                ("Is the Collector there?", f'{foreign.UP}{{job="collector"}}'),
                (
                    "How busy is the worker, in cores?",
                    rate(vector(semconv.OTELML_WORKER_DURATION), "5m"),
                ),
                doctor,
            ),
            (
                "Restore the Collector.",
                "Sample traces, or make the queue larger (`OTELML_QUEUE_SIZE`).",
            ),
        ),
        "TelemetryExportFailing": Runbook(
            "A service cannot reach its OTLP endpoint, or is refused.",
            ("The Collector is down or refuses", "Wrong endpoint, token or certificate"),
            (
                ("Which service and signal?", failures),
                ("Is the Collector there?", f'{foreign.UP}{{job="collector"}}'),
                ("Does it refuse?", rate(foreign.received("refused")[0], "5m")),
                doctor,
            ),
            ("Restore the Collector, or correct `OTEL_EXPORTER_OTLP_ENDPOINT` and headers.",),
        ),
    }


def _otelml_limits() -> dict[str, Runbook]:
    overflow = sum_by(
        (
            foreign.SERVICE,
            label(semconv.OTELML_INSTRUMENT),
            label(semconv.OTELML_ATTRIBUTE),
        ),
        increase(vector(semconv.OTELML_CARDINALITY_OVERFLOW), "1h"),
    )
    errors = sum_by(
        (foreign.SERVICE, label(semconv.OTELML_COMPONENT)),
        increase(vector(semconv.OTELML_ERRORS), "1h"),
    )
    return {
        "CardinalityOverflow": Runbook(
            "An attribute has more values than its limit. New ones are counted together; totals "
            "are exact, the detail is gone.",
            (
                "An id, a text or a number is used as label or as stage name",
                "More models, classes or features than the default limits allow for",
            ),
            (("Which metric and attribute?", overflow),),
            (
                "Send a bounded value instead: a class, not an id.",
                "If the values are meant, raise the limits (`MetricOptions`).",
            ),
        ),
        "TelemetryErrors": Runbook(
            "Something inside otelml failed. The error was kept away from the service.",
            ("A foreign processor or exporter raises", "A defect in otelml"),
            (
                ("Which component?", errors),
                (
                    (
                        "The service's log: search for `counted in otelml.errors`. The logger "
                        "`otelml` warns of the first error of each component in a process, with "
                        "its traceback; later ones are only counted."
                    ),
                    "",
                ),
                (
                    (
                        "`otelml doctor --app module:app` imports the application and shows what "
                        "otelml caught there."
                    ),
                    "",
                ),
            ),
            ("If it is your processor, fix it; otherwise report it with the exception.",),
        ),
    }


def _otelml() -> dict[str, Runbook]:
    return {**_otelml_losses(), **_otelml_limits()}


def _storage() -> dict[str, Runbook]:
    sizes = (
        "How large are the stores?",
        "\nor ".join([foreign.PROMETHEUS_BLOCKS, *foreign.JAEGER_SIZES]),
    )
    free = (
        (
            "Shorten retention (Prometheus `--storage.tsdb.retention.*`, Jaeger's TTL, Loki's "
            "`retention_period`), or enlarge the disk."
        ),
        (
            "Delete what is not telemetry. Never delete the Collector's queue: it holds what the "
            "stores have not got yet."
        ),
    )
    return {
        "BackendDiskFull": Runbook(
            "A disk is nearly full. When it is, stores stop writing and the Collector's queue "
            "cannot take data.",
            (
                "Retention is longer than the disk is large",
                "A backend is down and the queue grows",
                "Something else writes to this disk",
            ),
            (_DISK, sizes, _FILL),
            free,
        ),
        "BackendDiskFillsSoon": Runbook(
            "At its present pace a disk is full within a day.",
            ("New services, more traffic, a metric with many series", "A queue that grows"),
            (_DISK, sizes, ("How many series?", foreign.PROMETHEUS_SERIES), _FILL),
            free,
        ),
        "BackendWriteFailed": Runbook(
            "A store found its disk full. Loki refuses, and the Collector keeps what it sends; "
            "Prometheus answers as if all were well and loses the points.",
            ("As BackendDiskFull",),
            (_DISK, sizes),
            free,
        ),
    }


def _clocks() -> dict[str, Runbook]:
    ahead = f"timestamp({vector(semconv.OTELML_WORKER_DURATION)} offset -1h) - time()"
    too_old = f"rate({foreign.PROMETHEUS_TOO_OLD}[5m])"
    mend = (
        (
            "Set the clock by NTP (`timedatectl set-ntp true`, `chronyc makestep`), then restart "
            "the service: its start times are wrong too."
        ),
    )
    return {
        "ClockAhead": Runbook(
            "A service dates its telemetry in the future. Its graphs end after now, and once "
            "Prometheus has taken a sample far ahead, others' may count as too old.",
            (
                "The host has no NTP, or a virtual machine was resumed",
                "A test or replay that sets its own times",
            ),
            (
                ("How far ahead, in seconds (up to an hour)?", ahead),
                ("Are others' samples rejected?", too_old),
                ("`timedatectl` or `chronyc tracking` on that host.", ""),
            ),
            mend,
        ),
        "ClockSkew": Runbook(
            "Telemetry was left out for its time: by the Collector, which leaves out only what is "
            "more than 9 minutes ahead or 25 minutes (logs: 167 hours) behind, or by Prometheus, "
            "which rejects the whole request, so others' points may be lost with it.",
            (
                "A clock is far behind",
                "A clock was ahead, see ClockAhead",
                "A queue was emptied after more than the out-of-order window (6 hours)",
            ),
            (("Since when?", too_old), ("Was the Collector's queue full before?", _QUEUE), _LOG),
            (*mend, "If a queue was emptied late, there is nothing to fix: that data is lost."),
        ),
    }


def runbooks() -> dict[str, Runbook]:
    """Return them by the name of their alert."""
    return {**_collector(), **_otelml(), **_storage(), **_clocks()}
