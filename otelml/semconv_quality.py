"""Metrics of quality: names, units and attributes."""

from __future__ import annotations

from typing import Final

from otelml._metric import Kind, Metric
from otelml.semconv import (
    ERROR_TYPE,
    ML_FEATURE_BIN,
    ML_FEATURE_NAME,
    ML_FEEDBACK_SOURCE,
    ML_LABEL_ACTUAL,
    ML_LABEL_PREDICTED,
    ML_MODEL_NAME,
    ML_MODEL_VARIANT,
    ML_MODEL_VERSION,
)

ML_QUALITY_METRIC: Final = "ml.quality.metric"
ML_QUALITY_AVERAGING: Final = "ml.quality.averaging"
ML_QUALITY_LABEL: Final = "ml.quality.label"
ML_QUALITY_WINDOW: Final = "ml.quality.window"
ML_QUALITY_ESTIMATED: Final = "ml.quality.estimated"
ML_CONFIDENCE_BAND: Final = "ml.confidence.band"
ML_LABEL_AGE: Final = "ml.label.age"
ML_LABEL_MATURE: Final = "ml.label.mature"
LABEL_AGES: Final[dict[str, float]] = {
    "1m": 60,
    "1h": 3600,
    "1d": 86_400,
    "7d": 604_800,
    "30d": 2_592_000,
}
"""Ages of predictions, in seconds, as attributes name them."""
LABEL_AGE_OLDER: Final = "older"
ML_LABEL_CLASS: Final = "ml.label.class"
ML_FEEDBACK_SCORE_BIN: Final = "ml.feedback.score.bin"
ML_FEEDBACK_SCORE_REST: Final = "ml.feedback.score.rest"
ML_FEEDBACK_DECIDED_BY: Final = "ml.feedback.decided_by"
ML_FEEDBACK_ROW: Final = "ml.feedback.row"

ROW_ACCEPTED: Final = "accepted"
ROW_DUPLICATE: Final = "duplicate"
ROW_CONFLICT: Final = "conflict"
ROW_REFUSED: Final = "refused"

ML_QUALITY_VALUE: Final = "ml.quality.value"
ML_QUALITY_ROWS: Final = "ml.quality.rows"
ML_QUALITY_BASELINE: Final = "ml.quality.baseline"
ML_RETRAINING_REASON: Final = "ml.retraining.reason"
ML_RETRAINING_REASONS: Final = "ml.retraining.reasons"
ML_RETRAINING_ID: Final = "ml.retraining.id"
ML_RETRAINING_TRIGGER: Final = "ml.retraining.trigger"
ML_RETRAINING_OUTCOME: Final = "ml.retraining.outcome"

EVENT_QUALITY_DEGRADED: Final = "ml.quality.degraded"
EVENT_QUALITY_RECOVERED: Final = "ml.quality.recovered"
EVENT_RETRAINING_RECOMMENDED: Final = "ml.retraining.recommended"
EVENT_RETRAINING_TRIGGERED: Final = "ml.retraining.triggered"

METRIC_ACCURACY: Final = "accuracy"
METRIC_MAE: Final = "mae"
METRIC_PREDICTION_RATE: Final = "prediction_rate"
BASELINE_REFERENCE: Final = "reference"
BASELINE_SERVING: Final = "serving"
TRIGGER_WEBHOOK: Final = "webhook"
TRIGGER_COMMAND: Final = "command"
OUTCOME_PENDING: Final = "pending"
OUTCOME_DONE: Final = "done"
OUTCOME_FAILED: Final = "failed"
OUTCOME_DRY_RUN: Final = "dry_run"
OUTCOME_INTERRUPTED: Final = "interrupted"

AVERAGING_BINARY: Final = "binary"
AVERAGING_CLASS: Final = "class"
AVERAGING_MACRO: Final = "macro"
AVERAGING_WEIGHTED: Final = "weighted"

# Upper ends of twenty equal bins of a score: (0.05, 0.1] and so on, the first with 0.
SCORE_BINS: Final = tuple(f"{number / 20:g}" for number in range(1, 21))

_GAUGE = Kind.OBSERVABLE_GAUGE
_MODEL = (ML_MODEL_NAME, ML_MODEL_VERSION)
_VARIANT = (*_MODEL, ML_MODEL_VARIANT)
_QUALITY = (
    *_MODEL,
    ML_QUALITY_METRIC,
    ML_QUALITY_AVERAGING,
    ML_QUALITY_LABEL,
    ML_QUALITY_WINDOW,
    ML_QUALITY_ESTIMATED,
)
_BOUND = (*_MODEL, ML_QUALITY_METRIC, ML_QUALITY_LABEL)

ML_QUALITY: Final = Metric(
    "ml.quality", _GAUGE, "1", "Quality of the last labelled predictions.", _QUALITY
)
ML_QUALITY_LOWER: Final = Metric(
    "ml.quality.lower", _GAUGE, "1", "Lower end of the 95 % interval of the quality.", _QUALITY
)
ML_QUALITY_UPPER: Final = Metric(
    "ml.quality.upper", _GAUGE, "1", "Upper end of the 95 % interval of the quality.", _QUALITY
)
ML_QUALITY_BOUND_LOWER: Final = Metric(
    "ml.quality.bound.lower",
    _GAUGE,
    "1",
    "Quality of the last predictions if each one without a label was wrong.",
    _BOUND,
)
ML_QUALITY_BOUND_UPPER: Final = Metric(
    "ml.quality.bound.upper",
    _GAUGE,
    "1",
    "Quality of the last predictions if each one without a label was right.",
    _BOUND,
)
ML_LABEL_COVERAGE: Final = Metric(
    "ml.label.coverage",
    _GAUGE,
    "1",
    "Share of the last predictions that has a label.",
    (*_MODEL, ML_LABEL_PREDICTED, ML_CONFIDENCE_BAND),
)
ML_LABEL_MATURITY: Final = Metric(
    "ml.label.maturity",
    _GAUGE,
    "1",
    "Share of the labels to be expected by an age of the predictions, by Kaplan and Meier.",
    (*_MODEL, ML_LABEL_AGE),
)

ML_FEEDBACK_SCORE: Final = Metric(
    "ml.feedback.score",
    Kind.COUNTER,
    "{label}",
    "Labels by the confidence of what was predicted: its bin, and that of one less it.",
    (
        *_VARIANT,
        ML_LABEL_ACTUAL,
        ML_LABEL_PREDICTED,
        ML_FEEDBACK_SCORE_BIN,
        ML_FEEDBACK_SCORE_REST,
    ),
)
ML_FEEDBACK_ERROR_ABSOLUTE: Final = Metric(
    "ml.feedback.error.absolute",
    Kind.COUNTER,
    "{value}",
    "Sum of the distances between predicted and true values of a regression.",
    _VARIANT,
)
ML_FEEDBACK_ERROR_SQUARED: Final = Metric(
    "ml.feedback.error.squared",
    Kind.COUNTER,
    "{value}",
    "Sum of the squared distances between predicted and true values of a regression.",
    _VARIANT,
)
ML_FEEDBACK_ERROR_VALUES: Final = Metric(
    "ml.feedback.error.values",
    Kind.COUNTER,
    "{value}",
    "True values of a regression that the two sums of errors are of.",
    _VARIANT,
)
ML_FEEDBACK_DISAGREEMENTS: Final = Metric(
    "ml.feedback.disagreements",
    Kind.COUNTER,
    "{label}",
    "Labels that differ from what another source says of the same prediction.",
    (*_VARIANT, ML_FEEDBACK_SOURCE, ML_FEEDBACK_DECIDED_BY),
)
ML_FEEDBACK_SOURCE_ROWS: Final = Metric(
    "ml.feedback.source.rows",
    Kind.OBSERVABLE_COUNTER,
    "{row}",
    "Rows that this process has fetched from a source of labels, by what became of them.",
    (ML_FEEDBACK_SOURCE, ML_FEEDBACK_ROW),
)
ML_FEEDBACK_SOURCE_ERRORS: Final = Metric(
    "ml.feedback.source.errors",
    Kind.OBSERVABLE_COUNTER,
    "{error}",
    "Times that a source of labels could not be read, or what was read could not be stored.",
    (ML_FEEDBACK_SOURCE, ERROR_TYPE),
)
ML_FEEDBACK_SOURCE_LAG: Final = Metric(
    "ml.feedback.source.lag",
    _GAUGE,
    "s",
    "Time since this process last knew that it had read a source of labels to its end.",
    (ML_FEEDBACK_SOURCE,),
)
SOURCE_METRICS: Final = (
    ML_FEEDBACK_SOURCE_ROWS,
    ML_FEEDBACK_SOURCE_ERRORS,
    ML_FEEDBACK_SOURCE_LAG,
)
_OF_METRIC = (*_MODEL, ML_QUALITY_METRIC)


def _judged(name: str, unit: str, description: str, *by: str) -> Metric:
    return Metric(f"ml.quality.{name}", _GAUGE, unit, description, (*_OF_METRIC, *by))


ML_QUALITY_REFERENCE: Final = _judged(
    "reference", "1", "Quality that complete labels are compared with.", ML_QUALITY_BASELINE
)
ML_QUALITY_LOSS: Final = _judged(
    "loss", "1", "How much worse than that the last window of complete labels is."
)
ML_QUALITY_LOSS_LOWER: Final = _judged(
    "loss.lower", "1", "Lower end of the 95 % interval of the loss."
)
ML_QUALITY_LOSS_UPPER: Final = _judged(
    "loss.upper", "1", "Upper end of the 95 % interval of the loss."
)
ML_QUALITY_EVIDENCE: Final = _judged(
    "evidence", "{evidence}", "Evidence of a loss of quality so far, as log10."
)
ML_QUALITY_EVIDENCE_THRESHOLD: Final = _judged(
    "evidence.threshold", "{evidence}", "Evidence at which a loss of quality alarms, as log10."
)
ML_QUALITY_DEGRADED: Final = _judged(
    "degraded", "{flag}", "1 while quality is worse than at training beyond the alarm budget."
)
ML_QUALITY_SEVERITY: Final = _judged(
    "severity",
    "{level}",
    "By the classic rules: 0 none, 1 a loss above 0.05 or a predicted share that moved by more "
    "than 0.1, 2 twice that.",
)
ML_QUALITY_BY_BIN: Final = _judged(
    "by_bin",
    "1",
    "Quality of complete labels by bin of each drifted feature.",
    ML_FEATURE_NAME,
    ML_FEATURE_BIN,
)
ML_QUALITY_BY_BIN_ROWS: Final = _judged(
    "by_bin.rows",
    "{label}",
    "Labels that the quality by bin is of.",
    ML_FEATURE_NAME,
    ML_FEATURE_BIN,
)
ML_QUALITY_BY_COHORT: Final = _judged(
    "by_cohort",
    "1",
    "Quality of the labels that have come, by the age of their predictions and whether as good "
    "as all labels of that age have come.",
    ML_LABEL_AGE,
    ML_LABEL_MATURE,
)
ML_QUALITY_BY_COHORT_ROWS: Final = _judged(
    "by_cohort.rows",
    "{label}",
    "Labels that the quality by cohort is of.",
    ML_LABEL_AGE,
    ML_LABEL_MATURE,
)
ML_LABEL_MATURE_AGE: Final = Metric(
    "ml.label.mature_age",
    _GAUGE,
    "s",
    "Age of predictions from which on their labels are taken as complete.",
    _MODEL,
)
ML_MODEL_AGE: Final = Metric("ml.model.age", _GAUGE, "s", "Time since the training.", _MODEL)
ML_RETRAINING_RECOMMENDED: Final = Metric(
    "ml.retraining.recommended",
    _GAUGE,
    "{flag}",
    "1 while a rule says that the model should be retrained, by rule.",
    (*_MODEL, ML_RETRAINING_REASON),
)
ML_RETRAINING_TRIGGERS: Final = Metric(
    "ml.retraining.triggers",
    Kind.OBSERVABLE_COUNTER,
    "{trigger}",
    "Triggers of a retraining, by kind and outcome.",
    (*_MODEL, ML_RETRAINING_TRIGGER, ML_RETRAINING_OUTCOME),
)

QUALITY_METRICS: Final = tuple(
    value for value in list(globals().values()) if isinstance(value, Metric)
)
