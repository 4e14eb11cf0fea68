"""What is measured of each prediction."""

from __future__ import annotations

from collections import Counter

import numpy as np
from opentelemetry import trace

from otelml import semconv
from otelml._metrics import BoundStream, Instruments, Key, Sums, model_key, variant_key
from otelml._records.prediction import PredictionRecord
from otelml._records.request import FailedRequest
from otelml._records.results import Results
from otelml.config import MetricOptions

Labels = Counter[str] | None  # rows of each label, where there are several rows


def low_confidences(results: Results, limit: float) -> int:
    """Return in how many rows the confidence is below ``limit``."""
    if results.confidence is None:
        return 0
    if results.confidences is None:
        return int(results.confidence < limit)
    with np.errstate(invalid="ignore"):
        return int((results.confidences < limit).sum())


class Measured:
    """The streams of predictions that are alike, and what waits for them.

    Args:
        streams: Of the duration, the rows, and each stage.
        confidence: Of the confidence, where they have one.
        value: Of the value, where they have one.
        key: The model.
        labelled: The model and the label.
        described: The model, its framework and task.
    """

    __slots__ = (
        "_confidence", "_duration", "_rows", "_stages", "_value", "described", "key", "labelled",
        "waiting",
    )  # fmt: skip

    def __init__(
        self,
        streams: list[BoundStream],
        confidence: BoundStream | None,
        value: BoundStream | None,
        key: Key,
        labelled: Key,
        described: Key,
    ) -> None:
        self._duration, self._rows, *self._stages = streams
        self._confidence = confidence
        self._value = value
        self.key = key
        self.labelled = labelled
        self.described = described
        self.waiting: list[tuple[PredictionRecord, Results]] = []

    def write(self, low_confidence: float) -> int:
        """Record what waits, stream by stream; return how many confidences are low."""
        waiting, self.waiting = self.waiting, []
        low = 0
        times = [one.end_ns for one, _ in waiting]
        spans = [one.span for one, _ in waiting]
        durations = [(one.end_ns - one.start_ns) / 1e9 for one, _ in waiting]
        self._duration.write_run(durations, times, spans)
        self._rows.write_run([1] * len(waiting), times, spans)
        for place, stream in enumerate(self._stages):
            stages = [one.stages[place] for one, _ in waiting]
            stream.write_run(
                [(stage.end_ns - stage.start_ns) / 1e9 for stage in stages],
                [stage.end_ns for stage in stages],
                [stage.span for stage in stages],
            )
        if self._confidence is not None:
            sure = [found.confidence or 0.0 for _, found in waiting]
            low = sum(map(float(low_confidence).__gt__, sure))
            self._confidence.write_run(sure, times, spans)
        if self._value is not None:
            values = [float(found.values[0]) for _, found in waiting if found.values is not None]
            self._value.write_run(values, times, spans)
        return low


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
        self._planned: list[Measured] = []

    def take(self, record: PredictionRecord, results: Results) -> None:
        """Measure one prediction that has ended."""
        to, span, when = self._to, record.span, record.end_ns
        key = variant_key(record)
        failed = ((semconv.ERROR_TYPE, record.error),) if record.error else ()
        rows = record.rows or 0
        to.duration.gather((when - record.start_ns) / 1e9, (*key, *failed), when, span)
        self._stages(record, key)
        to.rows.gather(rows, key, when, span)
        counts = Counter(results.labels) if len(results.labels) > 1 else None
        self._count_labels(results, counts, (*key, *failed), rows, failed=bool(failed))
        self._confidences(results, counts, key, when, span)
        if results.values is not None:
            finite = results.values[np.isfinite(results.values)]
            if len(results.values) == 1:
                for value in finite.tolist():
                    to.value.gather(value, key, when, span)
            else:
                to.value.write_all(finite, key, when, span)
        self._note(_described(record, key))

    def _note(self, described: Key) -> None:
        if len(self.models) < self._options.cardinality_limit:
            self.models[described] = None

    def plan(self, record: PredictionRecord, results: Results) -> Measured | None:
        """Return the streams of all predictions that are like one that was measured before.

        None where it has many rows, or a stream is not one of its own.
        """
        if record.rows != 1 or record.error or len(results.labels) > 1:
            return None
        to, key = self._to, variant_key(record)
        labelled = key
        if results.labels:
            labelled = (*key, (semconv.ML_PREDICTION_LABEL, results.labels[0]))
        streams = [to.duration.known(key), to.rows.known(key)]
        names = [(*key, (semconv.ML_STAGE_NAME, stage.name)) for stage in record.stages]
        streams += map(to.stage_duration.known, names)
        of_confidence = None if results.confidence is None else to.confidence.known(labelled)
        is_value = results.values is not None and bool(np.isfinite(results.values[0]))
        of_value = to.value.known(key) if is_value else None
        if results.confidence is not None:
            streams.append(of_confidence)
        if is_value:
            streams.append(of_value)
        found = [stream for stream in streams if stream is not None]
        if len(found) < len(streams):
            return None
        return Measured(
            found[: 2 + len(record.stages)],
            of_confidence,
            of_value,
            key,
            labelled,
            _described(record, key),
        )

    def take_planned(self, plan: Measured, record: PredictionRecord, results: Results) -> None:
        """Measure one prediction that is like others.

        Args:
            plan: That of :meth:`plan`.
            record: The prediction.
            results: Its results.
        """
        if not plan.waiting:
            self._planned.append(plan)
        plan.waiting.append((record, results))

    def write(self) -> None:
        """Record the measurements of a run of predictions, stream by stream."""
        planned, self._planned = self._planned, []
        for plan in planned:
            self._note(plan.described)
            self._sums.add(self._to.predictions, plan.labelled, len(plan.waiting))
            low = plan.write(self._options.low_confidence)
            if low:
                self._sums.add(self._to.low_confidence, plan.key, low)
        self._to.write_gathered()

    def clear(self) -> None:
        """Forget models and what was gathered, in a child."""
        self.models.clear()
        self._to.forget_gathered()
        planned, self._planned = self._planned, []
        for plan in planned:
            plan.waiting = []

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
            self._to.stage_duration.gather(
                duration_s, stage_key, stage.end_ns, stage.span or record.span
            )

    def _count_labels(
        self, results: Results, counts: Labels, key: Key, rows: int, *, failed: bool
    ) -> None:
        counter, add = self._to.predictions, self._sums.add
        if failed or not results.labels:
            add(counter, key, rows)
        elif counts is None:
            add(counter, (*key, (semconv.ML_PREDICTION_LABEL, results.labels[0])))
        else:
            for name, count in counts.items():
                add(counter, (*key, (semconv.ML_PREDICTION_LABEL, name)), count)

    def _confidences(
        self, results: Results, counts: Labels, key: Key, when: int, span: trace.Span
    ) -> None:
        to = self._to.confidence
        if results.confidence is None:
            return
        low = low_confidences(results, self._options.low_confidence)
        if low:
            self._sums.add(self._to.low_confidence, key, low)
        if results.confidences is None or len(results.confidences) == 1:
            labelled = key
            if results.labels:
                labelled = (*key, (semconv.ML_PREDICTION_LABEL, results.labels[0]))
            to.gather(results.confidence, labelled, when, span)
            return
        finite = np.isfinite(results.confidences)
        if not results.labels:
            to.write_all(results.confidences[finite], key, when, span)
            return
        if counts is None or len(counts) == 1:
            labelled = (*key, (semconv.ML_PREDICTION_LABEL, results.labels[0]))
            to.write_all(results.confidences[finite], labelled, when, span)
            return
        names = {name: place for place, name in enumerate(counts)}
        places = np.fromiter(map(names.__getitem__, results.labels), np.intp, len(results.labels))
        # Sorted once: looking for each label in all rows would take the square of their number.
        order = np.argsort(places, kind="stable")
        bounds = np.searchsorted(places[order], np.arange(1, len(names)))
        for name, rows in zip(names, np.split(order, bounds), strict=True):
            labelled = (*key, (semconv.ML_PREDICTION_LABEL, name))
            chosen = rows[finite[rows]]
            to.write_all(results.confidences[chosen], labelled, when, span)


def _described(record: PredictionRecord, key: Key) -> Key:
    framework = (semconv.ML_MODEL_FRAMEWORK, record.framework)
    return (*key, framework, (semconv.ML_MODEL_TASK, record.task))
