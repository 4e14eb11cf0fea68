"""Telemetry of batch jobs: names, units and attributes."""

from __future__ import annotations

from typing import Final

from otelml._metric import Kind, Metric
from otelml.semconv import ML_MODEL_NAME

SPAN_BATCH: Final = "batch {job}"
SPAN_CHUNK: Final = "chunk {job}"
EVENT_BATCH_FINISHED: Final = "ml.batch.finished"

ML_BATCH_NAME: Final = "ml.batch.name"
ML_BATCH_OUTCOME: Final = "ml.batch.outcome"
ML_BATCH_CHUNK: Final = "ml.batch.chunk"
ML_BATCH_CHUNKS: Final = "ml.batch.chunks"
ML_BATCH_FAILED_CHUNKS: Final = "ml.batch.failed_chunks"
ML_BATCH_ROWS_ATTRIBUTE: Final = "ml.batch.rows"
ML_BATCH_DURATION_ATTRIBUTE: Final = "ml.batch.duration"
ML_BATCH_COMPARED: Final = "ml.batch.compared_rows"
ML_BATCH_DRIFTED: Final = "ml.batch.drifted"

OUTCOME_DONE: Final = "done"
OUTCOME_FAILED: Final = "failed"

_GAUGE = Kind.OBSERVABLE_GAUGE
_JOB = (ML_BATCH_NAME, ML_MODEL_NAME)

ML_BATCH_LAST_RUN: Final = Metric(
    "ml.batch.last_run",
    _GAUGE,
    "s",
    "End of the last run of a batch job, in seconds since 1970.",
    (*_JOB, ML_BATCH_OUTCOME),
)
ML_BATCH_INTERVAL: Final = Metric(
    "ml.batch.interval", _GAUGE, "s", "How often a batch job is to run.", _JOB
)
ML_BATCH_ROWS: Final = Metric(
    "ml.batch.rows", _GAUGE, "{row}", "Rows of the last run of a batch job.", _JOB
)
ML_BATCH_DURATION: Final = Metric(
    "ml.batch.duration", _GAUGE, "s", "Duration of the last run of a batch job.", _JOB
)
ML_BATCH_THROUGHPUT: Final = Metric(
    "ml.batch.throughput", _GAUGE, "{row}/s", "Rows a second of the last run.", _JOB
)
ML_BATCH_DRIFT_FEATURES: Final = Metric(
    "ml.batch.drift.features",
    _GAUGE,
    "{feature}",
    "Features of the last run that differ from the reference.",
    _JOB,
)

BATCH_METRICS: Final = (
    ML_BATCH_LAST_RUN,
    ML_BATCH_INTERVAL,
    ML_BATCH_ROWS,
    ML_BATCH_DURATION,
    ML_BATCH_THROUGHPUT,
    ML_BATCH_DRIFT_FEATURES,
)
