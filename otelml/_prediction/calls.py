"""What a prediction learns from the model calls inside it: stages, results, the model's facts."""

from __future__ import annotations

from typing import Any

import numpy as np

from otelml import semconv
from otelml._prediction.results import keep_result
from otelml._prediction.text import error_type
from otelml._records.prediction import Call, PredictionRecord, StageRecord


def take_result(call: Call) -> None:
    """Keep what a call returned, in the prediction it is part of."""
    record, result, method = call.prediction, call.result, call.method
    if record.classes is None:
        record.classes = call.info.classes
    if result is None or isinstance(result, list):  # a list of arrays: several outputs at once
        return
    if method == "predict_proba":
        keep_result(record, None, probabilities=result)
    elif method == "predict_log_proba" and record.probabilities is None:
        keep_result(record, None, probabilities=np.exp(np.asarray(result, dtype=np.float64)))
    elif method == "predict":
        shape: tuple[int, ...] = getattr(result, "shape", ())
        if len(shape) > 1 and shape[1] != 1:
            return
        if _is_value(call.info.task, result):
            keep_result(record, None, value=result)
        else:
            keep_result(record, result.ravel() if len(shape) > 1 else result)


def _is_value(task: str, result: Any) -> bool:
    if task:
        return task == "regression"
    dtype = getattr(result, "dtype", None)
    return getattr(dtype, "kind", "") == "f"


def complete_from_calls(record: PredictionRecord) -> None:
    """Infer what the application did not say, then let go of the calls' inputs."""
    calls, record.calls = record.calls, []
    info = calls[-1].info
    record.framework = record.framework or info.framework
    record.task = record.task or info.task
    if record.classes is None:
        record.classes = info.classes
    if record.feature_names is None:
        record.feature_names = info.feature_names
    if not record.stages:
        _infer_stages(record, calls)


def _infer_stages(record: PredictionRecord, calls: list[Call]) -> None:
    first, last = calls[0], calls[-1]
    end = record.end_ns
    inference = min(first.final_start_ns or first.start_ns, end)
    post = min(max(last.final_end_ns or last.end_ns or end, inference), end)
    bounds = (record.start_ns, inference, post, end)
    for name, start, stop in zip(semconv.STAGES, bounds, bounds[1:], strict=False):
        if start == stop and (name != semconv.STAGE_INFERENCE) and not record.in_request:
            continue  # a bare call has no stage before or after the model
        record.stages.append(StageRecord(name, start, stop, inferred=True))
    failed = next((call for call in calls if call.error is not None), None)
    if record.error and record.stages:
        place = semconv.STAGE_INFERENCE if failed is not None else record.stages[-1].name
        for stage in record.stages:
            if stage.name == place:
                error = failed.error if failed is not None else None
                stage.error = error_type(error) if error is not None else record.error
