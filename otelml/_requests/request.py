"""One request of a web framework, and the predictions in it.

A web framework's instrumentor brackets each view with :func:`begin_request` and
:func:`end_request`. Neither raises.
"""

from __future__ import annotations

from contextvars import Token
from time import perf_counter_ns, time_ns
from typing import Any

from otelml import _guard
from otelml._prediction import OpenPrediction, current_runtime, request_scope


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


def begin_request() -> RequestScope | None:
    """Mark the start of a view; return None where otelml is not initialised."""
    if current_runtime() is None:
        return None
    scope = RequestScope()
    scope.token = request_scope.set(scope)
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
            request_scope.reset(scope.token)
        except ValueError:  # the view ran in another context than its caller
            request_scope.set(None)
        scope.token = None
