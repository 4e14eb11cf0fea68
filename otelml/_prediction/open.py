"""A prediction under way on a request thread: its record, and what begins and ends it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from time import perf_counter_ns, time_ns
from typing import Any

from opentelemetry.context import Context

from otelml import _guard
from otelml._features import Snapshot, snapshot
from otelml._prediction.calls import complete_from_calls
from otelml._prediction.context import (
    PREDICTION_KEY,
    leave,
    prediction_ended,
    request_scope,
    request_visit,
)
from otelml._prediction.results import results_of, row_count
from otelml._prediction.runtime import Runtime, current_runtime
from otelml._prediction.serving import is_not_serving
from otelml._prediction.text import as_text, error_type
from otelml._records.prediction import PredictionRecord, StageRecord
from otelml._spans import (
    SPAN_KEY,
    DeferredSpan,
    LateStage,
    attach,
    end_now,
    end_stage,
    get_current,
)

_logger = logging.getLogger("otelml")
_MANY_WAITING = 128
_MANY_ROWS_WAITING = 128_000
_FEW_WAITING = 8


class OpenPrediction(PredictionRecord):
    """A prediction that takes readings; without ``init`` it takes none.

    Args:
        model: Name of the model; that of ``init(model=)`` by default.
        version: Version of the model.
        variant: ``champion``, ``canary``, ``shadow``, or another.
    """

    links: Any = ()  # of a prediction outside requests
    outer: Context | None = None
    own: Context | None = None
    scope: Any = None  # the request it is part of, while it is under way
    shadow_rows: Any = None  # what its last call was given, and a copy
    shadow_said: Any = None  # what shadows are to be given, where that was said
    token: Any = None

    def __init__(
        self, model: str | None, version: str | None = None, variant: str | None = None
    ) -> None:
        self.runtime = runtime = current_runtime()
        config = runtime.config if runtime is not None else None
        given = "" if model is None else as_text(model)
        default = config.model_version if config and given in ("", config.model) else None
        super().__init__(
            given or (config.model if config else None) or "model",
            (default or "") if version is None else as_text(version),
            "" if variant is None else as_text(variant),
        )

    def start(self, handle: object, start_ns: int | None = None) -> None:
        """Begin, at ``start_ns`` (nanoseconds since the epoch) where it began earlier.

        Args:
            handle: What ``current_prediction`` finds from now on.
            start_ns: The start; now by default.
        """
        runtime = self.runtime
        if runtime is None:
            return
        if self.start_ns:
            _logger.warning(
                "otelml: a prediction of model %s was entered twice; create a new one each time",
                self.model,
            )
            return
        context = get_current()
        if is_not_serving(context):
            self.runtime = None
            return
        self.perf_ns = perf_counter_ns()
        self.anchor_ns = time_ns()
        self.start_ns = self.anchor_ns if start_ns is None else start_ns
        self.spans = runtime.choose_spans()
        name = f"predict {self.model}"
        scope = request_scope.get()
        self.outer = context
        if scope is None:
            span = self.spans.start(name, context, self.start_ns, self.links)
        else:
            context, links = scope.place(self, context)
            span = self.spans.start(name, context, self.start_ns, links)
        self.span = span
        self.records = span.is_recording()
        runtime.active.change((self.model, self.version), 1)
        self.own = own = Context({**context, SPAN_KEY: span, PREDICTION_KEY: handle})
        self.token = attach(own)
        visit = request_visit.get()
        if visit is not None:
            visit.last = self

    def finish(self, exc: BaseException | None, end_ns: int | None = None) -> None:
        """End; a second call does nothing."""
        runtime = self.runtime
        if runtime is None or self.end_ns or not self.start_ns:
            return
        scope = self.scope
        now_ns = self.now_ns() if end_ns is None else end_ns
        if scope is None:
            self.end_ns = now_ns
        else:
            self.scope = None
            scope.end(self, now_ns)
        self.rows = row_count(self)
        leave(self.own, self.token)
        self.token = None
        if exc is not None and not isinstance(exc, GeneratorExit):
            self.error = error_type(exc)
            self.exception = exc
        runtime.active.change((self.model, self.version), -1)
        _guard.call("prediction", self._close, runtime)

    def _close(self, runtime: Runtime) -> None:
        if prediction_ended.value is not None:
            _guard.call("shadow", prediction_ended.value, self)
        if self.calls:
            complete_from_calls(self)
        if self.records:
            if self.spans.deferred:
                self.spans.end(self.span, self.end_ns)
            else:
                end_now(self, results_of(self), runtime.ids.one(self))
        features, queue = self.features, runtime.recorder.queue
        rows = features.rows if features is not None else 1
        if features is not None and rows > 1 and len(queue) > _may_wait(rows):
            self.features = Snapshot(features.rows, None)  # batches must not pile up in memory
        runtime.recorder.submit(self)

    # --- what is known ----------------------------------------------------------------------

    def set_features(self, features: Any) -> None:
        """Say what the model sees, where it was not known at the start."""
        runtime = self.runtime
        keep = runtime.rows_kept if runtime else 1
        self.features = _guard.call("features", snapshot, features, keep)

    @property
    def id(self) -> str:
        """The prediction id; empty without ``init``."""
        if self.runtime is None:
            return ""
        return _guard.call("prediction id", self.runtime.ids.one, self) or ""

    @property
    def ids(self) -> Sequence[str]:
        """One prediction id a row."""
        if self.runtime is None:
            return [""] * row_count(self)
        return _guard.call("prediction id", self.runtime.ids.all, self) or []

    def finish_stage(self, stage: StageRecord) -> None:
        """Take in a stage that has ended."""
        if not self.end_ns:
            self.stages.append(stage)
            span = stage.span
            if type(span) is DeferredSpan:
                if span.end_time is None:
                    span.end_time = stage.end_ns
            elif span is not None:
                end_stage(self, stage)
            return
        _logger.warning(
            "otelml: stage %s of model %s ended after its prediction; its time is not counted",
            stage.name,
            self.model,
        )
        if stage.span is not None and self.runtime is not None:
            end_stage(self, stage)
            self.runtime.recorder.submit(LateStage(self, stage))


def _may_wait(rows: int) -> int:
    """Return how many predictions may wait before a batch of so many rows keeps no features."""
    return min(_MANY_WAITING, max(_FEW_WAITING, _MANY_ROWS_WAITING // rows))
