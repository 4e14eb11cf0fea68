"""A new trace at the edge: what a client says of its trace decides nothing of ours.

The global propagator is wrapped, so it holds for each framework and for what reads headers by
OpenTelemetry's API. What goes out to other services is unchanged.
"""

from __future__ import annotations

from typing import Any

from opentelemetry import context as otel_context
from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import (
    CarrierT,
    Getter,
    Setter,
    TextMapPropagator,
    default_getter,
    default_setter,
)
from opentelemetry.sdk.trace import Span, SpanProcessor
from opentelemetry.trace import SpanContext, TraceFlags

from otelml._spans import INCOMING_KEY, links_of

__all__ = ["EdgePropagator", "trust_incoming"]


class EdgePropagator(TextMapPropagator):
    """Takes the caller's span as a link only; its trace id, flags, state and baggage count nothing.

    Args:
        inner: The propagator that reads and writes headers.
    """

    def __init__(self, inner: TextMapPropagator) -> None:
        self.inner = inner

    def extract(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        getter: Getter[CarrierT] = default_getter,
    ) -> Context:
        """Return ``context`` with the caller's span as what a link is made of."""
        kept = otel_context.get_current() if context is None else context
        found: Any = self.inner.extract(carrier, Context(), getter)
        caller = trace.get_current_span(found or Context()).get_span_context()
        if not caller.is_valid:
            return kept
        # Without its flags and its state: both are the client's to choose.
        ids = SpanContext(caller.trace_id, caller.span_id, True, TraceFlags(TraceFlags.DEFAULT))
        return otel_context.set_value(INCOMING_KEY, ids, kept)

    def inject(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        setter: Setter[CarrierT] = default_setter,
    ) -> None:
        """Write the headers of a call to another service, as ever."""
        self.inner.inject(carrier, context, setter)

    @property
    def fields(self) -> set[str]:
        """The headers that are written."""
        return self.inner.fields


class LinkRoots(SpanProcessor):
    """Gives a span of any library that begins a trace the link to its caller."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Add the link."""
        if span.parent is None and parent_context is not None:
            for link in links_of(parent_context):
                span.add_link(link.context)


def trust_incoming(trusts: bool, provider: Any = None) -> None:
    """Say whether the trace of a caller is gone on with.

    Args:
        trusts: Whether it is.
        provider: The provider of the spans that begin traces here; None leaves them alone.
    """
    used = propagate.get_global_textmap()
    if trusts:
        if isinstance(used, EdgePropagator):
            propagate.set_global_textmap(used.inner)
        return
    if not isinstance(used, EdgePropagator):
        propagate.set_global_textmap(EdgePropagator(used))
    many = getattr(getattr(provider, "_active_span_processor", None), "_span_processors", ())
    add = getattr(provider, "add_span_processor", None)
    if add is not None and not any(isinstance(one, LinkRoots) for one in many):
        add(LinkRoots())
