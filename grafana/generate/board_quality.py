"""The dashboard of quality: how often a model is right, of which labels, beside its training."""

from __future__ import annotations

from typing import Final

from grafana.generate import boards, settings
from grafana.generate.boards import IN_SERVICE, Row
from grafana.generate.names import label
from grafana.generate.panels import Panel, Query, Spec, graph, number
from grafana.generate.promql import equals, matches, vector
from grafana.generate.quality_labels import ALL_KEPT, missing, received
from grafana.generate.quality_rules import Quality
from otelml import semconv, semconv_quality
from otelml.semconv import Metric

_VERSION: Final = label(semconv.ML_MODEL_VERSION)
_CLASS: Final = label(semconv_quality.ML_LABEL_CLASS)
_METRIC: Final = label(semconv_quality.ML_QUALITY_METRIC)
_REASON: Final = label(semconv_quality.ML_RETRAINING_REASON)
_IN_MODEL: Final = (
    IN_SERVICE,
    matches(semconv.ML_MODEL_NAME, "$model"),
    matches(semconv.ML_MODEL_VERSION, "$version"),
)
_HOUR: Final = Quality("1h")
_DAY: Final = Quality("1d")
_V: Final = f"v{boards.legend(semconv.ML_MODEL_VERSION)}"
_OF_METRIC: Final = f"{boards.legend(semconv_quality.ML_QUALITY_METRIC)} {_V}"
_ALERTS: Final = ("QualityDropped", "QualityLow", "QualityDegraded")
_NO_LABELS: Final = "no labels"
_NOT_JUDGED: Final = "no complete labels"


def _max(labels: tuple[str, ...], expression: str) -> str:
    return f"max by ({', '.join(labels)}) ({expression})"


def _avg(labels: tuple[str, ...], expression: str) -> str:
    return f"avg by ({', '.join(labels)}) ({expression})"


def _worst(metric: Metric, *by: str) -> str:
    return _max((_VERSION, *by), vector(metric, *_IN_MODEL))


def _recorded(quality: Quality, name: str, legend: str) -> Query:
    return Query(_max((_VERSION,), vector(quality.of_model(name), *_IN_MODEL)), legend)


def _verdict() -> list[Panel]:
    loss = _worst(semconv_quality.ML_QUALITY_LOSS, _METRIC)
    recommended = _worst(semconv_quality.ML_RETRAINING_RECOMMENDED)
    return [
        number(
            Spec(
                "Accuracy, last day",
                "Share of right predictions among those with a label, over all replicas.",
                "percentunit",
                [_recorded(_DAY, "accuracy", _V)],
                width=6,
                height=5,
                runbooks=_ALERTS,
                empty=_NO_LABELS,
            )
        ),
        number(
            Spec(
                "Lost since training",
                "How much worse complete labels are than the model's quality at training; of "
                "errors, how much larger they are.",
                "none",
                [Query(loss, _OF_METRIC)],
                limits=((settings.ACCURACY_DROP_MAX, "warning"),),
                width=6,
                height=5,
                runbooks=("QualityDegraded",),
                empty=_NOT_JUDGED,
                minimum=None,
            )
        ),
        number(
            Spec(
                "Retraining",
                "1 where a rule recommends it in any process.",
                "none",
                [Query(recommended, _V)],
                limits=((1, "warning"),),
                width=6,
                height=5,
                runbooks=("RetrainingRecommended", "RetrainingTriggerFailed"),
                empty="not decided",
            )
        ),
        number(
            Spec(
                "Since training",
                "Time since the model was trained, as its reference or an option says.",
                "s",
                [Query(_worst(semconv_quality.ML_MODEL_AGE), _V)],
                width=6,
                height=5,
                empty="not known",
            )
        ),
    ]


def _over_time() -> list[Panel]:
    ends = (("accuracy", ""), ("accuracy_lower", " at least"), ("accuracy_upper", " at most"))
    averages = ("precision", "recall", "f1")
    return [
        graph(
            Spec(
                "Accuracy, last hour",
                "With its 95 % interval, over all replicas.",
                "percentunit",
                [_recorded(_HOUR, name, f"{_V}{words}") for name, words in ends],
                limits=((settings.ACCURACY_MIN, "critical"),),
                maximum=1,
                runbooks=_ALERTS,
                empty=_NO_LABELS,
            )
        ),
        graph(
            Spec(
                "Precision, recall, F1 and ROC AUC, last hour",
                "Means of the classes; ROC AUC of two classes, from bins of the confidence.",
                "percentunit",
                [
                    *(_recorded(_HOUR, f"{name}_macro", f"{name} {_V}") for name in averages),
                    _recorded(_HOUR, "roc_auc", f"roc auc {_V}"),
                ],
                maximum=1,
                empty=_NO_LABELS,
            )
        ),
        *_of_processes(),
    ]


def _of_processes() -> list[Panel]:
    measured = (
        equals(semconv_quality.ML_QUALITY_ESTIMATED, "false"),
        matches(semconv_quality.ML_QUALITY_AVERAGING, "|binary"),
        matches(semconv_quality.ML_QUALITY_METRIC, "accuracy|f1"),
        ALL_KEPT,
    )
    by = (_VERSION, _METRIC)
    ends = (
        (semconv_quality.ML_QUALITY, ""),
        (semconv_quality.ML_QUALITY_LOWER, " at least"),
        (semconv_quality.ML_QUALITY_UPPER, " at most"),
    )
    return [
        graph(
            Spec(
                "Last labels of the processes",
                "Accuracy and F1, the mean over processes, with 95 % intervals.",
                "percentunit",
                [
                    Query(_avg(by, vector(metric, *_IN_MODEL, *measured)), f"{_OF_METRIC}{words}")
                    for metric, words in ends
                ],
                width=24,
                maximum=1,
                empty=_NO_LABELS,
            )
        )
    ]


def _classes() -> list[Panel]:
    actual, predicted = label(semconv.ML_LABEL_ACTUAL), label(semconv.ML_LABEL_PREDICTED)
    cells = vector(_DAY.cells, *_IN_MODEL)
    matrix = (
        f"sum by ({actual}, {predicted}) ({cells})\n"
        f"/ on ({actual}) group_left () (sum by ({actual}) ({cells}) > 0)"
    )
    by_class = (_VERSION, _CLASS)
    panels = [
        graph(
            Spec(
                f"{name.capitalize()} by class, last hour",
                meaning,
                "percentunit",
                [
                    Query(
                        _max(by_class, vector(_HOUR.of_class(name), *_IN_MODEL)),
                        f"{boards.legend(semconv_quality.ML_LABEL_CLASS)} {_V}",
                    )
                ],
                width=8,
                maximum=1,
                runbooks=("QualityDropped",),
                empty=_NO_LABELS,
            )
        )
        for name, meaning in (
            ("precision", "Of those predicted a class, the share that was of it."),
            ("recall", "Of those that were of a class, the share predicted so."),
            ("f1", "Harmonic mean of precision and recall."),
        )
    ]
    return [
        number(
            Spec(
                "Confusion matrix, last day",
                "Of each true class, the share that was predicted as what.",
                "percentunit",
                [Query(matrix, f"{{{{{actual}}}}} predicted {{{{{predicted}}}}}")],
                width=24,
                height=5,
                empty=_NO_LABELS,
            )
        ),
        *panels,
    ]


def _concept() -> list[Panel]:
    ends = (
        (semconv_quality.ML_QUALITY_LOSS, ""),
        (semconv_quality.ML_QUALITY_LOSS_LOWER, " at least"),
        (semconv_quality.ML_QUALITY_LOSS_UPPER, " at most"),
    )
    threshold = _worst(semconv_quality.ML_QUALITY_EVIDENCE_THRESHOLD, _METRIC)
    return [
        graph(
            Spec(
                "Lost since training",
                "Of the last window of complete labels, with its 95 % interval.",
                "none",
                [Query(_worst(metric, _METRIC), f"{_OF_METRIC}{words}") for metric, words in ends],
                limits=((settings.ACCURACY_DROP_MAX, "warning"),),
                minimum=None,
                runbooks=("QualityDegraded",),
                empty=_NOT_JUDGED,
            )
        ),
        graph(
            Spec(
                "Evidence of a loss",
                "Grows while labels are worse than at training, by powers of ten; from the line "
                "named alarm on it is an alarm.",
                "none",
                [
                    Query(_worst(semconv_quality.ML_QUALITY_EVIDENCE, _METRIC), _OF_METRIC),
                    Query(threshold, f"alarm {_OF_METRIC}"),
                ],
                minimum=None,
                runbooks=("QualityDegraded",),
                empty=_NOT_JUDGED,
            )
        ),
        *_where(),
    ]


def _where() -> list[Panel]:
    by_bin = (_METRIC, label(semconv.ML_FEATURE_NAME), label(semconv.ML_FEATURE_BIN))
    return [
        graph(
            Spec(
                "Severity",
                "By the classic rules: 1 a loss above 0.05, or a share of predictions that has "
                "moved by more than 0.1; 2 twice that.",
                "none",
                [Query(_worst(semconv_quality.ML_QUALITY_SEVERITY, _METRIC), _OF_METRIC)],
                width=8,
                maximum=2,
                empty=_NOT_JUDGED,
            )
        ),
        graph(
            Spec(
                "Drift and accuracy",
                "Share of drifted features beside the accuracy of the last hour.",
                "percentunit",
                [
                    Query(_worst(semconv.ML_DRIFT_SHARE), f"drifted {_V}"),
                    _recorded(_HOUR, "accuracy", f"accuracy {_V}"),
                ],
                width=8,
                maximum=1,
                runbooks=("DriftDetected",),
                empty="no drift check",
            )
        ),
        graph(
            Spec(
                "Quality by bin",
                "Of complete labels, in each bin of the features that have drifted.",
                "none",
                [
                    Query(
                        _avg(by_bin, vector(semconv_quality.ML_QUALITY_BY_BIN, *_IN_MODEL)),
                        boards.legend(semconv.ML_FEATURE_NAME, semconv.ML_FEATURE_BIN),
                    )
                ],
                width=8,
                empty="no feature has drifted",
            )
        ),
    ]


def _errors() -> list[Panel]:
    return [
        graph(
            Spec(
                title,
                meaning,
                "none",
                [_recorded(_HOUR, name, f"hour {_V}"), _recorded(_DAY, name, f"day {_V}")],
                runbooks=("RegressionErrorGrew",),
                empty="not a regression",
            )
        )
        for title, name, meaning in (
            ("Mean absolute error", "mae", "Mean distance of predicted and true values."),
            ("Root mean squared error", "rmse", "As that, large errors weighing more."),
        )
    ]


def _retraining() -> list[Panel]:
    trigger = label(semconv_quality.ML_RETRAINING_TRIGGER)
    outcome = label(semconv_quality.ML_RETRAINING_OUTCOME)
    triggers = vector(semconv_quality.ML_RETRAINING_TRIGGERS, *_IN_MODEL)
    return [
        graph(
            Spec(
                "Rules that recommend a retraining",
                "1 while all conditions of a rule hold in any process.",
                "none",
                [
                    Query(
                        _worst(semconv_quality.ML_RETRAINING_RECOMMENDED, _REASON),
                        f"{boards.legend(semconv_quality.ML_RETRAINING_REASON)} {_V}",
                    )
                ],
                maximum=1,
                runbooks=("RetrainingRecommended",),
                empty="not decided",
            )
        ),
        graph(
            Spec(
                "Triggers",
                "Webhooks sent and commands run, by what became of them, since the processes "
                "started.",
                "none",
                [
                    Query(
                        f"sum by ({trigger}, {outcome}) ({triggers})",
                        boards.legend(
                            semconv_quality.ML_RETRAINING_TRIGGER,
                            semconv_quality.ML_RETRAINING_OUTCOME,
                        ),
                    )
                ],
                runbooks=("RetrainingTriggerFailed",),
                empty="nothing triggered",
            )
        ),
    ]


def render() -> str:
    """Return ``quality.json``."""
    return boards.render(
        "quality",
        "Quality",
        "How often a model is right: by version and class, of which labels, beside its training.",
        boards.model_variables(semconv.ML_PREDICTIONS),
        [
            Row("Verdict", _verdict()),
            Row("Over time", _over_time()),
            Row("Classes", _classes()),
            Row("Beside training", _concept()),
            Row("Labels", received(_IN_MODEL)),
            Row("Without a label", missing(_IN_MODEL)),
            Row("Errors of values", _errors()),
            Row("Retraining", _retraining()),
        ],
        one_service=True,
    )
