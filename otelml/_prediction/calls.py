"""What a prediction learns from the model calls inside it: stages, results, the model's facts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from otelml import semconv
from otelml._prediction.results import keep_result
from otelml._prediction.text import error_type
from otelml._records.model import ModelInfo
from otelml._records.prediction import Call, PredictionRecord, StageRecord
from otelml._records.results import Answer

_RESULTS = frozenset(("predict", "predict_proba", "predict_log_proba"))


def take_result(call: Call) -> None:
    """Keep what a call returned, in the prediction it is part of; the last model's counts."""
    record, result, method = call.prediction, call.result, call.method
    answer = result if isinstance(result, Answer) else None
    if result is None or (answer is None and method not in _RESULTS):
        if record.classes is None:
            record.classes = call.info.classes
        return
    if record.source != id(call.model):
        record.source = id(call.model)
        record.label = record.value = record.confidence = record.probabilities = None
        record.notes, record.undecided = (), ""
        record.classes = call.info.classes
    if answer is not None:
        problem = _take_answer(record, answer)
    elif method == "predict":
        problem = _take_output(record, call.info, result)
    else:
        problem = _take_probabilities(record, call, result)
    if problem:
        leave_out(record, problem)


def leave_out(record: PredictionRecord, problem: str) -> None:
    """Remember why the result of a call is no result of the prediction."""
    if problem not in record.notes:
        record.notes = (*record.notes, problem)


def _take_answer(record: PredictionRecord, answer: Answer) -> str:
    if answer.classes is not None:
        record.classes = answer.classes
    keep_result(record, answer.label, answer.value, None, answer.probabilities)
    return answer.left_out


def _take_output(record: PredictionRecord, info: ModelInfo, result: Any) -> str:
    shape: tuple[int, ...] | None = getattr(result, "shape", None)
    if shape is None:
        nested = isinstance(result, list) and len(result) and hasattr(result[0], "__len__")
        if not isinstance(result, list) or (nested and not isinstance(result[0], (str, bytes))):
            return f"predict returned a {type(result).__name__}, not one value a row; left out"
    elif len(shape) > 1 and shape[1] != 1:
        return f"predict returned {shape[1]} outputs a row; labels and values are left out"
    if _is_value(info.task, result):
        keep_result(record, None, value=result)
    else:
        column: Any = result
        keep_result(record, column.ravel() if shape and len(shape) > 1 else column)
    return ""


def _take_probabilities(record: PredictionRecord, call: Call, result: Any) -> str:
    several = isinstance(result, list) and len(result) and hasattr(result[0], "ndim")
    if several or isinstance(result, (tuple, dict)):
        return f"{call.method} returned a {type(result).__name__}, one entry an output; left out"
    if call.method == "predict_log_proba":
        if record.probabilities is not None:
            return ""
        result = np.exp(np.asarray(result, dtype=np.float64))
    keep_result(record, None, probabilities=result)
    decision = call.info.decision
    if decision is None or (record.label is not None and not isinstance(decision, str)):
        return ""
    if not isinstance(decision, str):
        decision = decision(call.model, np.asarray(result))
    if isinstance(decision, str):
        record.undecided = decision
    elif record.classes is not None:
        record.label = [record.classes[i] for i in decision]
    return ""


def _is_value(task: str, result: Any) -> bool:
    if task:
        return task == "regression"
    if isinstance(result, list):
        return bool(result) and all(isinstance(value, float) for value in result)
    dtype = getattr(result, "dtype", None)
    return getattr(dtype, "kind", "") == "f"


def complete_from_calls(record: PredictionRecord) -> None:
    """Infer what the application did not say, then let go of the calls' inputs."""
    calls, record.calls = record.calls, ()
    info = calls[-1].info
    record.framework = record.framework or info.framework
    record.task = record.task or info.task
    if record.classes is None:
        record.classes = info.classes
    if record.feature_names is None:
        record.feature_names = info.feature_names
    if not record.stages:
        _infer_stages(record, calls)


def _infer_stages(record: PredictionRecord, calls: Sequence[Call]) -> None:
    end = record.end_ns
    # Calls on several threads overlap: the model runs from the first start to the last end.
    starts = [call.final_start_ns or call.start_ns or end for call in calls]
    ends = [call.final_end_ns or call.end_ns or end for call in calls]
    inference = min(*starts, end)
    post = min(max(*ends, inference), end)
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
