"""A trace as OTLP JSON, as it was sent."""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Mapping
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span, TracesData

from otelml.viewer.queries.window import NotFoundError, hex_id

_ID_KEYS = ("traceId", "spanId", "parentSpanId")


def download_trace(connection: sqlite3.Connection, params: Mapping[str, str]) -> dict[str, Any]:
    """Answer GET /api/traces/{trace_id}/otlp: all spans of a trace, none left out.

    Raises:
        NotFoundError: The trace is not stored.
    """
    trace_id = params["trace_id"]
    raw_id = hex_id(trace_id, "the trace id", 16)
    row = connection.execute("SELECT id FROM traces WHERE trace_id=?", (raw_id,)).fetchone()
    if row is None:
        raise NotFoundError(f"trace {trace_id} is not stored")
    data = TracesData()
    groups: dict[tuple[int, int], ScopeSpans] = {}
    spans = connection.execute(
        "SELECT resource, scope, raw FROM spans WHERE trace=? ORDER BY start_ns, rowid", row
    )
    for resource, scope, raw in spans:
        group = groups.get((resource, scope))
        if group is None:
            group = groups[resource, scope] = _group(connection, data, resource, scope)
        group.spans.append(Span.FromString(raw))
    found = MessageToDict(data, use_integers_for_enums=True)
    for span in _spans(found):
        _hex(span)
        for link in span.get("links", ()):
            _hex(link)
    return found


def _group(
    connection: sqlite3.Connection, data: TracesData, resource: int, scope: int
) -> ScopeSpans:
    raw = connection.execute(
        "SELECT (SELECT raw FROM resources WHERE id=?), (SELECT raw FROM scopes WHERE id=?)",
        (resource, scope),
    ).fetchone()
    spans = data.resource_spans.add(resource=Resource.FromString(raw[0]))
    return spans.scope_spans.add(scope=InstrumentationScope.FromString(raw[1]))


def _spans(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        span
        for resource in document.get("resourceSpans", ())
        for scope in resource.get("scopeSpans", ())
        for span in scope.get("spans", ())
    ]


def _hex(item: dict[str, Any]) -> None:
    """Write ids as OTLP's JSON has them: hexadecimal, where protobuf's own has base64."""
    for key in _ID_KEYS:
        if key in item:
            item[key] = base64.b64decode(item[key]).hex()
