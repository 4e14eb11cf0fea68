"""One request of a web framework, and the predictions in it.

A web framework's instrumentor brackets each view with :func:`begin_request` and
:func:`end_request`. Neither raises. What the view hands to other threads is part of the request
as well (:mod:`otelml._requests.carry`): each such task is a lane of its own.

- Calls of one model with the same rows are one prediction, whichever threads they are on.
- A prediction lasts until the next one in its lane begins, and after the end of its lane until
  the next one anywhere, so that work one after the other fills the request without a gap.
- Predictions of lanes that run at the same time overlap; each has its three stages.
- What is inside a model when the request ends goes on to the end of that call.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from contextvars import Token
from time import perf_counter_ns, time_ns
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link

from otelml import _guard, _threads
from otelml._prediction import (
    PREDICTION_KEY,
    OpenPrediction,
    beneath,
    current_runtime,
    leave_inferred,
    request_scope,
    request_visit,
)
from otelml._requests.rows import same_rows
from otelml._spans import get_current


class Lane:
    """What runs one step after the other in a request: its view, or a task on another thread.

    Args:
        context: What it began in.
        parent: The lane that handed the task over; None for the view.
    """

    __slots__ = ("context", "error", "is_over", "parent")

    def __init__(self, context: Context, parent: Lane | None = None) -> None:
        self.context = context
        self.parent = parent
        self.is_over = False
        self.error: BaseException | None = None

    def is_within(self, other: Lane) -> bool:
        """Whether it is ``other``, or was handed over by it."""
        lane: Lane | None = self
        while lane is not None and lane is not other:
            lane = lane.parent
        return lane is other


class RequestScope:
    """One request, from the start of its view to its end."""

    __slots__ = (
        "_anchor_ns", "_ended", "_lanes", "_last", "_lock", "_perf_ns", "_pid", "closed",
        "cursor_ns", "open", "token", "view", "visit",
    )  # fmt: skip

    def __init__(self) -> None:
        self._perf_ns = perf_counter_ns()
        self._anchor_ns = time_ns()
        self._pid = os.getpid()
        self.cursor_ns = self._anchor_ns
        self.closed = False
        # Of the system, as gevent's would wait for the loop; re-entrant, as a signal handler or a
        # collected generator may predict on a thread that holds it.
        self._lock = _threads.RLock()
        self.view = Lane(get_current())
        self.open: list[tuple[OpenPrediction, Lane]] = []
        self._lanes: dict[int, Lane] = {}
        self._last: OpenPrediction | None = None
        self._ended: OpenPrediction | None = None
        self.token: Token[Any] | None = None
        self.visit: Any = None

    def now_ns(self) -> int:
        """Return the time, nanoseconds since the epoch, by the clock of this request."""
        return self._anchor_ns + perf_counter_ns() - self._perf_ns

    # --- lanes ------------------------------------------------------------------------------

    def lane(self) -> Lane:
        """Return the lane that runs on this thread."""
        lanes = self._lanes
        return lanes.get(threading.get_ident(), self.view) if lanes else self.view

    def enter(self, lane: Lane) -> Lane | None:
        """Run ``lane`` on this thread from now on; return the one before, for ``leave``."""
        ident = threading.get_ident()
        before = self._lanes.get(ident)
        self._lanes[ident] = lane
        return before

    def leave(self, before: Lane | None, error: BaseException | None = None) -> None:
        """Undo ``enter``: the lane is over, by ``error`` where it raised one."""
        ident = threading.get_ident()
        lane = self._lanes.pop(ident, None)
        if before is not None:
            self._lanes[ident] = before
        if lane is None:
            return
        with self.lock():
            lane.is_over = True
            if any(other is lane for _, other in self.open):  # else it would be kept for nothing
                lane.error = error

    def lock(self) -> Any:
        """Return what keeps other threads off the predictions of this request."""
        if self._pid != os.getpid():
            # a forked child: a thread that is not here may hold the lock, and what the parent had
            # begun is the parent's
            self._pid = os.getpid()
            self._lock = _threads.RLock()
            self.closed = True
            self.open, self._lanes = [], {}
        return self._lock

    def is_over(self) -> bool:
        """Whether nothing can become part of it: it has ended, or is that of a forked parent."""
        return self.closed or self._pid != os.getpid()

    # --- what a prediction tells ------------------------------------------------------------

    def place(self, prediction: OpenPrediction, current: Context) -> tuple[Context, Sequence[Link]]:
        """Take note of a prediction; return where it belongs that begins in ``current``, and links.

        After the end of the request it is a trace of its own, linked to what handed the task over:
        a thread that was started on first use may live, and predict for others, for ever.
        """
        if not self.is_over():
            prediction.scope = self
            if self.visit is not None:
                self.visit.last = prediction
            if self.lane() is self.view:
                self._last = prediction
            return current, ()
        span = trace.get_current_span(beneath(current))
        ids = span.get_span_context()
        if span is not trace.get_current_span(beneath(self.lane().context)) or not ids.is_valid:
            return current, ()  # below a span of the task's own
        return trace.set_span_in_context(trace.INVALID_SPAN, current), (Link(ids),)

    def end(self, prediction: OpenPrediction, end_ns: int) -> None:
        """Set the end of a prediction, so that no call begins in it on another thread."""
        with self.lock():
            prediction.end_ns = prediction.end_ns or end_ns
        if not prediction.inferred:
            self.answered(prediction)

    def answered(self, prediction: OpenPrediction) -> None:
        """Take note that a prediction has its result."""
        if self._lanes and not self.closed and self.lane() is not self.view:
            self._ended = prediction

    @property
    def has_prediction(self) -> bool:
        """Whether something was predicted in it whose id there may be."""
        return self._last is not None or self._ended is not None

    @property
    def prediction_id(self) -> str | None:
        """The id of the view's own last prediction, else of the last that has its result."""
        found = self._last or self._ended
        return (found.id or None) if found is not None else None

    def handle(self) -> Any:
        """Return what a user holds of the prediction under way; None where there is none."""
        found = self._last or self._ended
        if found is None or found.end_ns or found.own is None:
            return None
        return found.own.get(PREDICTION_KEY)

    # --- inferred predictions; the caller holds the lock ------------------------------------

    def find(self, model: Any, data: Any) -> OpenPrediction | None:
        """Return the prediction under way of ``model`` with the same rows; None without one."""
        for prediction, _ in reversed(self.open):
            first = prediction.calls[0]
            if first.model is model and same_rows(first.data, data):
                return prediction
        return None

    def settle(self, lane: Lane) -> list[OpenPrediction]:
        """Return the predictions that end where one begins in ``lane``; they are taken out."""
        over = [
            (prediction, other)
            for prediction, other in self.open
            if (other.is_over or lane.is_within(other)) and not _is_busy(prediction)
        ]
        if over:
            self.open = [item for item in self.open if item not in over]
        for _, other in over:
            other.error = None
        return [prediction for prediction, _ in over]

    def let_go(self, prediction: OpenPrediction) -> bool:
        """Take out what outlived the request once no call is in it; return whether that is so."""
        if not self.closed or _is_busy(prediction):
            return False
        before = len(self.open)
        self.open = [item for item in self.open if item[0] is not prediction]
        return len(self.open) < before

    def close_idle(self) -> bool:
        """End the request where nothing is under way in it, as in most; return whether it ended."""
        # In this order: who finds it open on another thread is in the lanes by then.
        self.closed = True
        return not (self._lanes or self.open)

    def close(self, end_ns: int, error: BaseException | None) -> None:
        """End the request, and the inferred predictions that no call is in.

        Args:
            end_ns: When, nanoseconds since the epoch.
            error: What it ended with: that of the task which raised it, else of all.
        """
        with self.lock():
            self.closed = True
            done: list[tuple[OpenPrediction, Lane]] = []
            busy: list[tuple[OpenPrediction, Lane]] = []
            for item in self.open:
                (busy if _is_busy(item[0]) else done).append(item)
            self.open = busy
            self.cursor_ns = max(self.cursor_ns, end_ns)
        raised = [lane for _, lane in done if error is not None and lane.error is error]
        for prediction, lane in done:
            # a task that still runs has not failed
            touched = lane in raised if raised else lane is self.view or lane.is_over
            lane.error = None
            finish(prediction, max(end_ns, prediction.start_ns), error if touched else None)


def _is_busy(prediction: OpenPrediction) -> bool:
    for call in prediction.calls:  # noqa: SIM110 - each request asks this twice
        if not call.end_ns:
            return True
    return False


def finish(prediction: OpenPrediction, end_ns: int, error: BaseException | None = None) -> None:
    """End an inferred prediction, with the first error of its calls where there is no other."""
    for call in prediction.calls:
        if error is None:
            error = call.error
    prediction.finish(error, end_ns)


def begin_request() -> RequestScope | None:
    """Mark the start of a view; return None where otelml is not initialised."""
    if current_runtime() is None:
        return None
    scope = RequestScope()
    scope.visit = request_visit.get()
    scope.token = request_scope.set(scope)
    return scope


def leave_request(scope: RequestScope) -> None:
    """Go on without the request, which has not ended: its body is yet to be sent."""
    if scope.token is not None:
        try:
            request_scope.reset(scope.token)
        except ValueError:  # the view ran in another context than its caller
            request_scope.set(None)
        scope.token = None


def close_request(scope: RequestScope, error: BaseException | None = None) -> None:
    """End the inferred predictions of a request, whose caller is still in it.

    Args:
        scope: What :func:`begin_request` returned.
        error: The exception that the view ended with.
    """
    if scope.closed:
        return
    if not scope.close_idle():
        _guard.call("request", scope.close, scope.now_ns(), error)
    if get_current() is not scope.view.context:
        leave_inferred()


def end_request(scope: RequestScope | None, error: BaseException | None = None) -> None:
    """Mark the end of a request: its inferred predictions end with it.

    Args:
        scope: What :func:`begin_request` returned.
        error: The exception that the view ended with.
    """
    if scope is not None:
        close_request(scope, error)
        leave_request(scope)
