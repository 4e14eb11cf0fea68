"""The dashboard of one model, by version and variant."""

from __future__ import annotations

from grafana.generate import board_logs, boards, recording, settings
from grafana.generate.boards import IN_MODEL, IN_SERVICE, WINDOW, Row
from grafana.generate.model_parts import (
    COLOURS,
    FAILED_LINK,
    LINK,
    STAGE,
    VERSION,
    VERSION_LEGEND,
    quantiles,
)
from grafana.generate.model_results import feedback, given, results
from grafana.generate.names import label
from grafana.generate.panels import Panel, Query, Spec, graph, heat, number
from grafana.generate.promql import equals, matches, present, quantile, rate, sum_by, vector
from otelml import semconv


def _outcome() -> list[Panel]:
    count = vector(semconv.ML_PREDICTION_DURATION, *IN_MODEL, part="count")
    failed = vector(
        semconv.ML_PREDICTION_DURATION, *IN_MODEL, present(semconv.ERROR_TYPE), part="count"
    )
    return [
        graph(
            Spec(
                "Predictions",
                "Predictions a second, by version and variant.",
                "reqps",
                [Query(sum_by(VERSION, rate(count, WINDOW)), VERSION_LEGEND)],
                width=8,
                runbooks=("NoPredictions",),
            ),
            link=LINK,
        ),
        graph(
            Spec(
                "Failures by error",
                "Failed predictions a second. A click leads to their traces.",
                "reqps",
                [
                    Query(
                        sum_by((*VERSION, label(semconv.ERROR_TYPE)), rate(failed, WINDOW)),
                        f"{boards.legend(semconv.ERROR_TYPE)} {VERSION_LEGEND}",
                    )
                ],
                width=8,
                runbooks=("PredictionFailureRateHigh",),
                empty="no failures",
            ),
            stacked=True,
            link=FAILED_LINK,
        ),
        graph(
            Spec(
                "In flight",
                "Predictions that have started and not ended.",
                "none",
                [
                    Query(
                        sum_by(
                            (label(semconv.ML_MODEL_VERSION),),
                            vector(semconv.ML_PREDICTION_ACTIVE, *IN_MODEL[:3]),
                        ),
                        f"v{boards.legend(semconv.ML_MODEL_VERSION)}",
                    )
                ],
                width=8,
            )
        ),
    ]


def _durations() -> list[Panel]:
    return [
        graph(
            Spec(
                "Duration",
                "Quantiles of the whole prediction. The dots are traces.",
                "s",
                quantiles(semconv.ML_PREDICTION_DURATION),
                limits=((settings.SLO_LATENCY_S, "warning"), (settings.P95_MAX_S, "critical")),
                runbooks=("PredictionLatencyHigh", "PredictionLatencyBudgetBurn"),
            ),
            link=LINK,
        ),
        heat(
            Spec(
                "Distribution of the duration",
                "Predictions a second in each bucket: two bands are two kinds of request.",
                "s",
                [
                    Query(
                        sum_by(
                            ("le",),
                            rate(
                                vector(semconv.ML_PREDICTION_DURATION, *IN_MODEL, part="bucket"),
                                WINDOW,
                            ),
                        ),
                        "{{le}}",
                        exemplars=True,
                    )
                ],
            ),
            cell_unit="reqps",
        ),
    ]


def _stages() -> list[Panel]:
    by_stage = sum_by(
        (STAGE,), rate(vector(semconv.ML_STAGE_DURATION, *IN_MODEL, part="sum"), WINDOW)
    )
    predictions = rate(vector(semconv.ML_PREDICTION_DURATION, *IN_MODEL, part="count"), WINDOW)
    return [
        graph(
            Spec(
                "Stages, p95",
                "95 % of each stage ends within this time. The dots are traces.",
                "s",
                [
                    Query(
                        quantile(0.95, semconv.ML_STAGE_DURATION, (STAGE,), WINDOW, *IN_MODEL),
                        f"{{{{{STAGE}}}}}",
                        exemplars=True,
                    )
                ],
                colours=COLOURS,
                runbooks=("PredictionLatencyHigh",),
            ),
            link=LINK,
        ),
        graph(
            Spec(
                "Where the time goes",
                "Mean time of a prediction spent in each stage.",
                "s",
                [Query(f"{by_stage}\n/ scalar(sum({predictions}))", f"{{{{{STAGE}}}}}")],
                colours=COLOURS,
            ),
            stacked=True,
            link=LINK,
        ),
    ]


def _latency() -> list[Panel]:
    return [*_durations(), *_stages()]


def _info() -> list[Panel]:
    info = vector(semconv.ML_MODEL_INFO, *IN_MODEL)
    failed = vector(recording.failure_ratio("1h"), *IN_MODEL)
    return [
        number(
            Spec(
                "Version",
                "Versions that report.",
                "none",
                [
                    Query(
                        f"count by ({label(semconv.ML_MODEL_VERSION)}) ({info})",
                        boards.legend(semconv.ML_MODEL_VERSION),
                    )
                ],
                width=12,
                height=4,
            ),
            names=True,
        ),
        number(
            Spec(
                "Failures, 1 h",
                "Share of predictions that failed over the last hour.",
                "percentunit",
                [Query(failed, VERSION_LEGEND)],
                limits=(
                    (1 - settings.SLO_SUCCESS, "warning"),
                    (settings.FAILURE_SHARE_MAX, "critical"),
                ),
                width=12,
                height=4,
                runbooks=("PredictionErrorBudgetBurn",),
            )
        ),
    ]


def render() -> str:
    """Return ``model.json``."""
    metric = semconv.ML_PREDICTIONS
    model = equals(semconv.ML_MODEL_NAME, "$model")
    version = matches(semconv.ML_MODEL_VERSION, "$version")
    return boards.render(
        "model",
        "Model",
        "One model by version and variant: outcome, stages, confidence, labels, input, feedback.",
        [
            *boards.model_variables(metric),
            boards.variable(
                "variant",
                "Variant",
                boards.label_values(metric, semconv.ML_MODEL_VARIANT, IN_SERVICE, model, version),
            ),
        ],
        [
            Row("Model", _info()),
            Row("Outcome", _outcome()),
            Row("Latency and stages", _latency()),
            Row("Results", results()),
            Row("Input", given()),
            Row("Feedback", feedback()),
            board_logs.model_row(),
        ],
        one_service=True,
    )
