"""A second model on the same rows, beside the requests: a queue, a thread, what came of it.

The request thread copies the rows and appends them; it waits for nothing that the shadow does.
What does not fit is dropped and counted, so a shadow that is slow, or hangs for ever, costs rows
of its own comparison and nothing else.
"""

from __future__ import annotations

import logging
import math
from collections import Counter, deque
from dataclasses import dataclass
from os import getpid
from typing import Any, NamedTuple

from opentelemetry.context import Context, attach
from opentelemetry.trace import Link

from otelml import _guard, _threads
from otelml import semconv_variants as names
from otelml._prediction import (
    OpenPrediction,
    Prediction,
    current_open,
    current_runtime,
    detach,
    opened,
)
from otelml._records.prediction import PredictionRecord
from otelml._variants.compare import Compared, compare_results
from otelml._variants.rows import copied, counted
from otelml.semconv import ML_MODEL_NAME, ML_MODEL_VERSION, STAGE_INFERENCE

_COMPONENT = "shadow"
_logger = logging.getLogger("otelml")
Pair = tuple[str, str, str]


class _Task(NamedTuple):
    champion: OpenPrediction
    rows: Any
    many: int


@dataclass(frozen=True)
class ShadowSummary:
    """What a shadow has been compared with so far, in this process.

    Args:
        predictions: Predictions of the champion that were compared.
        rows: Rows for which both have a label.
        disagreements: Those whose labels differ.
        distances: Rows for which there is a distance.
        distance_sum: Their distances, added up.
        dropped: Predictions that were not compared, by reason.
    """

    predictions: int
    rows: int
    disagreements: int
    distances: int
    distance_sum: float
    dropped: dict[str, int]

    @property
    def disagreement_rate(self) -> float:
        """The share of rows whose labels differ; NaN where none was compared."""
        return self.disagreements / self.rows if self.rows else math.nan

    @property
    def mean_distance(self) -> float:
        """The mean distance of a row; NaN where there is none."""
        return self.distance_sum / self.distances if self.distances else math.nan


@dataclass
class PairCounts:
    """Sums of one pair of versions."""

    predictions: int = 0
    rows: int = 0
    disagreements: int = 0
    distances: int = 0
    distance_sum: float = 0.0


class Shadow:
    """A model that runs on the champion's rows; made by :func:`otelml.shadow`.

    Args:
        model: Anything with ``predict`` (and ``predict_proba``), or a function of rows.
        version: Its version.
        of: Name of the champion's model; None is any.
        queue: Predictions that may wait.
        max_rows: Rows that may wait, all together.
    """

    def __init__(self, model: Any, version: str, of: str | None, queue: int, max_rows: int) -> None:
        self._model = model
        self.version = version
        self.of = of
        self._queue = queue
        self._max_rows = max_rows
        self._closed = False
        self._renew()

    def _renew(self) -> None:
        """Start empty: in a forked child, what waits is the parent's."""
        # Re-entrant: a signal handler may predict on the same thread.
        self._lock = _threads.RLock()
        self._waiting: deque[_Task] = deque()
        self._rows = 0
        self._pending = 0
        self._thread: _threads.Thread | None = None
        self._wake = _threads.Event()
        self._idle = _threads.Event()
        self._idle.set()
        self.pairs: dict[Pair, PairCounts] = {}
        self.dropped: Counter[tuple[str, str]] = Counter()
        self._pid = getpid()

    def after_fork(self) -> None:
        """Become this process's own."""
        if self._pid != getpid():
            self._renew()

    # --- the request thread -----------------------------------------------------------------

    def see(self, rows: Any) -> None:
        """Say what the shadow is to be given, where otelml does not see the champion's call.

        Inside a prediction, whose result the shadow's is compared with when it ends.

        Args:
            rows: What the champion was given, as its ``predict`` takes it.
        """
        current: OpenPrediction | None = current_open()
        if current is not None:
            kept = _guard.call(_COMPONENT, copied, rows)
            current.shadow_said = {**(current.shadow_said or {}), self: kept}

    def wants(self, record: PredictionRecord) -> bool:
        """Whether a prediction is one of the champion's."""
        is_own = record.variant == names.VARIANT_SHADOW
        return not self._closed and not is_own and self.of in (None, record.model)

    def _no_room_for(self, count: int) -> str:
        """Return why so many rows cannot wait; empty where they can."""
        if count > self._max_rows:
            return names.REASON_TOO_MANY_ROWS
        is_full = self._pending >= self._queue or self._rows + count > self._max_rows
        return names.REASON_QUEUE_FULL if is_full else ""

    def has_room_for(self, rows: Any) -> bool:
        """Whether rows could wait now: they are not copied for nothing."""
        if self._pid != getpid():
            self._renew()
        return not self._no_room_for(counted(rows))

    def count_dropped(self, record: OpenPrediction) -> None:
        """Count a prediction whose rows were not kept, as there was no room for them."""
        rows = record.rows or 1
        reason = self._no_room_for(rows) or names.REASON_QUEUE_FULL
        with self._lock:
            self.dropped[record.model, reason] += 1

    def take(self, record: OpenPrediction, rows: Any) -> None:
        """Have a prediction's rows shadowed, unless there are too many; returns at once."""
        if self._pid != getpid():
            self._renew()
        count = counted(rows)
        with self._lock:
            reason = self._no_room_for(count)
            if reason:
                self.dropped[record.model, reason] += 1
                return
            self._pending += 1
            self._rows += count
            self._idle.clear()
        self._waiting.append(_Task(record, rows, count))
        self._start()
        self._wake.set()

    def _leave(self, count: int) -> None:
        self._pending -= 1
        self._rows -= count
        if not self._pending:
            self._idle.set()

    def _start(self) -> None:
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                return
            thread = _threads.Thread(self._run, name="otelml-shadow")
            try:
                thread.start()
            except RuntimeError as error:  # not before the fork; the next one tries again
                _guard.report(_COMPONENT, error, expected=True)
                return
            self._thread = thread

    # --- the thread -------------------------------------------------------------------------

    def _run(self) -> None:
        waiting, wake = self._waiting, self._wake
        while not self._closed:
            wake.wait()
            wake.clear()
            while waiting:
                task = waiting.popleft()
                try:
                    _guard.contain(_COMPONENT, self._one, task)
                finally:
                    with self._lock:
                        self._leave(task.many)
                del task

    def _one(self, task: _Task) -> None:
        champion = task.champion
        if current_runtime() is None or self._closed:
            return
        span = champion.span.get_span_context()
        token = attach(Context())
        try:
            prediction = Prediction(
                champion.model, version=self.version, variant=names.VARIANT_SHADOW
            )
            record: OpenPrediction = opened(prediction)
            record.links = (Link(span),) if span.is_valid else ()
            told = (prediction, record, champion, task.rows)
            done = _guard.contain(_COMPONENT, self._predict, *told)
        finally:
            detach(token)
        found = compare_results(champion, record) if done else None
        if found is None:
            reason = names.REASON_NOT_COMPARABLE if done else names.REASON_FAILED
            with self._lock:
                self.dropped[champion.model, reason] += 1
            return
        self._count((champion.model, champion.version, self.version), found)

    def _predict(
        self, prediction: Prediction, record: OpenPrediction, champion: OpenPrediction, rows: Any
    ) -> bool:
        model = self._model
        with prediction:
            with prediction.stage(STAGE_INFERENCE):
                output = getattr(model, "predict", model)(rows)
                of_classes = champion.value is None
                ask = getattr(model, "predict_proba", None) if of_classes else None
                matrix = ask(rows) if callable(ask) else None
            if record.classes is None:
                classes = getattr(model, "classes_", None)
                record.classes = tuple(classes) if classes is not None else None
            if of_classes:
                prediction.set_result(label=output, probabilities=matrix)
            else:
                prediction.set_result(value=output)
        return True

    def _count(self, pair: Pair, found: Compared) -> None:
        total = float(found.distances.sum())
        with self._lock:
            counts = self.pairs.setdefault(pair, PairCounts())
            counts.predictions += 1
            counts.rows += found.rows
            counts.disagreements += found.disagreements
            counts.distances += len(found.distances)
            counts.distance_sum += total
        runtime = current_runtime()
        distance = runtime.shadow_distance if runtime is not None else None
        if distance is not None:
            attributes = (ML_MODEL_NAME, ML_MODEL_VERSION, names.ML_SHADOW_VERSION)
            key = tuple(zip(attributes, pair, strict=True))
            distance.write_all(found.distances, key, 0, None)

    # --- what is known ----------------------------------------------------------------------

    def summary(self) -> ShadowSummary:
        """Return what came of it so far, all versions of the champion together."""
        with self._lock:
            counts = list(self.pairs.values())
            dropped: Counter[str] = Counter()
            for (_, reason), count in self.dropped.items():
                dropped[reason] += count
            return ShadowSummary(
                sum(one.predictions for one in counts),
                sum(one.rows for one in counts),
                sum(one.disagreements for one in counts),
                sum(one.distances for one in counts),
                math.fsum(one.distance_sum for one in counts),
                dict(dropped),
            )

    def wait(self, timeout_s: float = 5.0) -> bool:
        """Wait until nothing waits to be compared; return whether that is so.

        Args:
            timeout_s: Seconds to wait at most.
        """
        return self._idle.wait(timeout_s)

    def close(self) -> None:
        """Take no more predictions; what waits is let go of."""
        self._closed = True
        self._wake.set()

    @property
    def is_closed(self) -> bool:
        """Whether it takes no more predictions."""
        return self._closed
