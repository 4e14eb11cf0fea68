"""Every name, unit, description and bucket that otelml emits, spelled once.

OpenTelemetry has no ``ml.*`` namespace yet (open proposal: semantic-conventions #3420), so a
rename must stay possible: no other module writes these names. ``docs/telemetry.md`` is generated
from this module. Units are UCUM.
"""

from __future__ import annotations

from typing import Final

from otelml._metric import Kind as Kind  # noqa: PLC0414 - importers find both here
from otelml._metric import Metric as Metric  # noqa: PLC0414 - as above

SCOPE: Final = "otelml"
SCHEMA_VERSION: Final = 1
SCHEMA_URL: Final = f"https://otelml.dev/schemas/{SCHEMA_VERSION}"

# --- attributes -----------------------------------------------------------------------------
ML_MODEL_NAME: Final = "ml.model.name"
ML_MODEL_VERSION: Final = "ml.model.version"
ML_MODEL_VARIANT: Final = "ml.model.variant"
ML_MODEL_FRAMEWORK: Final = "ml.model.framework"
ML_MODEL_TASK: Final = "ml.model.task"
ML_STAGE_NAME: Final = "ml.stage.name"
ML_STAGE_INFERRED: Final = "ml.stage.inferred"
ML_PREDICTION_ID: Final = "ml.prediction.id"
ML_PREDICTION_ROWS_ATTRIBUTE: Final = "ml.prediction.rows"
ML_PREDICTION_LABEL: Final = "ml.prediction.label"
ML_PREDICTION_VALUE_ATTRIBUTE: Final = "ml.prediction.value"
ML_PREDICTION_CONFIDENCE_ATTRIBUTE: Final = "ml.prediction.confidence"
ML_PREDICTION_INFERRED_STAGES: Final = "ml.prediction.inferred_stages"
ML_FEATURE_COUNT: Final = "ml.feature.count"
ML_FEATURE_NAME: Final = "ml.feature.name"
ML_FEATURES: Final = "ml.features"
ML_SCHEMA_MISMATCH_REASON: Final = "ml.feature.schema_mismatch.reason"
ML_LABEL_ACTUAL: Final = "ml.label.actual"
ML_LABEL_PREDICTED: Final = "ml.label.predicted"
ML_FEEDBACK_SOURCE: Final = "ml.feedback.source"
ML_FEEDBACK_REVIEWER: Final = "ml.feedback.reviewer"
ML_FEEDBACK_DELAY_ATTRIBUTE: Final = "ml.feedback.delay"
ML_FEEDBACK_OUTCOME: Final = "ml.feedback.outcome"
ML_FEEDBACK_REASON: Final = "ml.feedback.reason"
ML_COST_SOURCE: Final = "ml.cost.source"
ML_FEATURE_BIN: Final = "ml.feature.bin"
ML_DRIFT_METHOD: Final = "ml.drift.method"
ML_DRIFT_FEATURES: Final = "ml.drift.features"
ML_DRIFT_FEATURES_CHECKED: Final = "ml.drift.features.checked"
ML_DRIFT_FEATURES_DRIFTED: Final = "ml.drift.features.drifted"
ML_DRIFT_FEATURES_SKEWED: Final = "ml.drift.features.skewed"
ML_DRIFT_FEATURES_CRITICAL: Final = "ml.drift.features.critical"
ML_DRIFT_EVIDENCE_ATTRIBUTE: Final = "ml.drift.evidence"
ML_DRIFT_SEVERITY_ATTRIBUTE: Final = "ml.drift.severity"
ML_DRIFT_WINDOW_ROWS_ATTRIBUTE: Final = "ml.drift.window.rows"
ML_DRIFT_STATUS: Final = "ml.drift.status"
ML_DRIFT_REASON: Final = "ml.drift.reason"
ML_DRIFT_ACCEPTED_BY: Final = "ml.drift.accepted.by"
ML_REFERENCE_DIGEST: Final = "ml.reference.digest"
ML_REFERENCE_SOURCE: Final = "ml.reference.source"
SERVICE_NAME: Final = "service.name"
SERVICE_INSTANCE_ID: Final = "service.instance.id"
ERROR_TYPE: Final = "error.type"
OTELML_SIGNAL: Final = "otelml.signal"
OTELML_REASON: Final = "otelml.reason"
OTELML_INSTRUMENT: Final = "otelml.instrument"
OTELML_ATTRIBUTE: Final = "otelml.attribute"
OTELML_COMPONENT: Final = "otelml.component"

EXCEPTION_TYPE: Final = "exception.type"
EXCEPTION_MESSAGE: Final = "exception.message"
EXCEPTION_STACKTRACE: Final = "exception.stacktrace"

# --- attribute values -----------------------------------------------------------------------
COST_HOURLY_RATE: Final = "hourly_rate"
COST_AWS: Final = "aws_cost_explorer"
STAGE_FEATURE_EXTRACTION: Final = "feature_extraction"
STAGE_INFERENCE: Final = "inference"
STAGE_POST_PROCESSING: Final = "post_processing"
STAGES: Final = (STAGE_FEATURE_EXTRACTION, STAGE_INFERENCE, STAGE_POST_PROCESSING)
OVERFLOW_VALUE: Final = "_other"

BIN_MISSING: Final = "missing"
BIN_NON_FINITE: Final = "non_finite"
FEATURE_PREDICTION: Final = "prediction"
FEATURE_CONFIDENCE: Final = "prediction_confidence"
FEATURE_MULTIVARIATE: Final = "multivariate"
FEATURE_ANY: Final = "_any"
METHOD_RATE_CHANGE: Final = "rate_change"
REFERENCE_GIVEN: Final = "given"
REFERENCE_SELF: Final = "self"
REFERENCE_NONE: Final = "none"

OUTCOME_CORRECT: Final = "correct"
OUTCOME_WRONG: Final = "wrong"
OUTCOME_RECORDED: Final = "recorded"
OUTCOME_DUPLICATE: Final = "duplicate"
OUTCOME_CONFLICT: Final = "conflict"

# --- span names -----------------------------------------------------------------------------
SPAN_PREDICT: Final = "predict {model}"
SPAN_FEEDBACK: Final = "feedback {model}"
SPAN_DRIFT_CHECK: Final = "drift_check {model}"

# --- log events -----------------------------------------------------------------------------
EVENT_PREDICTION: Final = "ml.prediction"
EVENT_FEEDBACK_CONFLICT: Final = "ml.feedback.conflict"
EVENT_DRIFT_DETECTED: Final = "ml.drift.detected"
EVENT_DRIFT_CLEARED: Final = "ml.drift.cleared"
EVENT_DRIFT_ACCEPTED: Final = "ml.drift.accepted"
EVENT_DRIFT_SKEW: Final = "ml.drift.skewed"
EVENT_EXCEPTION: Final = "exception"

HEADER_PREDICTION_ID: Final = "X-Prediction-Id"

# Log-spaced, 0.5 ms to 10 s: p99 is readable for a 0.3 ms linear model and a 2 s ensemble alike.
DURATION_BUCKETS_S: Final = (
    0.0005, 0.001, 0.0025, 0.005, 0.0075, 0.01, 0.025, 0.05, 0.075,
    0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
)  # fmt: skip
RATIO_BUCKETS: Final = (
    0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5,
    0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.99,
)  # fmt: skip
ROWS_BUCKETS: Final = (
    1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0,
    1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 1e6,
)  # fmt: skip
VALUE_BUCKETS: Final = (
    -1e6, -1e5, -1e4, -1e3, -100.0, -10.0, -1.0, -0.1, 0.0, 0.1, 0.25, 0.5, 0.75,
    1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1e3, 1e4, 1e5, 1e6,
)  # fmt: skip
# One second to ninety days.
DELAY_BUCKETS_S: Final = (
    1.0, 10.0, 60.0, 300.0, 900.0, 3600.0, 21600.0, 86400.0,
    259200.0, 604800.0, 1209600.0, 2592000.0, 5184000.0, 7776000.0,
)  # fmt: skip


_MODEL = (ML_MODEL_NAME, ML_MODEL_VERSION)
_VARIANT = (*_MODEL, ML_MODEL_VARIANT)

ML_PREDICTION_DURATION: Final = Metric(
    "ml.prediction.duration",
    Kind.HISTOGRAM,
    "s",
    "Time from the start of a prediction to its end, all stages included.",
    (*_VARIANT, ERROR_TYPE),
    DURATION_BUCKETS_S,
)
ML_STAGE_DURATION: Final = Metric(
    "ml.stage.duration",
    Kind.HISTOGRAM,
    "s",
    "Time spent in one stage of a prediction.",
    (*_VARIANT, ML_STAGE_NAME, ERROR_TYPE),
    DURATION_BUCKETS_S,
)
ML_PREDICTIONS: Final = Metric(
    "ml.predictions",
    Kind.COUNTER,
    "{prediction}",
    "Rows predicted, failed ones included.",
    (*_VARIANT, ML_PREDICTION_LABEL, ERROR_TYPE),
)
ML_PREDICTION_ACTIVE: Final = Metric(
    "ml.prediction.active",
    Kind.UP_DOWN_COUNTER,
    "{prediction}",
    "Predictions that have started and not ended.",
    _MODEL,
)
ML_PREDICTION_ROWS: Final = Metric(
    "ml.prediction.rows",
    Kind.HISTOGRAM,
    "{row}",
    "Rows in one prediction.",
    _VARIANT,
    ROWS_BUCKETS,
)
ML_PREDICTION_CONFIDENCE: Final = Metric(
    "ml.prediction.confidence",
    Kind.HISTOGRAM,
    "1",
    "Confidence of each predicted row, 0 to 1.",
    (*_VARIANT, ML_PREDICTION_LABEL),
    RATIO_BUCKETS,
)
ML_PREDICTION_LOW_CONFIDENCE: Final = Metric(
    "ml.prediction.low_confidence",
    Kind.COUNTER,
    "{prediction}",
    "Rows predicted with a confidence below the threshold.",
    _VARIANT,
)
ML_PREDICTION_VALUE: Final = Metric(
    "ml.prediction.value",
    Kind.HISTOGRAM,
    "{value}",
    "Predicted value of each row of a regression.",
    _VARIANT,
    VALUE_BUCKETS,
)
ML_FEATURE_LAST: Final = Metric(
    "ml.feature.last",
    Kind.OBSERVABLE_GAUGE,
    "{value}",
    "Last value of a feature.",
    (*_MODEL, ML_FEATURE_NAME),
)
ML_FEATURE_MIN: Final = Metric(
    "ml.feature.min",
    Kind.OBSERVABLE_GAUGE,
    "{value}",
    "Smallest value of a feature in the current window.",
    (*_MODEL, ML_FEATURE_NAME),
)
ML_FEATURE_MAX: Final = Metric(
    "ml.feature.max",
    Kind.OBSERVABLE_GAUGE,
    "{value}",
    "Largest value of a feature in the current window.",
    (*_MODEL, ML_FEATURE_NAME),
)
ML_FEATURE_MEAN: Final = Metric(
    "ml.feature.mean",
    Kind.OBSERVABLE_GAUGE,
    "{value}",
    "Mean of a feature over the current window.",
    (*_MODEL, ML_FEATURE_NAME),
)
ML_FEATURE_SCHEMA_MISMATCH: Final = Metric(
    "ml.feature.schema_mismatch",
    Kind.COUNTER,
    "{prediction}",
    "Predictions whose features had another width or other columns than the model's.",
    (*_MODEL, ML_SCHEMA_MISMATCH_REASON),
)
ML_FEEDBACK: Final = Metric(
    "ml.feedback",
    Kind.COUNTER,
    "{label}",
    "Labels received for predictions.",
    (*_VARIANT, ML_LABEL_ACTUAL, ML_LABEL_PREDICTED, ML_FEEDBACK_SOURCE),
)
ML_FEEDBACK_REJECTED: Final = Metric(
    "ml.feedback.rejected",
    Kind.COUNTER,
    "{label}",
    "Labels refused or superseded, by reason.",
    (ML_FEEDBACK_REASON,),
)
ML_FEEDBACK_DELAY: Final = Metric(
    "ml.feedback.delay",
    Kind.HISTOGRAM,
    "s",
    "Time from a prediction to its label.",
    (*_VARIANT, ML_FEEDBACK_SOURCE),
    DELAY_BUCKETS_S,
)
ML_MODEL_INFO: Final = Metric(
    "ml.model.info",
    Kind.OBSERVABLE_GAUGE,
    "{info}",
    "Always 1; its attributes describe the model.",
    (*_VARIANT, ML_MODEL_FRAMEWORK, ML_MODEL_TASK, ML_REFERENCE_DIGEST, ML_REFERENCE_SOURCE),
)
_FEATURE = (*_MODEL, ML_FEATURE_NAME)


def _drift(name: str, unit: str, description: str, *by: str) -> Metric:
    return Metric(f"ml.drift.{name}", Kind.OBSERVABLE_GAUGE, unit, description, (*_MODEL, *by))


ML_FEATURE_VALUES: Final = Metric(
    "ml.feature.values",
    Kind.OBSERVABLE_COUNTER,
    "{value}",
    "Values of a feature by the reference's bin; missing, infinite and unseen ones apart.",
    (*_FEATURE, ML_FEATURE_BIN),
)
ML_FEATURE_REFERENCE_RATIO: Final = Metric(
    "ml.feature.reference.ratio",
    Kind.OBSERVABLE_GAUGE,
    "1",
    "Share of the reference's values in each bin of a feature.",
    (*_FEATURE, ML_FEATURE_BIN),
)
ML_FEATURE_REFERENCE_VALUES: Final = Metric(
    "ml.feature.reference.values",
    Kind.OBSERVABLE_GAUGE,
    "{value}",
    "Usable values of a feature that the reference's shares come from.",
    _FEATURE,
)
ML_FEATURE_IMPORTANCE: Final = Metric(
    "ml.feature.importance", Kind.OBSERVABLE_GAUGE, "{importance}", "Weight in the model.", _FEATURE
)
ML_DRIFT_STATISTIC: Final = _drift(
    "statistic",
    "{statistic}",
    "Distance of the last window from the reference, by method; Wasserstein in standard "
    "deviations.",
    ML_FEATURE_NAME,
    ML_DRIFT_METHOD,
)
ML_DRIFT_P_VALUE: Final = _drift(
    "p_value",
    "1",
    "How probable such a distance is where nothing changed, by method.",
    ML_FEATURE_NAME,
    ML_DRIFT_METHOD,
)
ML_DRIFT_EVIDENCE: Final = _drift(
    "evidence", "{evidence}", "Evidence of a change so far, as log10.", ML_FEATURE_NAME
)
ML_DRIFT_EVIDENCE_THRESHOLD: Final = _drift(
    "evidence.threshold", "{evidence}", "Evidence at which a feature alarms, as log10."
)
ML_DRIFT_DETECTED: Final = _drift(
    "detected", "{flag}", "1 while a feature has drifted; `_any` is the model.", ML_FEATURE_NAME
)
ML_DRIFT_CRITICAL: Final = _drift(
    "critical", "{flag}", "1 while a critical feature has drifted, else 0.", ML_FEATURE_NAME
)
ML_DRIFT_SEVERITY: Final = _drift(
    "severity",
    "{level}",
    "By the classic thresholds: 0 none, 1 moderate, 2 significant.",
    ML_FEATURE_NAME,
)
ML_DRIFT_SKEWED: Final = _drift(
    "skewed",
    "{flag}",
    "1 where serving has differed from the reference from its start.",
    ML_FEATURE_NAME,
)
ML_DRIFT_SHARE: Final = _drift("share", "1", "Share of the features that have drifted.")
ML_DRIFT_CHECKS: Final = Metric(
    "ml.drift.checks", Kind.OBSERVABLE_COUNTER, "{check}", "Drift checks made.", _MODEL
)
ML_DRIFT_CHECK_DURATION: Final = _drift(
    "check.duration", "s", "Time that the last drift check has worked."
)
ML_DRIFT_WINDOW_ROWS: Final = _drift("window.rows", "{row}", "Rows of the last window.")
ML_DRIFT_LAST_CHECK: Final = _drift("last_check", "s", "When the last check was, since 1970.")
ML_DRIFT_LEARNING: Final = _drift(
    "learning", "{flag}", "1 while it is learned how much the data swings by itself."
)
ML_COST: Final = Metric(
    "ml.cost",
    Kind.OBSERVABLE_COUNTER,
    "{USD}",
    "Money spent since the process started, from a rate an hour; the unit is the currency.",
    (ML_COST_SOURCE,),
)
OTELML_DROPPED: Final = Metric(
    "otelml.dropped",
    Kind.OBSERVABLE_COUNTER,
    "{item}",
    "Telemetry items that were not delivered, by signal and reason.",
    (OTELML_SIGNAL, OTELML_REASON),
)
OTELML_EXPORT_FAILURES: Final = Metric(
    "otelml.export.failures",
    Kind.OBSERVABLE_COUNTER,
    "{export}",
    "Exports that failed after their retries.",
    (OTELML_SIGNAL,),
)
OTELML_QUEUE_SIZE: Final = Metric(
    "otelml.queue.size",
    Kind.OBSERVABLE_GAUGE,
    "{item}",
    "Items waiting in a queue of otelml.",
    (OTELML_SIGNAL,),
)
OTELML_ERRORS: Final = Metric(
    "otelml.errors",
    Kind.OBSERVABLE_COUNTER,
    "{error}",
    "Errors inside otelml that were kept away from the service.",
    (OTELML_COMPONENT,),
)
OTELML_CARDINALITY_OVERFLOW: Final = Metric(
    "otelml.cardinality.overflow",
    Kind.OBSERVABLE_COUNTER,
    "{measurement}",
    "Measurements folded into the overflow value because of a cardinality limit.",
    (OTELML_INSTRUMENT, OTELML_ATTRIBUTE),
)
OTELML_WORKER_DURATION: Final = Metric(
    "otelml.worker.duration",
    Kind.OBSERVABLE_COUNTER,
    "s",
    "CPU time spent by the worker thread.",
)

METRICS: Final = tuple(value for value in list(globals().values()) if isinstance(value, Metric))
