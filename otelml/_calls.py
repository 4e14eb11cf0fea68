"""What a prediction learns from the model calls inside it: stages, results, the model's facts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from otelml import semconv
from otelml._stage import Stage, error_type

if TYPE_CHECKING:
    from otelml._models import ModelInfo
    from otelml.prediction import Prediction


class Call:
    """One top-level call of a model.

    Args:
        model: The model object.
        info: How it is reported.
        method: ``predict``, ``predict_proba``, …
        data: What it was called with.
        prediction: The prediction it is part of.
    """

    __slots__ = (
        "data", "end_ns", "error", "final_end_ns", "final_start_ns", "info", "method", "model",
        "prediction", "result", "start_ns", "token",
    )  # fmt: skip

    def __init__(
        self, model: Any, info: ModelInfo, method: str, data: Any, prediction: Prediction
    ) -> None:
        self.model = model
        self.info = info
        self.method = method
        self.data = data
        self.prediction = prediction
        self.start_ns = self.end_ns = self.final_start_ns = self.final_end_ns = 0
        self.result: Any = None
        self.error: BaseException | None = None
        self.token: Any = None

    def final_started(self) -> None:
        """Say that the final estimator starts now: what was before is feature extraction."""
        if not self.final_start_ns:
            self.final_start_ns = self.prediction.now_ns()

    def final_ended(self) -> None:
        """Say that the final estimator has ended."""
        self.final_end_ns = self.prediction.now_ns()


def take_result(call: Call) -> None:
    """Keep what a call returned, in the prediction it is part of."""
    owner, result, method = call.prediction, call.result, call.method
    if owner.classes is None:
        owner.classes = call.info.classes
    if result is None or isinstance(result, list):  # a list of arrays: several outputs at once
        return
    if method == "predict_proba":
        owner.keep_result(None, probabilities=result)
    elif method == "predict_log_proba" and owner.probabilities is None:
        owner.keep_result(None, probabilities=np.exp(np.asarray(result, dtype=np.float64)))
    elif method == "predict":
        shape: tuple[int, ...] = getattr(result, "shape", ())
        if len(shape) > 1 and shape[1] != 1:
            return
        if _is_value(call.info.task, result):
            owner.keep_result(None, value=result)
        else:
            owner.keep_result(result.ravel() if len(shape) > 1 else result)


def _is_value(task: str, result: Any) -> bool:
    if task:
        return task == "regression"
    dtype = getattr(result, "dtype", None)
    return getattr(dtype, "kind", "") == "f"


def complete(owner: Prediction) -> None:
    """Infer what the application did not say, then let go of the calls' inputs."""
    calls, owner.calls = owner.calls, []
    info = calls[-1].info
    owner.framework = owner.framework or info.framework
    owner.task = owner.task or info.task
    if owner.classes is None:
        owner.classes = info.classes
    if owner.feature_names is None:
        owner.feature_names = info.feature_names
    if not owner.stages:
        _infer_stages(owner, calls)


def _infer_stages(owner: Prediction, calls: list[Call]) -> None:
    first, last = calls[0], calls[-1]
    end = owner.end_ns
    inference = min(first.final_start_ns or first.start_ns, end)
    post = min(max(last.final_end_ns or last.end_ns or end, inference), end)
    bounds = (owner.start_ns, inference, post, end)
    for name, start, stop in zip(semconv.STAGES, bounds, bounds[1:], strict=False):
        if start == stop and (name != semconv.STAGE_INFERENCE) and not owner.in_request:
            continue  # a bare call has no stage before or after the model
        stage = Stage(owner, name)
        stage.start_ns, stage.end_ns, stage.inferred = start, stop, True
        owner.stages.append(stage)
    failed = next((call for call in calls if call.error is not None), None)
    if owner.error and owner.stages:
        place = semconv.STAGE_INFERENCE if failed is not None else owner.stages[-1].name
        for stage in owner.stages:
            if stage.name == place:
                error = failed.error if failed is not None else None
                stage.error = error_type(error) if error is not None else owner.error
