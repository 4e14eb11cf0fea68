"""The dashboard of variants: champion, canary and shadow of one model, side by side."""

from __future__ import annotations

from typing import Final

from grafana.generate import boards, settings
from grafana.generate.boards import IN_MODEL, IN_SERVICE, WINDOW, Row
from grafana.generate.experiment_rules import FAILURES, LATENCY, QUALITY, Experiment
from grafana.generate.model_parts import FAILED_LINK, LINK, VERSION, VERSION_LEGEND, quantiles
from grafana.generate.names import label
from grafana.generate.panels import Panel, Query, Spec, graph, heat, number
from grafana.generate.promql import (
    diagonal,
    equals,
    increase,
    known,
    matches,
    present,
    rate,
    sum_by,
    vector,
)
from otelml import semconv, semconv_variants

_LABEL: Final = label(semconv.ML_PREDICTION_LABEL)
_ACTUAL: Final = label(semconv.ML_LABEL_ACTUAL)
_PREDICTED: Final = label(semconv.ML_LABEL_PREDICTED)
# A shadow's metrics name two versions and no variant.
_PAIR: Final = (label(semconv.ML_MODEL_VERSION), label(semconv_variants.ML_SHADOW_VERSION))
_PAIR_LEGEND: Final = (
    f"v{boards.legend(semconv.ML_MODEL_VERSION)} and "
    f"v{boards.legend(semconv_variants.ML_SHADOW_VERSION)}"
)
_IN_PAIR: Final = IN_MODEL[:3]
_NO_SHADOW: Final = "no shadow"
# Of labels without probabilities and confidences there is none.
_NO_DISTANCE: Final = "no distances"
_NO_OTHER: Final = "no second variant"
_DURATION: Final = semconv.ML_PREDICTION_DURATION
_HOUR: Final = "1h"


def _traffic() -> list[Panel]:
    count = rate(vector(_DURATION, *IN_MODEL, part="count"), WINDOW)
    failed = rate(vector(_DURATION, *IN_MODEL, present(semconv.ERROR_TYPE), part="count"), WINDOW)
    every = sum_by(VERSION, count)
    return [
        graph(
            Spec(
                "Predictions",
                "Predictions a second. A canary should have its share, a shadow as many as the "
                "champion.",
                "reqps",
                [Query(every, VERSION_LEGEND)],
                width=8,
                runbooks=("NoPredictions",),
            ),
            link=LINK,
        ),
        graph(
            Spec(
                "Failures",
                "Share of predictions that fail. A click leads to their traces.",
                "percentunit",
                [Query(f"({sum_by(VERSION, failed)} or 0 * {every})\n/ {every}", VERSION_LEGEND)],
                width=8,
                runbooks=("PredictionFailureRateHigh",),
            ),
            link=FAILED_LINK,
        ),
        graph(
            Spec(
                "Duration",
                "Quantiles of the whole prediction. The dots are traces.",
                "s",
                quantiles(_DURATION),
                width=8,
                runbooks=("PredictionLatencyHigh",),
            ),
            link=LINK,
        ),
    ]


def _results() -> list[Panel]:
    confidence = semconv.ML_PREDICTION_CONFIDENCE
    labels = sum_by((*VERSION, _LABEL), rate(vector(semconv.ML_PREDICTIONS, *IN_MODEL), WINDOW))
    of_all = sum_by(VERSION, rate(vector(semconv.ML_PREDICTIONS, *IN_MODEL), WINDOW))
    return [
        graph(
            Spec(
                "Confidence",
                "Half of the predicted rows, and 95 %, have at most this confidence.",
                "percentunit",
                quantiles(confidence, exemplars=False),
                maximum=1,
                empty="no confidence",
            )
        ),
        graph(
            Spec(
                "Labels",
                "Of the rows of a variant, the share that got each label.",
                "percentunit",
                [
                    Query(
                        f"{labels}\n/ on ({', '.join(VERSION)}) group_left () {of_all}",
                        f"{boards.legend(semconv.ML_PREDICTION_LABEL)} {VERSION_LEGEND}",
                    )
                ],
                maximum=1,
            )
        ),
    ]


def _quality() -> list[Panel]:
    both = (known(semconv.ML_LABEL_ACTUAL), present(semconv.ML_LABEL_PREDICTED))
    came = increase(vector(semconv.ML_FEEDBACK, *IN_MODEL), _HOUR)
    classes = increase(vector(semconv.ML_FEEDBACK, *IN_MODEL, *both), _HOUR)
    every, of_classes = sum_by(VERSION, came), sum_by(VERSION, classes)
    cells = sum_by((*VERSION, _ACTUAL, _PREDICTED), classes)
    right = sum_by(VERSION, diagonal(cells, VERSION, _ACTUAL, _PREDICTED))
    return [
        graph(
            Spec(
                "Right labels, last hour",
                "Share of the true labels that are as predicted, by variant.",
                "percentunit",
                [
                    Query(
                        f"({right} or 0 * {of_classes})\n/ ({of_classes} > 0)",
                        VERSION_LEGEND,
                    )
                ],
                maximum=1,
                runbooks=("QualityDropped",),
                empty="no labels of classes",
            )
        ),
        graph(
            Spec(
                "Labels that came, last hour",
                "True labels by variant: few of them say little. A shadow has none.",
                "none",
                [Query(every, VERSION_LEGEND)],
                empty="no labels",
            )
        ),
    ]


def _test(title: str, meaning: str, experiment: Experiment) -> Panel:
    p_value = sum_by(VERSION, vector(experiment.p_value, *_IN_PAIR))
    return number(
        Spec(
            title,
            f"{meaning} Always valid: below {settings.EXPERIMENT_ALPHA:g} at any time means a "
            f"difference. It is 1 below {settings.EXPERIMENT_ROWS} of either, and looks back "
            f"{settings.EXPERIMENT_LOOK_BACK}, which must hold the whole experiment.",
            "none",
            [Query(p_value, VERSION_LEGEND)],
            width=8,
            height=5,
            maximum=1,
            empty=_NO_OTHER,
        )
    )


def _tests() -> list[Panel]:
    return [
        _test(
            "Failures differ: p-value",
            "Share of failed predictions of each variant against the champion's.",
            FAILURES,
        ),
        _test(
            "Latency differs: p-value",
            f"Share of predictions within {settings.SLO_LATENCY_S:g} s, against the champion's.",
            LATENCY,
        ),
        _test(
            "Quality differs: p-value",
            "Share of right labels of each variant against the champion's.",
            QUALITY,
        ),
    ]


def _shadow() -> list[Panel]:
    rows = sum_by(_PAIR, rate(vector(semconv_variants.ML_SHADOW_ROWS, *_IN_PAIR), WINDOW))
    different = sum_by(
        _PAIR, rate(vector(semconv_variants.ML_SHADOW_DISAGREEMENTS, *_IN_PAIR), WINDOW)
    )
    distance = semconv_variants.ML_SHADOW_DISTANCE
    far = sum_by(_PAIR, rate(vector(distance, *_IN_PAIR, part="sum"), WINDOW))
    many = sum_by(_PAIR, rate(vector(distance, *_IN_PAIR, part="count"), WINDOW))
    cells = sum_by(("le",), rate(vector(distance, *_IN_PAIR, part="bucket"), WINDOW))
    reason = label(semconv_variants.ML_SHADOW_REASON)
    dropped = rate(
        vector(
            semconv_variants.ML_SHADOW_DROPPED, IN_SERVICE, matches(semconv.ML_MODEL_NAME, "$model")
        ),
        WINDOW,
    )
    return [
        graph(
            Spec(
                "Labels that differ",
                "Share of rows for which the shadow gave another label than the champion.",
                "percentunit",
                [Query(f"{different}\n/ ({rows} > 0)", _PAIR_LEGEND)],
                limits=((settings.DISAGREEMENT_HIGH, "warning"),),
                width=8,
                empty=_NO_SHADOW,
            )
        ),
        graph(
            Spec(
                "Mean distance",
                "How far apart the two results of a row are: total variation of probabilities, "
                "difference of values.",
                "none",
                [Query(f"{far}\n/ ({many} > 0)", _PAIR_LEGEND)],
                width=8,
                empty=_NO_DISTANCE,
            )
        ),
        graph(
            Spec(
                "Not compared",
                "Predictions a second that the shadow did not get or could not answer, by reason.",
                "cps",
                [
                    Query(
                        sum_by((_PAIR[1], reason), dropped),
                        f"{boards.legend(semconv_variants.ML_SHADOW_REASON)} "
                        f"v{boards.legend(semconv_variants.ML_SHADOW_VERSION)}",
                    )
                ],
                width=8,
                empty="none dropped",
            ),
            stacked=True,
        ),
        heat(
            Spec(
                "Distribution of the distance",
                "Rows a second at each distance: two bands mean that some rows are judged quite "
                "differently.",
                "none",
                [Query(cells, "{{le}}")],
                width=24,
                empty=_NO_DISTANCE,
            ),
            cell_unit="cps",
        ),
    ]


def render() -> str:
    """Return ``variants.json``."""
    metric = semconv.ML_PREDICTIONS
    model = equals(semconv.ML_MODEL_NAME, "$model")
    version = matches(semconv.ML_MODEL_VERSION, "$version")
    return boards.render(
        "variants",
        "Variants",
        "Champion, canary and shadow of one model side by side, and whether they differ.",
        [
            *boards.model_variables(metric),
            boards.variable(
                "variant",
                "Variant",
                boards.label_values(metric, semconv.ML_MODEL_VARIANT, IN_SERVICE, model, version),
            ),
        ],
        [
            Row("Traffic", _traffic()),
            Row("Results", _results()),
            Row("Quality", _quality()),
            Row("Do they differ?", _tests()),
            Row("Shadow", _shadow()),
        ],
        one_service=True,
    )
