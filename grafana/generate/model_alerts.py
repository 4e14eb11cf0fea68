"""Alerts on predictions, on the service that makes them and on its host."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from grafana.generate import foreign, recording, settings
from grafana.generate.alert import COUNT, DURATION, NUMBER, SHARE, Alert, Severity, tag
from grafana.generate.promql import increase, sum_by, vector
from otelml import semconv

MODEL: Final = (
    f"{tag(semconv.ML_MODEL_NAME)} version {tag(semconv.ML_MODEL_VERSION)} "
    f"of {tag(foreign.SERVICE)}"
)
_BURN_SUMMARY: Final = {"critical": "fast", "warning": "too fast to last"}


def _burn(ratio: str, objective: float, rates: Sequence[tuple[str, str, float]]) -> str:
    """Return the multi-window condition: both windows of a pair burn the budget too fast."""
    pairs = []
    for long, short, factor in rates:
        limit = f"{factor:g} * {1 - objective:g}"
        pairs.append(f"({ratio}{long} > {limit}\n  and {ratio}{short} > {limit})")
    return "\nor ".join(pairs)


def _burns(name: str, what: str, ratio: str, objective: float) -> list[Alert]:
    severities: tuple[tuple[Severity, Sequence[tuple[str, str, float]], str], ...] = (
        ("critical", settings.BURN_FAST, "2m"),
        ("warning", settings.BURN_SLOW, "15m"),
    )
    return [
        Alert(
            name,
            severity,
            _burn(ratio, objective, rates),
            hold,
            f"{MODEL} burns its error budget {_BURN_SUMMARY[severity]}",
            f"{SHARE} of predictions {what} over the longer window; the objective allows "
            f"{1 - objective:.1%}.",
        )
        for severity, rates, hold in severities
    ]


def predictions() -> list[Alert]:
    """Return the alerts on predictions."""
    predicted = vector(semconv.ML_PREDICTIONS)
    return [
        Alert(
            "PredictionLatencyHigh",
            "warning",
            f"{recording.duration_quantile(0.95)} > {settings.P95_MAX_S:g}",
            "1m",
            f"{MODEL} is slow: p95 is {DURATION}",
            f"95 % of predictions end within {DURATION}; the limit is "
            f"{settings.P95_MAX_S:g} s. Measured over 5 minutes.",
        ),
        Alert(
            "PredictionFailureRateHigh",
            "critical",
            f"{recording.failure_ratio('5m')} > {settings.FAILURE_SHARE_MAX:g}",
            "1m",
            f"{SHARE} of predictions of {MODEL} fail",
            f"{SHARE} of predictions failed over 5 minutes; the limit is "
            f"{settings.FAILURE_SHARE_MAX:.0%}.",
        ),
        *_burns(
            "PredictionErrorBudgetBurn",
            "failed",
            recording.failure_ratio(""),
            settings.SLO_SUCCESS,
        ),
        *_burns(
            "PredictionLatencyBudgetBurn",
            f"took longer than {settings.SLO_LATENCY_S:g} s",
            recording.slow_ratio(""),
            settings.SLO_LATENCY,
        ),
        Alert(
            "PredictionCostHigh",
            "warning",
            f"{recording.COST_PER_1000} > {settings.COST_PER_1000_MAX:g}",
            "15m",
            f"1,000 predictions of {MODEL} cost {NUMBER}",
            f"1,000 predictions cost {NUMBER} over the last hour, in the currency of the cost "
            f"metric; the budget is {settings.COST_PER_1000_MAX:g}.",
        ),
        Alert(
            "NoPredictions",
            "critical",
            f"{sum_by(recording.MODEL, increase(predicted, '1h', '10m'))} > 0\n"
            f"unless {sum_by(recording.MODEL, increase(predicted, '10m'))} > 0",
            "5m",
            f"{MODEL} has stopped predicting",
            f"There were {COUNT} predictions in the hour before, and none in the last 10 minutes.",
        ),
    ]


def service() -> list[Alert]:
    """Return the alerts on a service, its processes and its host."""
    cpu = vector(foreign.PROCESS_CPU_UTILIZATION)
    cpu = f"max by ({foreign.SERVICE}, {foreign.INSTANCE}) ({cpu})"
    share = f"{settings.CPU_SHARE_MAX:.0%}"
    return [
        Alert(
            "ProcessCpuHigh",
            "warning",
            f"{cpu} > {settings.CPU_SHARE_MAX:g}",
            "1m",
            f"{tag(foreign.SERVICE)} uses {SHARE} of its machine's CPU",
            f"Process {tag(foreign.INSTANCE)} uses {SHARE} of all cores; the limit is {share} "
            "for 1 minute.",
        ),
        Alert(
            "HostCpuHigh",
            "warning",
            f"{recording.HOST_CPU} > {settings.CPU_SHARE_MAX:g}",
            "1m",
            f"CPU of host {tag(foreign.INSTANCE)} is {SHARE} busy",
            f"All cores together are {SHARE} busy; the limit is {share} for 1 minute.",
        ),
        Alert(
            "HttpFailureRateHigh",
            "critical",
            f"{recording.HTTP_FAILURE_RATIO} > {settings.FAILURE_SHARE_MAX:g}",
            "1m",
            f"{SHARE} of requests to {tag(foreign.SERVICE)} fail",
            f"{SHARE} of HTTP requests were answered 5xx over 5 minutes; the limit is "
            f"{settings.FAILURE_SHARE_MAX:.0%}.",
        ),
    ]
