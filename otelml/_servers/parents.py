"""Where a request comes from: a plain ``traceparent`` read directly, else by the propagators."""

from __future__ import annotations

import re
from typing import Any, Final

from opentelemetry import propagate, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from otelml._spans import SPAN_KEY

_EMPTY: Final = Context()
_PLAIN: Final = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")
_PARENT: Final = "HTTP_TRACEPARENT"
_STATE: Final = "HTTP_TRACESTATE"
_BAGGAGE: Final = "HTTP_BAGGAGE"
_KNOWN: Final = (TraceContextTextMapPropagator, W3CBaggagePropagator)


class Parents:
    """Reads the caller's span of requests.

    Args:
        getter: Reads a header of an ``environ``, as propagators want it.
    """

    def __init__(self, getter: Any) -> None:
        self._getter = getter
        self._checked: Any = None
        self._known = False

    def of(self, environ: dict[str, Any]) -> tuple[Context, SpanContext | None]:
        """Return the context that a request brings, and the caller's span; None without one."""
        propagator = propagate.get_global_textmap()
        if propagator is not self._checked:
            self._known = _is_known(propagator)
            self._checked = propagator
        if self._known and _BAGGAGE not in environ:
            header = environ.get(_PARENT)
            if not header:
                return _EMPTY, None
            if _STATE not in environ and (found := _PLAIN.fullmatch(header)) is not None:
                trace_id, span_id, flags = (int(part, 16) for part in found.groups())
                ids = SpanContext(trace_id, span_id, True, TraceFlags(flags))
                return Context({SPAN_KEY: NonRecordingSpan(ids)}), ids
        # Without any propagator this is None, which contrib attaches: it fails there.
        context = propagate.extract(environ, getter=self._getter) or _EMPTY
        ids = trace.get_current_span(context).get_span_context()
        return context, ids if ids.is_valid else None


def _is_known(propagator: Any) -> bool:
    """Whether the propagators are those of W3C, trace first: of no headers they make nothing."""
    if type(propagator) is not CompositePropagator:
        return False
    found = [type(each) for each in getattr(propagator, "_propagators", ())]
    return bool(found) and found in ([_KNOWN[0]], list(_KNOWN))
