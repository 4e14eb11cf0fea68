"""The list of spans: found by operation, attribute, error text, duration."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otelml.viewer.queries.found_spans import Search, order_of, place_of
from otelml.viewer.queries.window import NS_PER_MS, limit_of, window_of
from otelml.viewer.records import KINDS, attributes, kind_of, title_of

_ROW = (
    "SELECT trace_id, span_id, spans.start_ns, spans.duration_ns, error, spans.raw,"
    " resources.service FROM spans JOIN traces ON traces.id=trace"
    " JOIN resources ON resources.id=resource WHERE spans.rowid=?"
)


def list_spans(connection: sqlite3.Connection, params: Mapping[str, str]) -> dict[str, Any]:
    """Answer GET /api/spans."""
    search = Search(connection, window_of(params, connection), params.get("query", ""))
    column = order_of(params.get("order", ""))
    found = search.page(column, limit_of(params), place_of(params.get("after", "")))
    rows = (connection.execute(_ROW, (number,)).fetchone() for number in found.rows)
    return {
        "spans": [_summary(row) for row in rows if row is not None],
        "total": found.total,
        "complete": found.complete,
        "next": None if found.next is None else str(found.next),
    }


def _summary(row: tuple[Any, ...]) -> dict[str, Any]:
    span = Span.FromString(row[5])
    said = attributes(span.attributes)
    return {
        "trace_id": row[0].hex(),
        "span_id": row[1].hex(),
        "start": row[2] / NS_PER_MS,
        "duration": row[3] / NS_PER_MS,
        "error": bool(row[4]),
        "status_message": span.status.message,
        "name": span.name,
        "title": title_of(span.name, said),
        "work": kind_of(said),
        "kind": KINDS[span.kind] if 0 <= span.kind < len(KINDS) else KINDS[0],
        "service": row[6],
    }
