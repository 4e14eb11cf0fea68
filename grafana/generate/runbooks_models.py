"""Runbooks of the alerts on predictions, services and hosts."""

from __future__ import annotations

from typing import Final

from grafana.generate import foreign, recording
from grafana.generate.names import label
from grafana.generate.promql import increase, present, quantile, rate, sum_by, vector
from grafana.generate.runbook_parts import Runbook
from otelml import semconv

_NAME: Final = label(semconv.ML_MODEL_NAME)
_VERSION: Final = label(semconv.ML_MODEL_VERSION)
_ERROR: Final = label(semconv.ERROR_TYPE)
_FAILED: Final = vector(semconv.ML_PREDICTIONS, present(semconv.ERROR_TYPE))
_BY_ERROR: Final = sum_by((_NAME, _VERSION, _ERROR), rate(_FAILED, "5m"))
_BY_VERSION: Final = sum_by((_NAME, _VERSION), rate(vector(semconv.ML_PREDICTIONS), "5m"))
_BY_STAGE: Final = quantile(
    0.95, semconv.ML_STAGE_DURATION, (_NAME, label(semconv.ML_STAGE_NAME)), "5m"
)
_ROLL_BACK: Final = "If it began with a deployment, roll back first and look for the cause after."
_FAILED_TRACES: Final = (
    f"In Jaeger, search the service's traces with the tag `error=true`, "
    f"`{semconv.ML_MODEL_NAME}` set to the model: the failing stage is red, its exception is in "
    "the log of the trace."
)
_SLOW_TRACES: Final = (
    "In Grafana's Model dashboard, follow an exemplar of the slow percentile to its trace: the "
    "longest stage is the place to look."
)


def _failures() -> dict[str, Runbook]:
    high = Runbook(
        "More than one prediction in ten ends in an error: users get no answer, or a fallback.",
        (
            "A dependency of feature extraction (feature store, database) fails",
            "A request fails before its prediction begins: it counts and has no `predict` span",
            "Input of a shape the model does not know, after a change at a caller",
            "A model or library version that does not fit the artefact",
        ),
        (
            ("Which error, since when?", _BY_ERROR),
            ("Only one version?", recording.failure_ratio("5m")),
            (
                "Is the input of the right shape?",
                sum_by(
                    (_NAME, label(semconv.ML_SCHEMA_MISMATCH_REASON)),
                    increase(vector(semconv.ML_FEATURE_SCHEMA_MISMATCH), "15m"),
                ),
            ),
            (_FAILED_TRACES, ""),
        ),
        (
            _ROLL_BACK,
            "If a dependency fails, restore it, or switch to the fallback of that feature.",
            "If one caller sends malformed input, refuse it with a 4xx before the model sees it.",
        ),
    )
    burn = Runbook(
        "Failures use up the error budget of the objective faster than the month allows. Critical: "
        "it will be gone within days. Warning: it will not last.",
        ("As PredictionFailureRateHigh, in smaller numbers or for longer",),
        (
            ("How fast does it burn? 1 is just sustainable.", recording.failure_ratio("1h")),
            ("Which error?", _BY_ERROR),
            (_FAILED_TRACES, ""),
        ),
        (
            _ROLL_BACK,
            "A slow burn is work for this week, not for tonight: fix the commonest error.",
            "If the objective is wrong, change it in `grafana/generate/settings.py`.",
        ),
    )
    return {"PredictionFailureRateHigh": high, "PredictionErrorBudgetBurn": burn}


def _latency() -> dict[str, Runbook]:
    high = Runbook(
        "One prediction in twenty takes longer than users will wait.",
        (
            "One stage became slow: usually feature extraction, waiting for a store",
            "More load than the process can serve: CPU is full, predictions queue up",
            "Larger batches, or a larger model, than before",
        ),
        (
            ("Which stage?", _BY_STAGE),
            ("More load than usual?", _BY_VERSION),
            ("Larger batches?", quantile(0.95, semconv.ML_PREDICTION_ROWS, (_NAME,), "5m")),
            ("Is the CPU full?", vector(foreign.PROCESS_CPU_UTILIZATION)),
            (_SLOW_TRACES, ""),
        ),
        (
            _ROLL_BACK,
            "Add replicas if CPU is full; limit the size of batches if those grew.",
            "If a store is slow, set a time limit on the call and answer with defaults.",
        ),
    )
    burn = Runbook(
        "Slow predictions use up the latency objective faster than the month allows.",
        ("As PredictionLatencyHigh, in smaller numbers or for longer",),
        (
            ("What share is too slow?", recording.slow_ratio("1h")),
            ("Which stage?", _BY_STAGE),
            (_SLOW_TRACES, ""),
        ),
        (_ROLL_BACK, "As PredictionLatencyHigh; a slow burn can wait for the morning."),
    )
    return {"PredictionLatencyHigh": high, "PredictionLatencyBudgetBurn": burn}


def _traffic() -> dict[str, Runbook]:
    silent = Runbook(
        "A model that predicted in the last hour has been silent for 10 minutes.",
        (
            "The service is down, or no request reaches it",
            "The service runs, but its telemetry does not arrive",
            "Traffic really ended: a batch job is done, a version was replaced",
        ),
        (
            ("Do HTTP requests still arrive?", recording.HTTP_REQUESTS),
            (
                "Is any telemetry of the service arriving?",
                f"time() - timestamp({vector(semconv.OTELML_WORKER_DURATION)})",
            ),
            ("Is the Collector there?", f'{foreign.UP}{{job="collector"}}'),
            ("Has another version taken over?", _BY_VERSION),
        ),
        (
            "If the service is down: start it, read the end of its log.",
            (
                "If only telemetry is missing: `otelml doctor` in the service's environment says "
                "where it stops."
            ),
            "If the end was meant, silence the alert for this model and version.",
        ),
    )
    cost = Runbook(
        "Predictions cost more than the budget: too few of them for the machines that wait, or "
        "dearer machines.",
        (
            "Traffic fell, the number of replicas did not",
            "A larger machine or a GPU was added",
            "The hourly rate in the configuration changed",
        ),
        (
            ("Cost of 1,000 predictions:", recording.COST_PER_1000),
            (
                "What is spent, a day:",
                f"86400 * {recording.SERVICE_COST}",
            ),
            ("How many predictions?", _BY_VERSION),
        ),
        (
            "Scale down, or batch requests.",
            "If the budget is wrong, change it in `grafana/generate/settings.py`.",
        ),
    )
    return {"NoPredictions": silent, "PredictionCostHigh": cost}


def _machines() -> dict[str, Runbook]:
    cpu_by_process = sum_by(
        (foreign.SERVICE, foreign.INSTANCE), rate(vector(foreign.PROCESS_CPU_TIME), "1m")
    )
    process = Runbook(
        "A process uses most of all cores of its machine; latency follows.",
        ("More traffic than it is sized for", "Larger batches", "A busy loop after a deployment"),
        (
            ("Cores in use, by process:", cpu_by_process),
            ("Requests a second:", recording.HTTP_REQUESTS),
            ("Predictions a second:", _BY_VERSION),
        ),
        ("Add replicas or cores.", _ROLL_BACK, "Limit the size of batches."),
    )
    host = Runbook(
        "The cores of a host are busy; every service on it slows down.",
        ("One process, see below", "Backups, builds or backends on the same host"),
        (
            (
                "What the time is spent on:",
                vector(foreign.SYSTEM_CPU, f'{foreign.SERVICE}="{foreign.HOST}"'),
            ),
            ("Instrumented processes, cores in use:", cpu_by_process),
            ("The rest: `top` on the host.", ""),
        ),
        ("Move or stop what need not run there.", "Add cores."),
    )
    failed = vector(foreign.HTTP_DURATION, f'{foreign.STATUS}=~"5.."', part="count")
    http = Runbook(
        "More than one request in ten is answered 5xx.",
        (
            "Predictions fail: see PredictionFailureRateHigh",
            "A handler fails before the model",
            "A proxy in front times out",
        ),
        (
            (
                "Which route and status?",
                sum_by((foreign.SERVICE, foreign.ROUTE, foreign.STATUS), rate(failed, "5m")),
            ),
            ("Do predictions fail as well?", _BY_ERROR),
            (_FAILED_TRACES, ""),
        ),
        (_ROLL_BACK, "If predictions fail, follow PredictionFailureRateHigh."),
    )
    return {"ProcessCpuHigh": process, "HostCpuHigh": host, "HttpFailureRateHigh": http}


def runbooks() -> dict[str, Runbook]:
    """Return them by the name of their alert."""
    return {**_failures(), **_latency(), **_traffic(), **_machines()}
