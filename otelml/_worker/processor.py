"""What the worker does with each record, by its kind."""

from __future__ import annotations

import random
from typing import Any

from otelml import _guard, semconv
from otelml._feedback import (
    Contents,
    FeedbackRecord,
    KeptRecords,
    KeyRecord,
    Keys,
    RejectedRecord,
    Uncertain,
)
from otelml._metrics import Instruments, Key, Sums
from otelml._monitor import Asked, Monitor, Seen, Watch
from otelml._prediction import LateIds, Runtime, results_of
from otelml._quality import QualityWindows, Verdicts
from otelml._records.finished import Finished, Sink
from otelml._records.prediction import PredictionRecord
from otelml._records.request import FailedRequest
from otelml._records.results import Results
from otelml._retraining import Retraining
from otelml._spans import LateStage, complete_spans, complete_stage, prediction_attributes
from otelml._worker.cohorts import KeptCohorts
from otelml._worker.drift import DriftOutput
from otelml._worker.events import EventLines, log_prediction, warn
from otelml._worker.labels import Labels
from otelml._worker.measurements import Measurements, low_confidences
from otelml._worker.plans import Plan, Plans
from otelml._worker.reviews import ReviewQueue
from otelml._worker.verdicts import tell_judgement, tell_recommended, tell_trigger
from otelml._worker.windows import Windows

_MAX_WARNINGS = 1000


class Processor:
    """Turns records into spans, measurements, log events and windows.

    Args:
        runtime: The running parts: options, ids, spans.
        instruments: None where metrics are turned off.
        monitor: None where drift is turned off.
        service: The service's name.
    """

    def __init__(
        self,
        runtime: Runtime,
        instruments: Instruments | None,
        monitor: Monitor | None = None,
        service: str = "",
    ) -> None:
        config = runtime.config
        self.logs = config.logs
        """Which predictions are logged, and how."""
        self._low = config.metrics.low_confidence
        self._ids = runtime.ids
        self._sums = Sums()
        self._labels = Labels(runtime, instruments, self._sums)
        self._keys = Keys(runtime)
        self._contents = Contents(runtime)
        self._uncertain = Uncertain(runtime)
        self._reviews = ReviewQueue(config.feedback, runtime.ids, self._uncertain)
        self._measurements: Measurements | None = None
        self.windows = Windows(config.metrics.feature_window_rows)
        if instruments is not None:
            self._measurements = Measurements(instruments, config.metrics, self._sums)
        self.plans = Plans(self._measurements)
        self._lines = EventLines()
        self.quality: QualityWindows | None = None
        if instruments is not None and config.feedback.enabled:
            self.quality = QualityWindows(config.feedback.quality_rows, config.feedback.positive)
        self._warned: set[tuple[str, str]] = set()
        self._sinks: dict[Sink, None] = {}
        self._monitor = monitor
        self._seen: list[Seen] = []
        if monitor is not None:
            self._output = DriftOutput(runtime)
            monitor.on_report, monitor.on_accept = self._output.report, self._accepted
        self.verdicts = self._judge(runtime, monitor)
        self._cohorts: KeptCohorts | None = None
        if self.verdicts is not None:
            self._cohorts = KeptCohorts(runtime, self.verdicts)
        self.retraining = self._recommend(runtime, monitor, service)

    @staticmethod
    def _judge(runtime: Runtime, monitor: Monitor | None) -> Verdicts | None:
        options = runtime.config.feedback
        if monitor is None or not options.enabled:
            return None
        verdicts = Verdicts(monitor.options, monitor.watch_of, options.mature_after_s)
        verdicts.on_judgement = tell_judgement
        return verdicts

    def _recommend(
        self, runtime: Runtime, monitor: Monitor | None, service: str
    ) -> Retraining | None:
        config = runtime.config
        if monitor is None or not config.drift.retraining.enabled:
            return None
        retraining = Retraining(
            config.drift.retraining,
            monitor,
            self.verdicts,
            service,
            (config.model, config.model_version),
        )
        retraining.on_recommended = tell_recommended
        retraining.tell_outcomes(tell_trigger)
        return retraining

    def _accepted(self, watch: Watch, features: list[str], asked: Asked) -> None:
        self._output.accepted(watch, features, asked)
        if asked.features is None and self.verdicts is not None:
            self.verdicts.accept(watch.model, watch.version)

    def handle(self, record: Any) -> None:
        """Take one record."""
        if isinstance(record, Finished):
            sink = record.finish()
            if sink is not None:
                self._sinks[sink] = None
        elif isinstance(record, PredictionRecord):
            self._prediction(record)
        elif isinstance(record, (FeedbackRecord, KeptRecords, RejectedRecord, KeyRecord)):
            self._label(record)
        elif isinstance(record, FailedRequest):
            if self._measurements is not None:
                self._measurements.fail(record)
        elif isinstance(record, LateIds):
            self._contents.take(record.record)
        elif isinstance(record, LateStage):
            complete_stage(*record)

    def _label(self, record: FeedbackRecord | KeptRecords | RejectedRecord | KeyRecord) -> None:
        if isinstance(record, FeedbackRecord):
            self._labels.take(record)
            if self.quality is not None:
                _guard.call("quality", self.quality.take_label, record)
            if self.verdicts is not None:
                _guard.call("quality", self.verdicts.take_label, record)
        elif isinstance(record, KeptRecords):
            if self.quality is not None:
                _guard.call("quality", self.quality.restore, record.labels)
            if self._cohorts is not None:
                _guard.call("quality", self._cohorts.restored, record.labels)
        elif isinstance(record, RejectedRecord):
            self._labels.reject(record)
        else:
            self._keys.take(record)

    def after_chunk(self) -> None:
        """Write what was gathered since the last time: one call a stream, not one a record."""
        self._watch()
        self.plans.after_chunk()
        _guard.call("log template", self._lines.after_chunk)
        sinks, self._sinks = self._sinks, {}
        for sink in sinks:
            _guard.call("http", sink.write_gathered)
        if self._measurements is not None:
            self._measurements.write()
        self._sums.write()
        _guard.call("review", self._uncertain.write)
        _guard.call("labels", self._contents.write)
        self._keys.write()

    def _watch(self) -> None:
        """Show the monitor what was gathered."""
        seen, self._seen = self._seen, []
        if seen and self._monitor is not None:
            _guard.call("drift", self._monitor.take, seen)

    def continue_from(self, before: Processor) -> None:
        """Go on from one with other options: its windows, where they are as long, its models."""
        if self.windows.rows == before.windows.rows:
            self.windows = before.windows
        if self._measurements is not None and before._measurements is not None:
            self._measurements.models.update(before._measurements.models)
        if self.quality is not None and before.quality is not None:
            self.quality.continue_from(before.quality)
        if self.verdicts is not None and before.verdicts is not None:
            self.verdicts.continue_from(before.verdicts)
        self._warned |= before._warned

    def between(self) -> bool:
        """Do a slice of the drift monitor's work; return whether there is more."""
        if self._monitor is not None and self._monitor.work():
            return True
        if self.verdicts is not None:
            _guard.contain("quality", self.verdicts.work)
        if self._cohorts is not None:
            _guard.contain("labels", self._cohorts.work)
        if self.retraining is not None:
            _guard.contain("retraining", self.retraining.work)
        return False

    def after_fork(self) -> None:
        """Forget what the parent has seen: it reports that itself."""
        self._sinks.clear()
        self.plans.after_chunk()
        self._lines.clear()
        self._sums.clear()
        self._keys.clear()
        self._contents.clear()
        self._uncertain.clear()
        self.windows.clear()
        self._seen = []
        if self.quality is not None:
            self.quality.clear()
        if self._measurements is not None:
            self._measurements.clear()
        if self._monitor is not None:
            self._monitor.clear()
        if self.verdicts is not None:
            self.verdicts.clear()
        if self._cohorts is not None:
            self._cohorts.clear()
        if self.retraining is not None:
            self.retraining.clear()

    def verdict(self, model: str, version: str) -> dict[str, Any]:
        """Return quality beside training, and the decision to retrain, as what JSON can hold."""
        judged = self.verdicts.of(model, version) if self.verdicts is not None else None
        decided = self.retraining.of(model, version) if self.retraining is not None else None
        return {
            "quality": judged.to_dict() if judged is not None else None,
            "retraining": decided.to_dict() if decided is not None else None,
        }

    def leave(self) -> None:
        """Write what the next process goes on with: this one ends."""
        if self._cohorts is not None:
            _guard.contain("labels", self._cohorts.stop)

    def stop(self, timeout_s: float) -> None:
        """End what is being told of a retraining, within a time."""
        if self.retraining is not None:
            self.retraining.stop(timeout_s)

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
        id_text = self._ids.shown(record)
        problems = list(results.problems)
        plan = _guard.call("span template", self.plans.emit, record, results, id_text)
        try:
            if plan is None:
                complete_spans(record, prediction_attributes(record, results, id_text))
        finally:
            if self._measurements is not None:
                problems += self._measure(self._measurements, record, results, plan)
        self._show(record, results)
        if self.logs.enabled and (
            record.error
            or low_confidences(results, self._low)
            or random.random() < self.logs.sample_ratio
        ):
            self._log(record, results, id_text, plan)
        for problem in problems:
            self._warn_once(record, problem)
        record.features = record.exception = None

    def _show(self, record: PredictionRecord, results: Results) -> None:
        """Show a prediction to drift, quality and those who label."""
        if self._monitor is not None:
            features = record.features
            self._seen.append(
                (record.model, record.version, features, record.feature_names, results)
            )
            if features is not None and features.rows > 1:
                self._watch()  # many rows do not wait: a run of them would be large
        if self.quality is not None:
            _guard.call("quality", self.quality.take, record, results)
        if self._reviews.is_on:
            _guard.call("review", self._reviews.take, record, results)
        if record.opaque_ids:
            _guard.call("labels", self._contents.take, record)
        if self.verdicts is not None and self.verdicts.judges:
            _guard.call("quality", self.verdicts.take, record, results)

    def _log(
        self, record: PredictionRecord, results: Results, id_text: str, plan: Plan | None
    ) -> None:
        """Log a prediction, from a template where that can be done."""
        if plan is not None and not self.logs.features:
            write = self._lines.write
            if _guard.call("log template", write, plan.event, record, self.plans.values):
                return
        log_prediction(record, prediction_attributes(record, results, id_text), self.logs)

    def _measure(
        self, to: Measurements, record: PredictionRecord, results: Results, plan: Plan | None
    ) -> list[str]:
        """Measure a prediction and its features; return what is wrong with these."""
        if plan is None or plan.measured is None:
            to.take(record, results)
        else:
            to.take_planned(plan.measured, record, results)
        mismatch = self.windows.take(record)
        if mismatch is None:
            return []
        to.count_mismatch(record, mismatch.reason)
        return [mismatch.problem]

    def _warn_once(self, record: PredictionRecord, problem: str) -> None:
        kind = (record.model, problem.split(" ", 1)[0])
        if kind not in self._warned and len(self._warned) < _MAX_WARNINGS:
            self._warned.add(kind)
            warn(record, "otelml: model %s: %s", record.model, problem)
