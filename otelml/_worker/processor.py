"""What the worker does with each record, by its kind."""

from __future__ import annotations

import random
from typing import Any

from otelml import _guard, semconv
from otelml._feedback import FeedbackRecord, RejectedRecord
from otelml._metrics import Instruments, Key, Sums
from otelml._monitor import Monitor
from otelml._prediction import Runtime, results_of
from otelml._records.prediction import PredictionRecord
from otelml._records.request import FailedRequest
from otelml._spans import LateStage, complete_spans, complete_stage, prediction_attributes
from otelml._worker.drift import DriftOutput
from otelml._worker.events import log_prediction, warn
from otelml._worker.labels import Labels
from otelml._worker.measurements import Measurements, low_confidences
from otelml._worker.windows import Windows

_MAX_WARNINGS = 1000


class Processor:
    """Turns records into spans, measurements, log events and windows.

    Args:
        runtime: The running parts: options, ids, spans.
        instruments: None where metrics are turned off.
        monitor: None where drift is turned off.
    """

    def __init__(
        self, runtime: Runtime, instruments: Instruments | None, monitor: Monitor | None = None
    ) -> None:
        config = runtime.config
        self._logs = config.logs
        self._low = config.metrics.low_confidence
        self._ids = runtime.ids
        self._sums = Sums()
        self._labels = Labels(runtime, instruments, self._sums)
        self._measurements: Measurements | None = None
        self.windows = Windows(config.metrics.feature_window_rows)
        if instruments is not None:
            self._measurements = Measurements(instruments, config.metrics, self._sums)
        self._warned: set[tuple[str, str]] = set()
        self._monitor = monitor
        if monitor is not None:
            output = DriftOutput(runtime)
            monitor.on_report, monitor.on_accept = output.report, output.accepted

    def handle(self, record: Any) -> None:
        """Take one record."""
        if isinstance(record, PredictionRecord):
            self._prediction(record)
        elif isinstance(record, FeedbackRecord):
            self._labels.take(record)
        elif isinstance(record, RejectedRecord):
            self._labels.reject(record)
        elif isinstance(record, FailedRequest):
            if self._measurements is not None:
                self._measurements.fail(record)
        elif isinstance(record, LateStage):
            complete_stage(*record)

    def after_chunk(self) -> None:
        """Write the sums gathered since the last time: one call a stream, not one a record."""
        self._sums.write()

    def continue_from(self, before: Processor) -> None:
        """Go on from one with other options: its windows, where they are as long, its models."""
        if self.windows.rows == before.windows.rows:
            self.windows = before.windows
        if self._measurements is not None and before._measurements is not None:
            self._measurements.models.update(before._measurements.models)
        self._warned |= before._warned

    def between(self) -> bool:
        """Do a slice of the drift monitor's work; return whether there is more."""
        return self._monitor is not None and self._monitor.work()

    def after_fork(self) -> None:
        """Forget what the parent has seen: it reports that itself."""
        self._sums.clear()
        self.windows.clear()
        if self._measurements is not None:
            self._measurements.models.clear()
        if self._monitor is not None:
            self._monitor.clear()

    def models(self) -> list[Key]:
        """Return the attributes of each model seen, its reference's among them."""
        seen = list(self._measurements.models) if self._measurements is not None else []
        if self._monitor is None:
            return seen
        return [(*key, *self._reference_of(dict(key))) for key in seen]

    def _reference_of(self, attributes: dict[str, str]) -> Key:
        model = attributes[semconv.ML_MODEL_NAME], attributes[semconv.ML_MODEL_VERSION]
        digest, source = self._monitor.reference_of(*model) if self._monitor else ("", "")
        return ((semconv.ML_REFERENCE_DIGEST, digest), (semconv.ML_REFERENCE_SOURCE, source))

    def _prediction(self, record: PredictionRecord) -> None:
        results = results_of(record)
        attributes = prediction_attributes(record, results, self._ids.one(record))
        problems = list(results.problems)
        try:
            complete_spans(record, attributes)
        finally:
            if self._measurements is not None:
                self._measurements.take(record, results)
                mismatch = self.windows.take(record)
                if mismatch is not None:
                    self._measurements.count_mismatch(record, mismatch.reason)
                    problems.append(mismatch.problem)
        if self._monitor is not None:
            _guard.call("drift", self._monitor.take, record, results)
        if self._logs.enabled and (
            record.error
            or low_confidences(results, self._low)
            or random.random() < self._logs.sample_ratio
        ):
            log_prediction(record, attributes, self._logs)
        for problem in problems:
            self._warn_once(record, problem)
        record.features = record.exception = None

    def _warn_once(self, record: PredictionRecord, problem: str) -> None:
        kind = (record.model, problem.split(" ", 1)[0])
        if kind not in self._warned and len(self._warned) < _MAX_WARNINGS:
            self._warned.add(kind)
            warn(record, "otelml: model %s: %s", record.model, problem)
