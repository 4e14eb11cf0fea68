"""What the worker does with each record."""

from __future__ import annotations

import logging
import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
from opentelemetry import trace

from otelml import _attributes, _events, _guard, _results, _spans, semconv
from otelml._feedback import FeedbackRecord, RejectedRecord
from otelml._record import PredictionRecord, Results
from otelml.windows.current import CurrentWindow
from otelml.windows.snapshot import table

if TYPE_CHECKING:
    from otelml._cardinality import Key
    from otelml._ids import Ids
    from otelml._instruments import Capped, Instruments
    from otelml.config import Config

_logger = logging.getLogger("otelml")
_MAX_WINDOWS = 100
_MAX_WARNINGS = 1000


class Processor:
    """Turns records into spans, measurements, log events and windows.

    Args:
        config: The resolved configuration.
        instruments: None where metrics are turned off.
        feedback_spans: Makes the span of a label.
        ids: Makes prediction ids.
    """

    def __init__(
        self,
        config: Config,
        instruments: Instruments | None,
        feedback_spans: _events.FeedbackSpans,
        ids: Ids,
    ) -> None:
        self._config = config
        self._instruments = instruments
        self._feedback_spans = feedback_spans
        self._ids = ids
        self._sums: Counter[tuple[Capped, Key]] = Counter()
        self._warned: set[tuple[str, str]] = set()
        self.windows: dict[tuple[str, str], CurrentWindow] = {}
        self.models: dict[Key, None] = {}

    def handle(self, record: Any) -> None:
        """Take one record."""
        if isinstance(record, PredictionRecord):
            self._prediction(record)
        elif isinstance(record, FeedbackRecord):
            self._feedback(record)
        elif isinstance(record, RejectedRecord):
            if self._instruments is not None:
                key = ((semconv.ML_FEEDBACK_REASON, record.reason),)
                self._sums[self._instruments.feedback_rejected, key] += 1
        elif isinstance(record, _spans.LateStage):
            _spans.complete_stage(*record)

    def after_fork(self) -> None:
        """Forget what the parent has seen: it reports that itself."""
        self._sums.clear()
        self.windows.clear()
        self.models.clear()

    def after_chunk(self) -> None:
        """Write the sums gathered since the last time: one call a stream, not one a record."""
        sums, self._sums = self._sums, Counter()
        for (instrument, key), amount in sums.items():
            instrument.write(amount, key)

    # --- predictions ------------------------------------------------------------------------

    def _prediction(self, prediction: PredictionRecord) -> None:
        results = _results.results_of(prediction)
        attributes = _attributes.of_prediction(prediction, results, self._ids.one(prediction))
        try:
            _spans.complete(prediction, attributes)
        finally:
            if self._instruments is not None:
                self._measure(prediction, results, self._instruments)
        low = self._low(results)
        log = self._config.logs
        wanted = prediction.error or low or random.random() < log.sample_ratio
        if log.enabled and wanted:
            _events.log_prediction(prediction, attributes, log)
        for problem in results.problems:
            self._warn_once(prediction, problem)
        prediction.features = prediction.exception = None

    def _low(self, results: Results) -> int:
        if results.confidence is None:
            return 0
        if results.confidences is None:
            return int(results.confidence < self._config.metrics.low_confidence)
        with np.errstate(invalid="ignore"):
            return int((results.confidences < self._config.metrics.low_confidence).sum())

    def _measure(self, prediction: PredictionRecord, results: Results, to: Instruments) -> None:
        key = _attributes.variant_key(prediction)
        span = prediction.span
        failed = ((semconv.ERROR_TYPE, prediction.error),) if prediction.error else ()
        rows, when = _results.row_count(prediction), prediction.end_ns
        to.duration.write(
            (prediction.end_ns - prediction.start_ns) / 1e9, (*key, *failed), when, span
        )
        for stage in prediction.stages:
            stage_key = (*key, (semconv.ML_STAGE_NAME, stage.name))
            if stage.error:
                stage_key = (*stage_key, (semconv.ERROR_TYPE, stage.error))
            within = stage.span or span
            to.stage_duration.write(
                (stage.end_ns - stage.start_ns) / 1e9, stage_key, stage.end_ns, within
            )
        to.rows.write(rows, key, when, span)
        self._count_labels(prediction, results, (*key, *failed), rows, to)
        self._confidences(results, key, when, span, to)
        if results.values is not None:
            finite = results.values[np.isfinite(results.values)]
            to.value.write_all(finite, key, when, span)
        _guard.call("window", self._window, prediction, to)
        described: Key = (
            *key,
            (semconv.ML_MODEL_FRAMEWORK, prediction.framework),
            (semconv.ML_MODEL_TASK, prediction.task),
        )
        if len(self.models) < self._config.metrics.cardinality_limit:
            self.models[described] = None

    def _count_labels(
        self, prediction: PredictionRecord, results: Results, key: Key, rows: int, to: Instruments
    ) -> None:
        sums = self._sums
        if prediction.error or not results.labels:
            sums[to.predictions, key] += rows
        elif rows == 1:
            label: Key = ((semconv.ML_PREDICTION_LABEL, results.labels[0]),)
            sums[to.predictions, key + label] += 1
        else:
            for name, count in Counter(results.labels).items():
                label = ((semconv.ML_PREDICTION_LABEL, name),)
                sums[to.predictions, key + label] += count

    def _confidences(
        self,
        results: Results,
        key: Key,
        when: int,
        span: trace.Span,
        to: Instruments,
    ) -> None:
        if results.confidence is None:
            return
        low = self._low(results)
        if low:
            self._sums[to.low_confidence, key] += low
        if results.confidences is None:
            labelled: Key = (*key, (semconv.ML_PREDICTION_LABEL, results.labels[0]))
            to.confidence.write(results.confidence, labelled, when, span)
            return
        finite = np.isfinite(results.confidences)
        if not results.labels:
            to.confidence.write_all(results.confidences[finite], key, when, span)
            return
        names = {name: place for place, name in enumerate(dict.fromkeys(results.labels))}
        places = np.fromiter(map(names.__getitem__, results.labels), np.intp, len(results.labels))
        # Sorted once: looking for each label in all rows would take the square of their number.
        order = np.argsort(places, kind="stable")
        bounds = np.searchsorted(places[order], np.arange(1, len(names)))
        for name, rows in zip(names, np.split(order, bounds), strict=True):
            labelled = (*key, (semconv.ML_PREDICTION_LABEL, name))
            chosen = rows[finite[rows]]
            to.confidence.write_all(results.confidences[chosen], labelled, when, span)

    def _window(self, prediction: PredictionRecord, to: Instruments) -> None:
        if prediction.features is None or prediction.features.data is None:
            return
        name = (prediction.model, prediction.version)
        window = self.windows.pop(name, None)
        if window is not None:
            self.windows[name] = window  # the least used comes first
        elif len(self.windows) >= _MAX_WINDOWS:
            del self.windows[next(iter(self.windows))]
        data = prediction.features.data
        if window is not None and type(data) is dict and window.add_row(data):
            return
        columns = table(data)
        if columns is None:
            return
        if window is None:
            keep = self._config.metrics.feature_window_rows
            window = self.windows[name] = CurrentWindow(keep, prediction.feature_names)
        mismatch = window.add(columns)
        if mismatch:
            reason: Key = ((semconv.ML_SCHEMA_MISMATCH_REASON, mismatch),)
            self._sums[to.schema_mismatch, _attributes.model_key(prediction) + reason] += 1
            expected = len(window.names or ())
            self._warn_once(
                prediction,
                f"features do not match the model's {expected} ({mismatch}): "
                f"got {columns.values.shape[1]} columns",
            )

    def _warn_once(self, prediction: PredictionRecord, problem: str) -> None:
        kind = (prediction.model, problem.split(" ", 1)[0])
        if kind not in self._warned and len(self._warned) < _MAX_WARNINGS:
            self._warned.add(kind)
            _events.warn(prediction, "otelml: model %s: %s", prediction.model, problem)

    # --- feedback ---------------------------------------------------------------------------

    def _feedback(self, record: FeedbackRecord) -> None:
        self._feedback_spans.emit(record)
        token, result, to = record.token, record.result, self._instruments
        if result.outcome == semconv.OUTCOME_CONFLICT:
            _events.log_conflict(record)
        if to is None:
            return
        if result.outcome == semconv.OUTCOME_DUPLICATE:
            self._sums[to.feedback_rejected, ((semconv.ML_FEEDBACK_REASON, "duplicate"),)] += 1
            return
        key: Key = (
            (semconv.ML_MODEL_NAME, token.model),
            (semconv.ML_MODEL_VERSION, token.version),
        )
        if token.variant:
            key = (*key, (semconv.ML_MODEL_VARIANT, token.variant))
        origin = (semconv.ML_FEEDBACK_SOURCE, record.source)
        to.feedback_delay.write(result.delay_s, (*key, origin))
        labels = (
            (semconv.ML_LABEL_ACTUAL, "" if token.is_value else result.actual),
            (semconv.ML_LABEL_PREDICTED, "" if token.is_value else token.label),
        )
        if result.outcome == semconv.OUTCOME_CONFLICT:
            # The first label is counted already and a counter cannot take it back.
            self._sums[to.feedback_rejected, ((semconv.ML_FEEDBACK_REASON, "conflict"),)] += 1
        labelled: Key = (*key, *labels, origin)
        self._sums[to.feedback, labelled] += 1
