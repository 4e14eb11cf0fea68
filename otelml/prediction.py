"""What a user holds: a prediction and its stages.

Everything here runs on the request thread, so it takes readings and copies little; the worker
does the rest. Nothing here raises but the application's own errors.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from time import perf_counter_ns, time_ns
from types import TracebackType
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context, attach, get_current, get_value, set_value

from otelml import _calls, _guard, _results, _runtime, _spans
from otelml._context import PREDICTION_KEY, leave, request_scope
from otelml._ids import prediction_id, prediction_ids
from otelml._results import Results
from otelml._stage import Stage, as_text, error_type
from otelml.windows.snapshot import Snapshot, snapshot

_logger = logging.getLogger("otelml")
_MANY_WAITING = 128
_PLAIN = frozenset((str, int, float, bool))


def _keep(value: Any) -> Any:
    return _guard.call("result", _results.keep, value)


def current_prediction() -> Prediction | None:
    """Return the prediction that encloses the caller; None outside one.

    In auto mode that is the prediction that the last model call of the request made.
    """
    found = get_value(PREDICTION_KEY)
    return found if isinstance(found, Prediction) else None


class Prediction:
    """One prediction, of one row or a batch: a context manager, sync and async.

    Args:
        model: Name of the model; that of ``init(model=)`` by default.
        version: Version of the model.
        variant: ``champion``, ``canary``, ``shadow``, or a name of your own.
        features: What the model sees: a mapping, a row, a 2-D array, a list of mappings, a
            pandas or polars DataFrame. Values never leave the process unless asked.
    """

    __slots__ = (
        "_anchor_ns",
        "_id",
        "_own_result",
        "_perf_ns",
        "_token",
        "calls",
        "classes",
        "confidence",
        "end_ns",
        "error",
        "exception",
        "feature_names",
        "features",
        "framework",
        "in_request",
        "inferred",
        "label",
        "model",
        "outer",
        "own",
        "probabilities",
        "random_ids",
        "records",
        "results",
        "rows",
        "runtime",
        "span",
        "spans",
        "stages",
        "start_ns",
        "task",
        "value",
        "variant",
        "version",
    )  # fmt: skip

    def __init__(
        self,
        model: str | None = None,
        *,
        version: str | None = None,
        variant: str | None = None,
        features: Any = None,
    ) -> None:
        runtime = _runtime.current()
        config = runtime.config if runtime is not None else None
        self.runtime = runtime
        given = "" if model is None else as_text(model)
        self.model = given or (config.model if config else None) or "model"
        default = config.model_version if config and given in ("", config.model) else None
        self.version = (default or "") if version is None else as_text(version)
        self.variant = "" if variant is None else as_text(variant)
        self.framework = self.task = ""
        self.features: Snapshot | None = None
        self.feature_names: tuple[str, ...] | None = None
        self.classes: tuple[Any, ...] | None = None
        self.label: Any = None
        self.value: Any = None
        self.confidence: Any = None
        self.probabilities: Any = None
        self.rows: int | None = None
        self.error = ""
        self.exception: BaseException | None = None
        self.stages: list[Stage] = []
        self.calls: list[Any] = []
        self.inferred = self.in_request = False
        self.records = False
        self.span: trace.Span = trace.INVALID_SPAN
        self.start_ns = self.end_ns = self._anchor_ns = self._perf_ns = 0
        self._own_result = False
        self._id: str | None = None
        self.results: Results | None = None
        self._token: Any = None
        self.own: Context | None = None
        self.outer: Context | None = None
        self.random_ids: tuple[int, int] | None = None
        if features is not None:
            self.set_features(features)

    # --- life -------------------------------------------------------------------------------

    def __enter__(self) -> Prediction:
        return self.start(None)

    def start(self, start_ns: int | None) -> Prediction:
        """Begin, at ``start_ns`` (nanoseconds since the epoch) where it began earlier."""
        runtime = self.runtime
        if runtime is None:
            return self
        if self.start_ns:
            _logger.warning(
                "otelml: a prediction of model %s was entered twice; create a new one each time",
                self.model,
            )
            return self
        self._perf_ns = perf_counter_ns()
        self._anchor_ns = time_ns()
        self.start_ns = self._anchor_ns if start_ns is None else start_ns
        context = get_current()
        self.spans = runtime.choose_spans()
        name = f"predict {self.model}"
        self.span = span = self.spans.start(name, context, self.start_ns)
        self.records = span.is_recording()
        runtime.active.change((self.model, self.version), 1)
        self.outer = context
        context = trace.set_span_in_context(span, context)
        self.own = set_value(PREDICTION_KEY, self, context)
        self._token = attach(self.own)
        scope = request_scope.get()
        if scope is not None:
            scope.last = self
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.finish(exc)

    def finish(self, exc: BaseException | None, end_ns: int | None = None) -> None:
        """End; a second call does nothing."""
        runtime = self.runtime
        if runtime is None or self.end_ns or not self.start_ns:
            return
        self.end_ns = self.now_ns() if end_ns is None else end_ns
        self.rows = self.row_count()
        leave(self.own, self._token)
        self._token = None
        if exc is not None and not isinstance(exc, GeneratorExit):
            self.error = error_type(exc)
            self.exception = exc
        runtime.active.change((self.model, self.version), -1)
        _guard.call("prediction", _close, self, runtime)

    async def __aenter__(self) -> Prediction:
        return self.start(None)

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.finish(exc)

    def now_ns(self) -> int:
        """Return the time, nanoseconds since the epoch, by the clock of this prediction."""
        return self._anchor_ns + perf_counter_ns() - self._perf_ns

    # --- what is known ----------------------------------------------------------------------

    def stage(self, name: str) -> Stage:
        """Return a stage: ``with prediction.stage("inference"): ...``, sync or async."""
        return Stage(self, name)

    def set_features(self, features: Any) -> None:
        """Say what the model sees, where it was not known at the start."""
        runtime = self.runtime
        keep = runtime.config.metrics.feature_window_rows if runtime else 1
        self.features = _guard.call("features", snapshot, features, keep)

    def set_result(
        self,
        *,
        label: Any = None,
        value: Any = None,
        confidence: Any = None,
        probabilities: Any = None,
    ) -> None:
        """Say what came out; a part that makes no sense is left out with a warning.

        Args:
            label: The class, or one a row.
            value: The number of a regression, or one a row.
            confidence: 0 to 1, or one a row.
            probabilities: Shape (rows, classes), or a mapping of label to probability.
        """
        if self.end_ns:
            _logger.warning(
                "otelml: set_result() of model %s came after the prediction had ended and is "
                "ignored; call it inside the block",
                self.model,
            )
            return
        self._own_result = True
        self.keep_result(label, value, confidence, probabilities)

    def keep_result(
        self, label: Any, value: Any = None, confidence: Any = None, probabilities: Any = None
    ) -> None:
        """Take in parts of a result, those given."""
        self._id = None
        if label is not None:
            self.label = label if type(label) in _PLAIN else _keep(label)
        if value is not None:
            self.value = value if type(value) in _PLAIN else _keep(value)
        if confidence is not None:
            self.confidence = confidence if type(confidence) in _PLAIN else _keep(confidence)
        if probabilities is not None:
            self.probabilities = _keep(probabilities)

    @property
    def has_own_result(self) -> bool:
        """Whether the application has set a result itself."""
        return self._own_result

    @property
    def id(self) -> str:
        """The prediction id: a signed token to hand to a client; empty without ``init``."""
        if self._id is None:
            self._id = _guard.call("prediction id", prediction_id, self, 0) or ""
        return self._id

    @property
    def ids(self) -> Sequence[str]:
        """One prediction id a row, for a batch."""
        return _guard.call("prediction id", prediction_ids, self) or []

    def row_count(self) -> int:
        """Return how many rows the prediction has, by its features, else by its results."""
        if self.rows is not None:
            return self.rows
        if self.features is not None:
            return self.features.rows
        for result in (self.label, self.value, self.confidence):
            count = _results.rows_of(result)
            if count is not None and result is not None:
                return count
        # One row of probabilities may come as a vector.
        matrix = getattr(self.probabilities, "ndim", 0) > 1
        nested = isinstance(self.probabilities, list) and any(
            isinstance(row, (tuple, list)) for row in self.probabilities
        )
        return (_results.rows_of(self.probabilities) or 1) if matrix or nested else 1

    def finish_stage(self, stage: Stage) -> None:
        """Take in a stage that has ended."""
        if self.end_ns:
            self._late(stage)
            return
        self.stages.append(stage)
        if stage.span is not None:
            _spans.end_stage(self, stage)

    def _late(self, stage: Stage) -> None:
        _logger.warning(
            "otelml: stage %s of model %s ended after its prediction; its time is not counted",
            stage.name,
            self.model,
        )
        if stage.span is not None and self.runtime is not None:
            _spans.end_stage(self, stage)
            self.runtime.recorder.submit(_spans.LateStage(self, stage))


def _close(owner: Prediction, runtime: _runtime.Runtime) -> None:
    if owner.calls:
        _calls.complete(owner)
    if owner.records:
        _spans.end_prediction(owner)
    features = owner.features
    if features is not None and features.rows > 1 and len(runtime.recorder.queue) > _MANY_WAITING:
        owner.features = Snapshot(features.rows, None)  # batches must not pile up in memory
    runtime.recorder.submit(owner)
