"""The dashboard of all models."""

from __future__ import annotations

from grafana.generate import boards, recording, settings
from grafana.generate.boards import IN_SERVICE, MODEL_LEGEND, WINDOW, Row
from grafana.generate.names import label
from grafana.generate.panels import Panel, Query, Spec, graph, number
from grafana.generate.promql import present, quantile, rate, sum_by, vector
from otelml import semconv

_MODEL = label(semconv.ML_MODEL_NAME)
_TRACES = boards.trace_search(
    "${__field.labels.service_name}",
    f"{semconv.ML_MODEL_NAME}=${{__field.labels.{_MODEL}}}",
)
_LINK = ("Traces of this model in Jaeger", _TRACES)
_BUDGETS = (
    ("failures", recording.failure_ratio, settings.SLO_SUCCESS, "PredictionErrorBudgetBurn"),
    ("slow", recording.slow_ratio, settings.SLO_LATENCY, "PredictionLatencyBudgetBurn"),
)


def _here(record: str) -> str:
    return vector(record, IN_SERVICE)


def _now_traffic() -> list[Panel]:
    requests = recording.requests("5m")
    return [
        number(
            Spec(
                "Models",
                "Models that predicted in the last 5 minutes.",
                "none",
                [Query(f"count(count by ({_MODEL}) ({_here(requests)} > 0))", "models")],
                width=4,
                height=4,
                runbooks=("NoPredictions",),
            )
        ),
        number(
            Spec(
                "Predictions",
                "Predictions a second, all models; a batch counts once.",
                "reqps",
                [Query(f"sum({_here(requests)})", "predictions")],
                width=4,
                height=4,
            )
        ),
        number(
            Spec(
                "Rows",
                "Rows predicted a second, all models.",
                "cps",
                [Query(f"sum({_here(recording.ROWS)})", "rows")],
                width=4,
                height=4,
            )
        ),
    ]


def _now_quality() -> list[Panel]:
    requests, failed = recording.requests("5m"), recording.failure_ratio("5m")
    share = f"sum({_here(failed)} * {_here(requests)}) / sum({_here(requests)} > 0)"
    latency = quantile(0.95, semconv.ML_PREDICTION_DURATION, (), "5m", IN_SERVICE)
    return [
        number(
            Spec(
                "Failures",
                "Share of predictions that failed over 5 minutes.",
                "percentunit",
                [Query(share, "failures")],
                limits=(
                    (1 - settings.SLO_SUCCESS, "warning"),
                    (settings.FAILURE_SHARE_MAX, "critical"),
                ),
                width=4,
                height=4,
                runbooks=("PredictionFailureRateHigh",),
            )
        ),
        number(
            Spec(
                "p95",
                "95 % of all predictions end within this time.",
                "s",
                [Query(latency, "p95")],
                limits=((settings.SLO_LATENCY_S, "warning"), (settings.P95_MAX_S, "critical")),
                width=4,
                height=4,
                runbooks=("PredictionLatencyHigh",),
            )
        ),
        number(
            Spec(
                "Cost of 1,000",
                "Dearest model: cost of 1,000 predictions over the last hour.",
                f"currency{settings.CURRENCY}",
                [Query(f"max({_here(recording.COST_PER_1000)})", "cost")],
                limits=((settings.COST_PER_1000_MAX, "critical"),),
                width=4,
                height=4,
                runbooks=("PredictionCostHigh",),
                empty="no cost configured",
            )
        ),
    ]


def _now() -> list[Panel]:
    return [*_now_traffic(), *_now_quality()]


def _traffic() -> list[Panel]:
    failures = vector(
        semconv.ML_PREDICTION_DURATION, IN_SERVICE, present(semconv.ERROR_TYPE), part="count"
    )
    by = (*recording.MODEL, label(semconv.ERROR_TYPE))
    return [
        graph(
            Spec(
                "Predictions by model",
                "Predictions a second; a batch counts once. A click leads to the model's traces.",
                "reqps",
                [Query(_here(recording.requests("5m")), MODEL_LEGEND)],
                runbooks=("NoPredictions",),
            ),
            link=_LINK,
        ),
        graph(
            Spec(
                "Rows by model",
                "Rows predicted a second, failed ones included.",
                "cps",
                [Query(_here(recording.ROWS), MODEL_LEGEND)],
            ),
            link=_LINK,
        ),
        graph(
            Spec(
                "Failure rate by model",
                "Share of predictions that failed over 5 minutes.",
                "percentunit",
                [Query(_here(recording.failure_ratio("5m")), MODEL_LEGEND)],
                limits=((settings.FAILURE_SHARE_MAX, "critical"),),
                maximum=1,
                runbooks=("PredictionFailureRateHigh",),
            ),
            link=_LINK,
        ),
        graph(
            Spec(
                "Failures by error",
                "Failed predictions a second, by type of the error.",
                "reqps",
                [
                    Query(
                        sum_by(by, rate(failures, WINDOW)),
                        boards.legend(semconv.ML_MODEL_NAME, semconv.ERROR_TYPE),
                    )
                ],
                runbooks=("PredictionFailureRateHigh",),
                empty="no failures",
            ),
            stacked=True,
            link=_LINK,
        ),
    ]


def _latency() -> list[Panel]:
    return [
        graph(
            Spec(
                f"p{share * 100:g} by model",
                f"{share * 100:g} % of predictions end within this time. The dots are traces.",
                "s",
                [
                    Query(
                        quantile(
                            share,
                            semconv.ML_PREDICTION_DURATION,
                            recording.VARIANT,
                            WINDOW,
                            IN_SERVICE,
                        ),
                        MODEL_LEGEND,
                        exemplars=True,
                    )
                ],
                limits=((settings.P95_MAX_S, "critical"),)
                if share == recording.QUANTILES[1]
                else (),
                width=8,
                runbooks=("PredictionLatencyHigh",),
            ),
            link=_LINK,
        )
        for share in recording.QUANTILES
    ]


def _budget() -> list[Panel]:
    panels = [
        graph(
            Spec(
                f"Budget burn: {what}",
                f"How fast the error budget of {1 - objective:.1%} is used up. 1 is just "
                f"sustainable; {settings.BURN_FAST[0][2]:g} over an hour pages.",
                "none",
                [
                    Query(f"{_here(ratio(window))} / {1 - objective:g}", f"{MODEL_LEGEND} {window}")
                    for window in ("5m", "1h", "6h")
                ],
                limits=((1, "warning"), (settings.BURN_FAST[0][2], "critical")),
                width=8,
                runbooks=(alert,),
            )
        )
        for what, ratio, objective, alert in _BUDGETS
    ]
    return [
        *panels,
        graph(
            Spec(
                "Cost of 1,000 predictions",
                "Over the last hour, a service's cost shared among its models by the time their "
                "predictions took; the line is the budget.",
                f"currency{settings.CURRENCY}",
                [Query(_here(recording.COST_PER_1000), MODEL_LEGEND)],
                limits=((settings.COST_PER_1000_MAX, "critical"),),
                width=8,
                runbooks=("PredictionCostHigh",),
                empty="no cost configured",
            )
        ),
    ]


def render() -> str:
    """Return ``overview.json``."""
    return boards.render(
        "overview",
        "Overview",
        "All models: traffic, errors, latency, error budgets, cost.",
        [boards.service_variable(semconv.ML_PREDICTIONS)],
        [
            Row("Now", _now()),
            Row("Traffic and errors", _traffic()),
            Row("Latency", _latency()),
            Row("Error budget and cost", _budget()),
        ],
    )
