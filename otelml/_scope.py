"""Auto mode: from the calls that instrumentors see to predictions.

A web framework's instrumentor brackets each view with :func:`begin_request` and
:func:`end_request`; a model library's brackets each top-level model call with :func:`begin_call`
and :func:`end_call`. None of these raises.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from time import perf_counter_ns, time_ns
from typing import Any

import numpy as np
import numpy.typing as npt

from otelml import _calls, _context, _guard, _models, _runtime
from otelml._models import register_framework
from otelml._open import OpenPrediction
from otelml._record import Call, ModelInfo, PredictionRecord
from otelml.prediction import Prediction
from otelml.windows.snapshot import Snapshot

__all__ = [
    "Call",
    "RequestScope",
    "begin_call",
    "begin_request",
    "current_call",
    "end_call",
    "end_request",
    "register_framework",
]

_LARGEST_COMPARED = 100_000


class RequestScope:
    """One request, from the start of its view to its end."""

    __slots__ = ("_anchor_ns", "_perf_ns", "closed", "cursor_ns", "last", "open", "token")

    def __init__(self) -> None:
        self._perf_ns = perf_counter_ns()
        self._anchor_ns = time_ns()
        self.cursor_ns = self._anchor_ns
        self.closed = False
        self.open: OpenPrediction | None = None
        self.last: OpenPrediction | None = None
        self.token: Token[Any] | None = None

    def now_ns(self) -> int:
        """Return the time, nanoseconds since the epoch, by the clock of this request."""
        return self._anchor_ns + perf_counter_ns() - self._perf_ns

    @property
    def prediction_id(self) -> str | None:
        """The id of the last prediction of the request; None where there was none."""
        return (self.last.id or None) if self.last is not None else None

    def close(self, end_ns: int, error: BaseException | None) -> None:
        """End the inferred prediction that is open, if any."""
        prediction, self.open = self.open, None
        if prediction is not None:
            failed = next((c.error for c in prediction.calls if c.error is not None), None)
            prediction.finish(error or failed, end_ns)
            self.cursor_ns = end_ns


_call: ContextVar[Call | None] = ContextVar("otelml-call", default=None)


def begin_request() -> RequestScope | None:
    """Mark the start of a view; return None where otelml is not initialised."""
    if _runtime.current() is None:
        return None
    scope = RequestScope()
    scope.token = _context.request_scope.set(scope)
    return scope


def end_request(scope: RequestScope | None, error: BaseException | None = None) -> None:
    """Mark the end of a view: its inferred predictions end with it.

    Args:
        scope: What :func:`begin_request` returned.
        error: The exception that the view ended with.
    """
    if scope is None:
        return
    scope.closed = True
    _guard.call("request", scope.close, scope.now_ns(), error)
    if scope.token is not None:
        try:
            _context.request_scope.reset(scope.token)
        except ValueError:  # the view ran in another context than its caller
            _context.request_scope.set(None)
        scope.token = None


def current_call() -> Call | None:
    """Return the top-level model call that encloses the caller; None outside one."""
    return _call.get()


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
    if _runtime.current() is None or _call.get() is not None:
        return None
    return _guard.call("call", _begin_call, model, method, data, framework)


def _begin_call(model: Any, method: str, data: Any, framework: str) -> Call:
    runtime = _runtime.current()
    options = runtime.config if runtime is not None else None
    info = _models.identify(
        model,
        framework,
        options.model if options else None,
        options.model_version if options else None,
    )
    owner: OpenPrediction | None = _context.current_open()
    if owner is None or owner.end_ns or owner.inferred:
        owner = _inferred(model, info, data)
    call = Call(model, info, method, data, owner)
    owner.calls.append(call)
    if owner.features is None and owner.rows is None:
        _guard.call("rows", _take_rows, owner, data)
    call.token = _call.set(call)
    alone = owner.inferred and not owner.in_request
    call.start_ns = owner.start_ns if alone else owner.now_ns()
    return call


def _inferred(model: Any, info: ModelInfo, data: Any) -> OpenPrediction:
    scope: RequestScope | None = _context.request_scope.get()
    if scope is not None and scope.closed:
        scope = None  # a task that outlives its request
    before = scope.open if scope is not None else None
    if scope is not None and before is not None:
        first = before.calls[0]
        if any(not call.end_ns for call in before.calls):
            scope = None  # another thread of the request is inside a model: keep them apart
        elif first.model is model and _same_rows(first.data, data):
            return before
        else:
            scope.close(scope.now_ns(), None)
    handle = Prediction(info.name, version=info.version)
    prediction: OpenPrediction = _context.opened(handle)
    prediction.inferred = True
    prediction.in_request = scope is not None
    prediction.start(handle, scope.cursor_ns if scope is not None else None)
    if scope is not None:
        scope.open = scope.last = prediction
    return prediction


def end_call(call: Call | None, result: Any = None, error: BaseException | None = None) -> None:
    """Mark the end of a model call.

    Args:
        call: What :func:`begin_call` returned.
        result: What the model returned; a copy is kept.
        error: What it raised.
    """
    if call is not None:
        _guard.call("call", _end_call, call, result, error)


def _end_call(call: Call, result: Any, error: BaseException | None) -> None:
    owner = call.prediction
    call.end_ns = owner.now_ns()
    if call.token is not None:
        _call.reset(call.token)
        call.token = None
    if error is not None:
        call.error = error
    elif not owner.has_own_result:
        call.result = result
        _guard.call("result", _calls.take_result, call)
        call.result = None
    if not owner.inferred:
        _let_go(owner, call)
    elif not owner.in_request and isinstance(owner, OpenPrediction):
        owner.finish(error, call.end_ns)


def _let_go(owner: PredictionRecord, call: Call) -> None:
    """Keep of the calls of an explicit prediction what its end will ask for, and no inputs."""
    call.data = call.model = None
    calls = owner.calls
    if len(calls) > 2 and calls[-2].error is None:  # noqa: PLR2004 - first and last tell the stages
        del calls[-2]


def _take_rows(owner: OpenPrediction, data: Any) -> None:
    shape = getattr(data, "shape", None)
    if shape is None:
        rows = len(data) if hasattr(data, "__len__") else 1
    else:
        rows = int(shape[0]) if len(shape) else 1
    if isinstance(data, (list, tuple)) and (not data or not _is_row(data[0])):
        owner.features = Snapshot(rows, None)  # texts, for example
    else:
        owner.set_features(data)
    owner.rows = rows


def _is_row(item: Any) -> bool:
    return hasattr(item, "__len__") and not isinstance(item, (str, bytes))


def _equal(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> bool:
    return bool(np.array_equal(one, other, equal_nan=one.dtype.kind == "f"))


def _same_rows(one: Any, other: Any) -> bool:
    if one is other:
        return True
    shape = getattr(one, "shape", None)
    if type(one) is not type(other) or shape != getattr(other, "shape", None):
        return False
    if shape is not None:
        size = getattr(one, "size", _LARGEST_COMPARED)
        if not isinstance(size, int) or size >= _LARGEST_COMPARED:
            return False
        if hasattr(one, "equals"):
            return bool(_guard.call("rows", one.equals, other))
        return isinstance(one, np.ndarray) and bool(_guard.call("rows", _equal, one, other))
    return len(one) < _LARGEST_COMPARED and bool(_guard.call("rows", lambda: bool(one == other)))
