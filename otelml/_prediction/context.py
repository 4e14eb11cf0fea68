"""What is current: the prediction, the request; and leaving a context of another thread's."""

from __future__ import annotations

from contextvars import ContextVar, Token
from operator import attrgetter
from typing import Any

from opentelemetry import context

from otelml._spans import attach, get_current, reset
from otelml._state import ProcessState

PREDICTS = "_otelml_predicts"
"""The attribute of a function whose calls are predictions."""
PREDICTION_KEY = context.create_key("otelml-prediction")
opened: Any = attrgetter("_open")
"""Return the prediction under way that a user's handle stands for."""


# A request of auto mode, which knows its predictions; a task that it hands to a thread has it too.
request_scope: ContextVar[Any] = ContextVar("otelml-request", default=None)
# A whole request, hooks included, which knows whether a prediction was made in it.
request_visit: ContextVar[Any] = ContextVar("otelml-visit", default=None)
# What shadows are told, on the request's thread: what a model was called with, as part of which
# prediction, and that a prediction has ended.
model_called: ProcessState[Any] = ProcessState(None)
prediction_ended: ProcessState[Any] = ProcessState(None)


def current_handle() -> Any:
    """Return the handle of the prediction that encloses the caller; None outside one."""
    return get_current().get(PREDICTION_KEY)


def current_open() -> Any:
    """Return the prediction under way that encloses the caller; None outside one."""
    handle = get_current().get(PREDICTION_KEY)
    return None if handle is None else opened(handle)


def leave(own: context.Context | None, token: Token[Any] | None, *, beneath: bool = True) -> None:
    """Undo ``attach`` of ``own``, unless the code has left that context already.

    What comes to light may be the context of a prediction that has ended meanwhile, where blocks
    were not left in the order they were entered: that is left too, unless ``beneath`` says that
    no such prediction can be there.
    """
    current = get_current()
    if current is own:
        detach(token)
        current = get_current() if beneath else current
    if not beneath:
        return
    while True:
        handle: Any = current.get(PREDICTION_KEY)
        if handle is None:
            return
        found = opened(handle)
        if not found.end_ns or found.own is not current or found.outer is None:
            return
        current = found.outer
        attach(current)


def beneath(current: context.Context) -> context.Context:
    """Return what is under predictions that the next one does not belong to.

    Those have ended, or were inferred: the latter lie open only for the view to ask their id.
    """
    while True:
        handle: Any = current.get(PREDICTION_KEY)
        if handle is None:
            return current
        found = opened(handle)
        over = found.end_ns or found.inferred
        if not over or found.own is not current or found.outer is None:
            return current
        current = found.outer


def leave_inferred() -> None:
    """Leave predictions that the next one does not belong to, whichever thread ends them."""
    current = get_current()
    under = beneath(current)
    if under is not current:
        attach(under)


def detach(token: Token[Any] | None) -> None:
    """Undo ``attach``; quietly do nothing where the token belongs to another context."""
    if token is None:
        return
    try:
        reset(token)
    except (ValueError, RuntimeError):
        return
