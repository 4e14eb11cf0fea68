"""The current context and its span, found and set without detours: a request does both often."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar, Token
from typing import Any, Final

from opentelemetry import context as api
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.context.contextvars_context import ContextVarsRuntimeContext

SPAN_KEY: Final = next(iter(trace.set_span_in_context(trace.INVALID_SPAN, Context())))

get_current: Callable[[], Context] = api.get_current
"""As that of OpenTelemetry's API."""
attach: Callable[[Context], Token[Any]] = api.attach
"""As that of OpenTelemetry's API."""
reset: Callable[[Token[Any]], object]
"""Undo ``attach``; raises where the token is of another context, which the API would log."""


def _variable(runtime: object) -> ContextVar[Context] | None:
    """Return what the API keeps the context in; None where that is not as known."""
    found = getattr(runtime, "_current_context", None)
    known = type(runtime) is ContextVarsRuntimeContext and isinstance(found, ContextVar)
    return found if known else None


_runtime: Any = api._RUNTIME_CONTEXT  # noqa: SLF001 - no public way to detach quietly  # pyright: ignore[reportPrivateUsage]
_kept_in = _variable(_runtime)
if _kept_in is None:
    reset = _runtime.detach
else:
    # The API's functions call two more of Python's each, and a prediction calls twenty of them.
    get_current, attach, reset = _kept_in.get, _kept_in.set, _kept_in.reset


def with_span(context: Context, span: trace.Span) -> Context:
    """Return ``context`` with ``span`` as the current one."""
    return Context({**context, SPAN_KEY: span})
