"""What is measured of each prediction."""

from __future__ import annotations

from collections import Counter

import numpy as np
from opentelemetry import trace

from otelml import semconv
from otelml._metrics import Instruments, Key, Sums, model_key, variant_key
from otelml._records.prediction import PredictionRecord
from otelml._records.request import FailedRequest
from otelml._records.results import Results
from otelml.config import MetricOptions


def low_confidences(results: Results, limit: float) -> int:
    """Return in how many rows the confidence is below ``limit``."""
    if results.confidence is None:
        return 0
    if results.confidences is None:
        return int(results.confidence < limit)
    with np.errstate(invalid="ignore"):
        return int((results.confidences < limit).sum())


class Measurements:
    """Records predictions in instruments.

    Args:
        instruments: The instruments.
        options: What counts as low confidence, and the limits.
        sums: Counts that are written a chunk at a time.
    """

    def __init__(self, instruments: Instruments, options: MetricOptions, sums: Sums) -> None:
        self._to = instruments
        self._options = options
        self._sums = sums
        self.models: dict[Key, None] = {}

    def take(self, record: PredictionRecord, results: Results) -> None:
        """Measure one prediction that has ended."""
        to, span, when = self._to, record.span, record.end_ns
        key = variant_key(record)
        failed = ((semconv.ERROR_TYPE, record.error),) if record.error else ()
        rows = record.rows or 0
        to.duration.write((when - record.start_ns) / 1e9, (*key, *failed), when, span)
        self._stages(record, key)
        to.rows.write(rows, key, when, span)
        self._count_labels(results, (*key, *failed), rows, failed=bool(failed))
        self._confidences(results, key, when, span)
        if results.values is not None:
            finite = results.values[np.isfinite(results.values)]
            to.value.write_all(finite, key, when, span)
        described: Key = (
            *key,
            (semconv.ML_MODEL_FRAMEWORK, record.framework),
            (semconv.ML_MODEL_TASK, record.task),
        )
        if len(self.models) < self._options.cardinality_limit:
            self.models[described] = None

    def fail(self, request: FailedRequest) -> None:
        """Count a request that failed before its prediction as one failed prediction.

        It has no exemplar: that would lead to a span of another duration.
        """
        key = (*variant_key(request), (semconv.ERROR_TYPE, request.error))
        when = request.end_ns
        self._to.duration.write((when - request.start_ns) / 1e9, key, when)
        self._sums.add(self._to.predictions, key)

    def count_mismatch(self, record: PredictionRecord, reason: str) -> None:
        """Count a prediction whose features are not those of its model."""
        key: Key = (*model_key(record), (semconv.ML_SCHEMA_MISMATCH_REASON, reason))
        self._sums.add(self._to.schema_mismatch, key)

    def _stages(self, record: PredictionRecord, key: Key) -> None:
        for stage in record.stages:
            stage_key = (*key, (semconv.ML_STAGE_NAME, stage.name))
            if stage.error:
                stage_key = (*stage_key, (semconv.ERROR_TYPE, stage.error))
            duration_s = (stage.end_ns - stage.start_ns) / 1e9
            self._to.stage_duration.write(
                duration_s, stage_key, stage.end_ns, stage.span or record.span
            )

    def _count_labels(self, results: Results, key: Key, rows: int, *, failed: bool) -> None:
        counter, add = self._to.predictions, self._sums.add
        if failed or not results.labels:
            add(counter, key, rows)
        elif rows == 1:
            add(counter, (*key, (semconv.ML_PREDICTION_LABEL, results.labels[0])))
        else:
            for name, count in Counter(results.labels).items():
                add(counter, (*key, (semconv.ML_PREDICTION_LABEL, name)), count)

    def _confidences(self, results: Results, key: Key, when: int, span: trace.Span) -> None:
        to = self._to.confidence
        if results.confidence is None:
            return
        low = low_confidences(results, self._options.low_confidence)
        if low:
            self._sums.add(self._to.low_confidence, key, low)
        if results.confidences is None:
            labelled: Key = (*key, (semconv.ML_PREDICTION_LABEL, results.labels[0]))
            to.write(results.confidence, labelled, when, span)
            return
        finite = np.isfinite(results.confidences)
        if not results.labels:
            to.write_all(results.confidences[finite], key, when, span)
            return
        names = {name: place for place, name in enumerate(dict.fromkeys(results.labels))}
        places = np.fromiter(map(names.__getitem__, results.labels), np.intp, len(results.labels))
        # Sorted once: looking for each label in all rows would take the square of their number.
        order = np.argsort(places, kind="stable")
        bounds = np.searchsorted(places[order], np.arange(1, len(names)))
        for name, rows in zip(names, np.split(order, bounds), strict=True):
            labelled = (*key, (semconv.ML_PREDICTION_LABEL, name))
            chosen = rows[finite[rows]]
            to.write_all(results.confidences[chosen], labelled, when, span)
