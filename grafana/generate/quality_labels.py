"""Panels of the labels that quality is computed from, and of those that are missing."""

from __future__ import annotations

from typing import Final

from grafana.generate import boards, settings
from grafana.generate.boards import IN_SERVICE, WINDOW
from grafana.generate.names import label
from grafana.generate.panels import Panel, Query, Spec, graph
from grafana.generate.promql import equals, quantile, rate, sum_by, vector
from grafana.generate.quality_rules import Quality
from otelml import semconv, semconv_quality

_VERSION: Final = label(semconv.ML_MODEL_VERSION)
_SOURCE: Final = label(semconv.ML_FEEDBACK_SOURCE)
_REASON: Final = label(semconv.ML_FEEDBACK_REASON)
_METRIC: Final = label(semconv_quality.ML_QUALITY_METRIC)
_V: Final = f"v{boards.legend(semconv.ML_MODEL_VERSION)}"
_NO_LABELS: Final = "no labels"
# All rows that a process keeps, not the classic last 100 of them.
ALL_KEPT: Final = f'{label(semconv_quality.ML_QUALITY_WINDOW)}!="100"'
_CONFLICTS: Final = ("LabelsConflict",)


def _avg(labels: tuple[str, ...], expression: str) -> str:
    return f"avg by ({', '.join(labels)}) ({expression})"


def received(in_model: tuple[str, ...]) -> list[Panel]:
    """Return panels of what has come: from where, how late, and what was refused."""
    came = rate(vector(semconv.ML_FEEDBACK, *in_model), WINDOW)
    refused = rate(vector(semconv.ML_FEEDBACK_REJECTED, IN_SERVICE), WINDOW)
    return [
        graph(
            Spec(
                "Sources",
                "Labels a second, by where they come from.",
                "cps",
                [Query(sum_by((_SOURCE,), came), boards.legend(semconv.ML_FEEDBACK_SOURCE))],
                width=8,
                runbooks=("LabelCoverageLow",),
                empty=_NO_LABELS,
            ),
            stacked=True,
        ),
        graph(
            Spec(
                "Delay",
                "Half of the labels, and 95 %, come within this time after their prediction.",
                "s",
                [
                    Query(
                        quantile(share, semconv.ML_FEEDBACK_DELAY, (_SOURCE,), WINDOW, *in_model),
                        f"p{share * 100:g} {boards.legend(semconv.ML_FEEDBACK_SOURCE)}",
                    )
                    for share in (0.5, 0.95)
                ],
                width=8,
                runbooks=("LabelsLate",),
                empty=_NO_LABELS,
            )
        ),
        graph(
            Spec(
                "Refused",
                "Labels a second that the service did not take, or that contradict an earlier "
                "one, by reason.",
                "cps",
                [Query(sum_by((_REASON,), refused), boards.legend(semconv.ML_FEEDBACK_REASON))],
                width=8,
                runbooks=_CONFLICTS,
                empty="none refused",
            ),
            stacked=True,
        ),
        *_complete(in_model),
    ]


def _complete(in_model: tuple[str, ...]) -> list[Panel]:
    age = label(semconv_quality.ML_LABEL_AGE)
    maturity = _avg((_VERSION, age), vector(semconv_quality.ML_LABEL_MATURITY, *in_model))
    complete = vector(semconv_quality.ML_LABEL_MATURE_AGE, *in_model)
    metric, mature = _METRIC, label(semconv_quality.ML_LABEL_MATURE)
    by = (metric, age, mature)
    rows = vector(semconv_quality.ML_QUALITY_BY_COHORT_ROWS, *in_model)
    quality = vector(semconv_quality.ML_QUALITY_BY_COHORT, *in_model)
    cohorts = f"{sum_by(by, f'{quality} * {rows}')}\n/ {sum_by(by, rows)}"
    return [
        graph(
            Spec(
                "Quality by cohort",
                "Of predictions by their age: of those whose labels are complete, and of the "
                "younger ones, whose first labels may be the bad ones.",
                "none",
                [Query(cohorts, f"{{{{{metric}}}}} {{{{{age}}}}}, complete {{{{{mature}}}}}")],
                width=24,
                empty=_NO_LABELS,
            )
        ),
        graph(
            Spec(
                "Maturity",
                "Share of all predictions that has its label by an age, as Kaplan and Meier "
                "estimate it.",
                "percentunit",
                [Query(maturity, f"{{{{{age}}}}} {_V}")],
                maximum=1,
                empty=_NO_LABELS,
            )
        ),
        graph(
            Spec(
                "Complete after",
                "Age of predictions from which on their labels are taken as complete: only those "
                "are compared with training.",
                "s",
                [Query(f"max by ({_VERSION}) ({complete})", _V)],
                empty="not known yet",
            )
        ),
    ]


def missing(in_model: tuple[str, ...]) -> list[Panel]:
    """Return panels of what labels that are missing leave open."""
    quality = Quality("1d")
    accuracy = equals(semconv_quality.ML_QUALITY_METRIC, "accuracy")
    bounds = (
        (semconv_quality.ML_QUALITY_BOUND_UPPER, "at most"),
        (semconv_quality.ML_QUALITY_BOUND_LOWER, "at least"),
    )
    measured = vector(
        semconv_quality.ML_QUALITY,
        *in_model,
        accuracy,
        ALL_KEPT,
        equals(semconv_quality.ML_QUALITY_ESTIMATED, "false"),
    )
    return [
        graph(
            Spec(
                "Coverage, last day",
                "Share of predictions with a label, over all replicas.",
                "percentunit",
                [
                    Query(
                        f"max by ({_VERSION}) ({vector(quality.of_model('coverage'), *in_model)})",
                        _V,
                    )
                ],
                limits=((settings.COVERAGE_MIN, "warning"),),
                width=8,
                maximum=1,
                runbooks=("LabelCoverageLow",),
                empty="no predictions",
            )
        ),
        _by_kind(in_model),
        graph(
            Spec(
                "Bounds of the accuracy",
                "Of the last predictions, if each one without a label was right, or wrong; and "
                "what the labels say.",
                "percentunit",
                [
                    *(
                        Query(
                            _avg((_VERSION,), vector(metric, *in_model, accuracy)), f"{words} {_V}"
                        )
                        for metric, words in bounds
                    ),
                    Query(_avg((_VERSION,), measured), f"labelled {_V}"),
                ],
                width=8,
                maximum=1,
                empty=_NO_LABELS,
            )
        ),
        _estimate(in_model),
    ]


def _by_kind(in_model: tuple[str, ...]) -> Panel:
    predicted = label(semconv.ML_LABEL_PREDICTED)
    band = label(semconv_quality.ML_CONFIDENCE_BAND)
    return graph(
        Spec(
            "Coverage by prediction and confidence",
            "A kind of prediction that has no labels is in no figure of quality.",
            "percentunit",
            [
                Query(
                    _avg((predicted, band), vector(semconv_quality.ML_LABEL_COVERAGE, *in_model)),
                    boards.legend(semconv.ML_LABEL_PREDICTED, semconv_quality.ML_CONFIDENCE_BAND),
                )
            ],
            width=8,
            maximum=1,
            runbooks=("LabelCoverageLow",),
            empty=_NO_LABELS,
        )
    )


def _estimate(in_model: tuple[str, ...]) -> Panel:
    by = (_VERSION, _METRIC)
    chosen = f'{_METRIC}=~"accuracy|precision|recall|f1"'
    averaging = f'{label(semconv_quality.ML_QUALITY_AVERAGING)}=~"|binary"'
    return graph(
        Spec(
            "Estimate and truth",
            "What confidences let expect, right only if they are calibrated, and what labels say.",
            "percentunit",
            [
                Query(
                    _avg(
                        by,
                        vector(
                            semconv_quality.ML_QUALITY,
                            *in_model,
                            chosen,
                            averaging,
                            ALL_KEPT,
                            equals(semconv_quality.ML_QUALITY_ESTIMATED, flag),
                        ),
                    ),
                    f"{boards.legend(semconv_quality.ML_QUALITY_METRIC)} {words} {_V}",
                )
                for flag, words in (("true", "estimated"), ("false", "labelled"))
            ],
            width=24,
            maximum=1,
            empty="no confidences",
        )
    )
