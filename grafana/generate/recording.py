"""Recording rules: what dashboards and alerts ask for over and over, computed once."""

from __future__ import annotations

from typing import Final

from grafana.generate import drift_rules, experiment_rules, foreign, quality_rules, settings
from grafana.generate.names import label
from grafana.generate.promql import present, quantile, rate, sum_by, vector
from grafana.generate.recorded import Recording
from otelml import semconv

MODEL: Final = (
    foreign.SERVICE,
    label(semconv.ML_MODEL_NAME),
    label(semconv.ML_MODEL_VERSION),
)
VARIANT: Final = (*MODEL, label(semconv.ML_MODEL_VARIANT))
STAGE: Final = (*VARIANT, label(semconv.ML_STAGE_NAME))
QUANTILES: Final = (0.5, 0.95, 0.99)
_DURATION: Final = semconv.ML_PREDICTION_DURATION


def requests(window: str) -> str:
    """Return the name of: predictions made, a second, by model."""
    return f"model:ml_prediction_requests:rate{window}"


def failure_ratio(window: str) -> str:
    """Return the name of: share of predictions that failed, by model."""
    return f"model:ml_prediction_failures:ratio_rate{window}"


def slow_ratio(window: str) -> str:
    """Return the name of: share of predictions slower than the objective, by model."""
    return f"model:ml_prediction_slow:ratio_rate{window}"


def duration_quantile(share: float) -> str:
    """Return the name of: a quantile of the duration of predictions, by model."""
    return f"model:ml_prediction_duration_seconds:p{share * 100:g}_rate5m"


def stage_quantile(share: float) -> str:
    """Return the name of: a quantile of the duration of stages, by model and stage."""
    return f"stage:ml_stage_duration_seconds:p{share * 100:g}_rate5m"


ROWS: Final = "model:ml_predictions:rate5m"
SERVICE_COST: Final = "service:ml_cost:rate1h"
MODEL_COST: Final = "model:ml_cost:rate1h"
COST_PER_PREDICTION: Final = "model:ml_cost_per_prediction:ratio_rate1h"
COST_PER_1000: Final = "model:ml_cost_per_1000_predictions:ratio_rate1h"
HTTP_REQUESTS: Final = "service:http_server_requests:rate5m"
HTTP_FAILURE_RATIO: Final = "service:http_server_failures:ratio_rate5m"
HTTP_P95: Final = "service:http_server_request_duration_seconds:p95_rate5m"
HOST_CPU: Final = "host:cpu_busy:ratio"


def _share(part: str, whole: str) -> str:
    """Return part / whole: 0 where there is no part, nothing where there is no whole."""
    return f"({part} or 0 * {whole})\n/ ({whole} > 0)"


def _windows() -> list[Recording]:
    rules = []
    for window in settings.WINDOWS:
        whole = sum_by(VARIANT, rate(vector(_DURATION, part="count"), window))
        failed = sum_by(
            VARIANT, rate(vector(_DURATION, present(semconv.ERROR_TYPE), part="count"), window)
        )
        bound = f'le="{settings.SLO_LATENCY_S:g}"'
        quick = sum_by(VARIANT, rate(vector(_DURATION, bound, part="bucket"), window))
        rules += [
            Recording(requests(window), whole),
            Recording(failure_ratio(window), _share(failed, requests(window))),
            Recording(slow_ratio(window), f"1 - {quick}\n/ ({requests(window)} > 0)"),
        ]
    return rules


def _latency() -> list[Recording]:
    return [
        *(
            Recording(duration_quantile(share), quantile(share, _DURATION, VARIANT, "5m"))
            for share in QUANTILES
        ),
        *(
            Recording(
                stage_quantile(share), quantile(share, semconv.ML_STAGE_DURATION, STAGE, "5m")
            )
            for share in QUANTILES
        ),
        Recording(ROWS, sum_by(VARIANT, rate(vector(semconv.ML_PREDICTIONS), "5m"))),
    ]


def _cost() -> list[Recording]:
    """Return money a second, shared among a service's models by the time they took.

    Each process counts its own rate, so those are added up. All processes of a service read the
    same bill, so theirs is divided by how many there were; the largest would be half of it where
    a process is replaced within the hour.
    """
    service = foreign.SERVICE
    source = label(semconv.ML_COST_SOURCE)
    bill = f'{source}="{semconv.COST_AWS}"'
    own = sum_by((service, source), rate(vector(semconv.ML_COST, bill.replace("=", "!=")), "1h"))
    billed = rate(vector(semconv.ML_COST, bill), "1h")
    there = f"(count by ({service}, {source}) ({vector(semconv.ML_COST, bill)}))"
    spent = f"{own}\n  or {sum_by((service, source), billed)}\n    / avg_over_time({there}[1h:1m])"
    time = rate(vector(_DURATION, part="sum"), "1h")
    rows = sum_by(MODEL, rate(vector(semconv.ML_PREDICTIONS), "1h"))
    joined = f"on ({service}) group_left ()"
    return [
        Recording(SERVICE_COST, sum_by((service,), f"\n  {spent}\n")),
        Recording(
            MODEL_COST,
            f"{sum_by(MODEL, time)}\n/ {joined} ({sum_by((service,), time)} > 0)\n"
            f"* {joined} {SERVICE_COST}",
        ),
        Recording(COST_PER_PREDICTION, f"{MODEL_COST}\n/ ({rows} > 0)"),
        Recording(COST_PER_1000, f"1000 * {COST_PER_PREDICTION}"),
    ]


def _service() -> list[Recording]:
    by = (foreign.SERVICE,)
    count = vector(foreign.HTTP_DURATION, part="count")
    failed = vector(foreign.HTTP_DURATION, f'{foreign.STATUS}=~"5.."', part="count")
    idle = vector(foreign.SYSTEM_CPU, f'{foreign.SERVICE}="{foreign.HOST}"', 'state="idle"')
    return [
        Recording(HTTP_REQUESTS, sum_by(by, rate(count, "5m"))),
        Recording(HTTP_FAILURE_RATIO, _share(sum_by(by, rate(failed, "5m")), HTTP_REQUESTS)),
        Recording(HTTP_P95, quantile(0.95, foreign.HTTP_DURATION, by, "5m")),
        Recording(HOST_CPU, f"1 - avg by ({foreign.INSTANCE}) ({idle})"),
    ]


def groups() -> dict[str, list[Recording]]:
    """Return the rules by group; within a group, a rule may use those before it."""
    return {
        "otelml-slo": _windows(),
        "otelml-latency": _latency(),
        "otelml-cost": _cost(),
        "otelml-service-rates": _service(),
        **drift_rules.groups(),
        **quality_rules.groups(),
        **experiment_rules.groups(),
    }
