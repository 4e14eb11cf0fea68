"""The request around a prediction, and leaving a context that may be another thread's."""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Any

from opentelemetry import context

if TYPE_CHECKING:
    from otelml._scope import RequestScope

PREDICTION_KEY = context.create_key("otelml-prediction")
request_scope: ContextVar[RequestScope | None] = ContextVar("otelml-request", default=None)


def leave(own: context.Context | None, token: Token[Any] | None, *, beneath: bool = True) -> None:
    """Undo ``attach`` of ``own``, unless the code has left that context already.

    What comes to light may be the context of a prediction that has ended meanwhile, where blocks
    were not left in the order they were entered: that is left too, unless ``beneath`` says that
    no such prediction can be there.
    """
    current = context.get_current()
    if current is own:
        detach(token)
        current = context.get_current() if beneath else current
    if not beneath:
        return
    while True:
        found: Any = current.get(PREDICTION_KEY)
        if found is None or not found.end_ns or found.own is not current or found.outer is None:
            return
        current = found.outer
        context.attach(current)


def detach(token: Token[Any] | None) -> None:
    """Undo ``attach``; quietly do nothing where the token belongs to another context."""
    if token is None:
        return
    try:
        # The public detach() logs an error for a foreign token, which is no fault of the app's.
        context._RUNTIME_CONTEXT.detach(token)  # noqa: SLF001 - see above  # pyright: ignore[reportPrivateUsage]
    except (ValueError, RuntimeError):
        return
