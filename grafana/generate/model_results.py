"""Panels of one model: what it predicts, from what, and what turned out to be true."""

from __future__ import annotations

from grafana.generate import boards
from grafana.generate.boards import IN_MODEL, WINDOW
from grafana.generate.model_parts import LINK, VERSION, VERSION_LEGEND, quantiles
from grafana.generate.names import label
from grafana.generate.panels import Panel, Query, Spec, graph, heat
from grafana.generate.promql import present, quantile, rate, sum_by, vector
from otelml import semconv


def _answers() -> list[Panel]:
    labels = sum_by(
        (label(semconv.ML_PREDICTION_LABEL),),
        rate(
            vector(semconv.ML_PREDICTIONS, *IN_MODEL, present(semconv.ML_PREDICTION_LABEL)), WINDOW
        ),
    )
    confidence = vector(semconv.ML_PREDICTION_CONFIDENCE, *IN_MODEL, part="bucket")
    return [
        heat(
            Spec(
                "Confidence",
                "Rows a second by confidence: a sure model glows at the top.",
                "percentunit",
                [Query(sum_by(("le",), rate(confidence, WINDOW)), "{{le}}", exemplars=True)],
                maximum=1,
            ),
            cell_unit="cps",
        ),
        graph(
            Spec(
                "Labels",
                "Share of each predicted label.",
                "percentunit",
                [
                    Query(
                        f"{labels}\n/ scalar(sum({labels}))",
                        boards.legend(semconv.ML_PREDICTION_LABEL),
                    )
                ],
                maximum=1,
                empty="no labels",
            ),
            stacked=True,
        ),
    ]


def _certainty() -> list[Panel]:
    rows = rate(vector(semconv.ML_PREDICTIONS, *IN_MODEL), WINDOW)
    low = rate(vector(semconv.ML_PREDICTION_LOW_CONFIDENCE, *IN_MODEL), WINDOW)
    value = vector(semconv.ML_PREDICTION_VALUE, *IN_MODEL, part="bucket")
    by_label = quantile(
        0.5,
        semconv.ML_PREDICTION_CONFIDENCE,
        (label(semconv.ML_PREDICTION_LABEL),),
        WINDOW,
        *IN_MODEL,
    )
    return [
        graph(
            Spec(
                "Low confidence",
                "Share of rows below the confidence threshold.",
                "percentunit",
                [
                    Query(
                        f"{sum_by(VERSION, low)}\n/ ({sum_by(VERSION, rows)} > 0)",
                        VERSION_LEGEND,
                    )
                ],
                width=8,
                empty="no low confidence",
            ),
            link=LINK,
        ),
        graph(
            Spec(
                "Median confidence by label",
                "Half of the rows of a label are at least so sure.",
                "percentunit",
                [Query(by_label, boards.legend(semconv.ML_PREDICTION_LABEL))],
                width=8,
                maximum=1,
                empty="no confidence",
            )
        ),
        heat(
            Spec(
                "Predicted values",
                "Rows a second by value, for a regression.",
                "none",
                [Query(sum_by(("le",), rate(value, WINDOW)), "{{le}}")],
                width=8,
                minimum=None,
                empty="not a regression",
            ),
            cell_unit="cps",
        ),
    ]


def results() -> list[Panel]:
    """Return what the model predicts, and how sure it is."""
    return [*_answers(), *_certainty()]


def given() -> list[Panel]:
    """Return what the model is given."""
    mismatch = vector(semconv.ML_FEATURE_SCHEMA_MISMATCH, *IN_MODEL[:3])
    reason = label(semconv.ML_SCHEMA_MISMATCH_REASON)
    feature = label(semconv.ML_FEATURE_NAME)
    return [
        graph(
            Spec(
                "Batch size",
                "Quantiles of the rows in one prediction.",
                "none",
                quantiles(semconv.ML_PREDICTION_ROWS),
                width=8,
            )
        ),
        graph(
            Spec(
                "Features, mean",
                "Mean of each feature over the current window.",
                "none",
                [
                    Query(
                        f"avg by ({feature}) ({vector(semconv.ML_FEATURE_MEAN, *IN_MODEL[:3])})",
                        f"{{{{{feature}}}}}",
                    )
                ],
                width=8,
                minimum=None,
                empty="no features recorded",
            )
        ),
        graph(
            Spec(
                "Schema mismatches",
                "Predictions a second whose features had another shape than the model's.",
                "reqps",
                [Query(sum_by((reason,), rate(mismatch, WINDOW)), f"{{{{{reason}}}}}")],
                width=8,
                runbooks=("PredictionFailureRateHigh",),
                empty="no mismatches",
            )
        ),
    ]


def feedback() -> list[Panel]:
    """Return what turned out to be true."""
    source = label(semconv.ML_FEEDBACK_SOURCE)
    actual, predicted = label(semconv.ML_LABEL_ACTUAL), label(semconv.ML_LABEL_PREDICTED)
    received = rate(vector(semconv.ML_FEEDBACK, *IN_MODEL), WINDOW)
    return [
        graph(
            Spec(
                "Labels received",
                "Labels a second: what was predicted, what it really was.",
                "cps",
                [
                    Query(
                        sum_by((predicted, actual), received),
                        f"{{{{{predicted}}}}} was {{{{{actual}}}}}",
                    )
                ],
                empty="no feedback",
            ),
            stacked=True,
        ),
        graph(
            Spec(
                "Delay of labels",
                "Half of the labels arrive within this time, by source.",
                "s",
                [
                    Query(
                        quantile(0.5, semconv.ML_FEEDBACK_DELAY, (source,), WINDOW, *IN_MODEL),
                        f"{{{{{source}}}}}",
                    )
                ],
                empty="no feedback",
            )
        ),
    ]
