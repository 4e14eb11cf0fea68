"""The caller's span where it is not trusted: a link of the trace that begins here."""

from __future__ import annotations

from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context, create_key
from opentelemetry.trace import Link, SpanContext

INCOMING_KEY: Final = create_key("otelml-incoming")


def links_of(context: Context) -> tuple[Link, ...]:
    """Return the link to the caller's span, for a span that begins a trace in ``context``.

    Empty where the caller is trusted, where it named no span, and below a span of ours.
    """
    caller = context.get(INCOMING_KEY)
    if not isinstance(caller, SpanContext):
        return ()
    above = trace.get_current_span(context).get_span_context()
    return () if above.is_valid else (Link(caller),)
