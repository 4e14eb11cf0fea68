"""Auto mode: from the model calls that instrumentors see to predictions.

A model library's instrumentor brackets each top-level call with :func:`begin_call` and
:func:`end_call`. Neither raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from contextvars import ContextVar
from typing import Any

import numpy as np

from otelml import _guard
from otelml._features import Snapshot
from otelml._prediction import (
    OpenPrediction,
    Prediction,
    current_open,
    current_runtime,
    is_suppressed,
    leave_inferred,
    leave_out,
    model_called,
    opened,
    request_scope,
    take_result,
)
from otelml._records.model import ModelInfo
from otelml._records.prediction import Call, PredictionRecord
from otelml._requests.carry import carry_along
from otelml._requests.models import identify
from otelml._requests.request import RequestScope, finish
from otelml._spans import get_current

_call: ContextVar[Call | None] = ContextVar("otelml-call", default=None)
carry_along(_call)
_NO_LOCK = nullcontext()


def current_call() -> Call | None:
    """Return the top-level model call that encloses the caller; None outside one."""
    call = _call.get()
    return call if call is None or not call.end_ns else None  # on a thread that outlives it


def is_in_request() -> bool:
    """Whether the caller serves: a request is under way, or a prediction that was said."""
    scope: RequestScope | None = request_scope.get()
    if scope is not None and not scope.is_over():
        return True
    current: OpenPrediction | None = current_open()
    return current is not None and not current.inferred


def begin_call(model: Any, method: str, data: Any, framework: str) -> Call | None:
    """Mark the start of a top-level model call.

    Args:
        model: The model object.
        method: The method's name: ``predict``, ``predict_proba``, ``predict_log_proba``,
            ``decision_function`` or ``score_samples``.
        data: What it was called with, rows first.
        framework: As registered with :func:`register_framework`.

    Returns:
        None where otelml is not initialised or the call is inside another one.
    """
    if current_runtime() is None or current_call() is not None or is_suppressed(get_current()):
        return None
    return _guard.call("call", _begin_call, model, method, data, framework)


def _begin_call(model: Any, method: str, data: Any, framework: str) -> Call:
    runtime = current_runtime()
    options = runtime.config if runtime is not None else None
    info = identify(
        model,
        framework,
        options.model if options else None,
        options.model_version if options else None,
    )
    scope: RequestScope | None = request_scope.get()
    if scope is not None and scope.is_over():
        scope = None
    call: Call | None = None
    current: OpenPrediction | None = current_open()
    if current is not None:
        if not current.inferred:
            call = _in_explicit(current, model, info, method, data)
        if call is None:
            leave_inferred()
    if call is None and scope is not None:
        call = _in_request(scope, model, info, method, data)
    if call is None:
        call = _alone(model, info, method, data)
    owner: Any = call.prediction
    if owner.features is None and owner.rows is None:
        _guard.call("rows", _take_rows, owner, data)
    if model_called.value is not None:
        _guard.call("shadow", model_called.value, owner, data)
    call.token = _call.set(call)
    alone = owner.inferred and not owner.in_request
    call.start_ns = owner.start_ns if alone else owner.now_ns()
    return call


def _in_explicit(
    owner: OpenPrediction, model: Any, info: ModelInfo, method: str, data: Any
) -> Call | None:
    with _lock_of(owner):
        if owner.end_ns:
            return None  # the task outlives it
        call = Call(model, info, method, data, owner)
        owner.add_call(call)
    return call


def _in_request(
    scope: RequestScope, model: Any, info: ModelInfo, method: str, data: Any
) -> Call | None:
    lane = scope.lane()
    over: list[OpenPrediction] = []
    with scope.lock():
        if scope.closed:
            return None
        owner = scope.find(model, data) if scope.open else None
        if owner is None:
            over = scope.settle(lane) if scope.open else []
            if over:
                scope.cursor_ns = scope.now_ns()
            owner = _inferred(info, scope.cursor_ns)
            scope.open.append((owner, lane))
        call = Call(model, info, method, data, owner)
        owner.add_call(call)
    for prediction in over:
        # outside the lock, as a span processor of the application's may take its time
        _guard.call("call", finish, prediction, owner.start_ns)
    return call


def _alone(model: Any, info: ModelInfo, method: str, data: Any) -> Call:
    owner = _inferred(info, None)
    call = Call(model, info, method, data, owner)
    owner.add_call(call)
    return call


def _inferred(info: ModelInfo, start_ns: int | None) -> OpenPrediction:
    handle = Prediction(info.name, version=info.version)
    prediction: OpenPrediction = opened(handle)
    prediction.inferred = True
    prediction.in_request = start_ns is not None
    prediction.start(handle, start_ns)
    return prediction


def _lock_of(owner: PredictionRecord) -> Any:
    """Return what keeps other threads of a request off a prediction."""
    scope = getattr(owner, "scope", None)
    return scope.lock() if scope is not None else _NO_LOCK


def end_call(
    call: Call | None, result: Any = None, error: BaseException | None = None, left_out: str = ""
) -> None:
    """Mark the end of a model call.

    Args:
        call: What :func:`begin_call` returned.
        result: What the model returned; a copy is kept.
        error: What it raised.
        left_out: Why what it returned is no result.
    """
    if call is not None:
        _guard.call("call", _end_call, call, result, error, left_out)


def _end_call(call: Call, result: Any, error: BaseException | None, left_out: str) -> None:
    owner = call.prediction
    if call.token is not None:
        _call.reset(call.token)
        call.token = None
    scope: RequestScope | None = getattr(owner, "scope", None)
    with scope.lock() if scope is not None else _NO_LOCK:
        call.end_ns = owner.now_ns()
        if owner.end_ns:
            return  # this thread outlived the prediction, which has been handed over
        if error is not None:
            call.error = error
        elif left_out:
            leave_out(owner, left_out)
        elif not owner.has_own_result:
            call.result = result
            _guard.call("result", take_result, call)
            call.result = None
        if not owner.inferred:
            _let_go(owner, call)
            return
        is_over = scope is None
        if scope is not None and isinstance(owner, OpenPrediction):
            scope.answered(owner)
            is_over = scope.closed and scope.let_go(owner)
    if is_over and isinstance(owner, OpenPrediction):
        finish(owner, call.end_ns)


def _let_go(owner: PredictionRecord, call: Call) -> None:
    """Keep of the calls of an explicit prediction what its end will ask for, and no inputs."""
    call.data = call.model = None
    calls = owner.calls
    if not isinstance(calls, list):
        return
    # The first and the last to end tell the stages; those on other threads have yet to end.
    for i in range(len(calls) - 1, 0, -1):
        if calls[i] is not call and calls[i].end_ns:
            if calls[i].error is None:
                del calls[i]
            break


def _take_rows(owner: OpenPrediction, data: Any) -> None:
    shape: tuple[int, ...] | None = getattr(data, "shape", None)
    if isinstance(data, Mapping):
        owner.set_features(data)
        owner.rows = 1
        return
    if shape is None and not hasattr(data, "__len__"):
        return  # an iterator: only the result tells how many rows there were
    rows = len(data) if shape is None else int(shape[0]) if shape else 1
    column = _guard.quietly(_column, data) if _is_flat(data, shape) else data
    if column is None:
        owner.features = Snapshot(rows, None)  # texts, for example
    else:
        owner.set_features(column)
    owner.rows = rows


def _is_flat(data: Any, shape: tuple[int, ...] | None) -> bool:
    if shape is not None:
        return len(shape) == 1
    return isinstance(data, (list, tuple)) and (not data or not _is_row(data[0]))


def _column(data: Any) -> Any:
    """Return rows of one number each as a column; None where they are no numbers."""
    flat = np.asarray(data)
    return (
        flat.reshape(-1, 1) if flat.ndim == 1 and flat.size and flat.dtype.kind in "biuf" else None
    )


def _is_row(item: Any) -> bool:
    return hasattr(item, "__len__") and not isinstance(item, (str, bytes))
