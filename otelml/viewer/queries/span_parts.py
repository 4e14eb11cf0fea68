"""The parts of a span beside its times: scope, events, links, and what its sender dropped."""

from __future__ import annotations

from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span, SpanFlags

from otelml.viewer.queries.window import NS_PER_MS
from otelml.viewer.records import attributes


def resource_of(raw: bytes) -> dict[str, Any]:
    """Return a resource's attributes and how many of them its sender dropped."""
    resource = Resource.FromString(raw)
    return {
        "resource": attributes(resource.attributes),
        "resource_dropped": resource.dropped_attributes_count,
    }


def scope_of(raw: bytes) -> dict[str, Any]:
    """Return an instrumentation scope."""
    scope = InstrumentationScope.FromString(raw)
    return {
        "name": scope.name,
        "version": scope.version,
        "attributes": attributes(scope.attributes),
        "dropped": scope.dropped_attributes_count,
    }


def context_of(span: Span) -> dict[str, Any]:
    """Return what came along with the trace's context, and what the sender left out of the span.

    ``parent_remote`` is None where the sender does not say whether the parent ran elsewhere.
    """
    said = span.flags & SpanFlags.SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK
    remote = bool(span.flags & SpanFlags.SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK)
    return {
        "trace_state": span.trace_state,
        "parent_remote": remote if said else None,
        "dropped": {
            "attributes": span.dropped_attributes_count,
            "events": span.dropped_events_count,
            "links": span.dropped_links_count,
        },
    }


def events_of(span: Span, start_ns: int) -> list[dict[str, Any]]:
    """Return a span's events; one without a time stands at the span's start, ``start_ns``."""
    return [
        {
            "time": (event.time_unix_nano or start_ns) / NS_PER_MS,
            "name": event.name,
            "attributes": attributes(event.attributes),
            "dropped": event.dropped_attributes_count,
        }
        for event in span.events
    ]


def links_of(span: Span) -> list[dict[str, Any]]:
    """Return a span's links."""
    return [
        {
            "trace_id": link.trace_id.hex(),
            "span_id": link.span_id.hex(),
            "trace_state": link.trace_state,
            "attributes": attributes(link.attributes),
            "dropped": link.dropped_attributes_count,
        }
        for link in span.links
    ]
