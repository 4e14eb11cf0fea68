"""One trace as a tree with its logs."""

from __future__ import annotations

import sqlite3
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otelml import semconv
from otelml.viewer.queries.logs import trace_logs
from otelml.viewer.queries.window import NS_PER_MS, NotFoundError, hex_id
from otelml.viewer.records import attributes

MAX_SPANS = 10_000
_KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
_STATUS = ("unset", "ok", "error")


def get_trace(connection: sqlite3.Connection, trace_id: str) -> dict[str, Any]:
    """Answer GET /api/traces/{trace_id}."""
    raw_id = hex_id(trace_id, "the trace id", 16)
    row = connection.execute("SELECT id FROM traces WHERE trace_id=?", (raw_id,)).fetchone()
    if row is None:
        raise NotFoundError(f"trace {trace_id} is not stored")
    rows = connection.execute(
        "SELECT spans.raw, resources.raw, service, scopes.raw FROM spans"
        " JOIN resources ON resources.id=resource JOIN scopes ON scopes.id=scope"
        " WHERE trace=? LIMIT ?",
        (row[0], MAX_SPANS + 1),
    ).fetchall()
    spans = [_span(each) for each in rows[:MAX_SPANS]]
    # Whole nanoseconds until the end: milliseconds since the epoch are only good to 0.2 µs.
    start_ns = min((span["start_ns"] for span in spans), default=0)
    end_ns = max((span["end_ns"] for span in spans), default=0)
    for span in spans:
        span["offset"] = (span["start_ns"] - start_ns) / NS_PER_MS
        for event in span["events"]:
            event["offset"] = event["time"] - start_ns / NS_PER_MS
    _name_links(connection, spans)
    return {
        "trace_id": raw_id.hex(),
        "start": start_ns / NS_PER_MS,
        "duration": (end_ns - start_ns) / NS_PER_MS,
        "services": list(dict.fromkeys(span["service"] for span in spans)),
        "spans": [_public(span) for span in _tree(spans)],
        "logs": trace_logs(connection, raw_id),
        "back_links": _back_links(connection, raw_id),
        "truncated": len(rows) > MAX_SPANS,
    }


def _span(row: tuple[bytes, bytes, str, bytes]) -> dict[str, Any]:
    span = Span.FromString(row[0])
    scope = InstrumentationScope.FromString(row[3])
    found = attributes(span.attributes)
    stage = found.get(semconv.ML_STAGE_NAME)
    if stage is None and span.name in semconv.STAGES:
        stage = span.name
    end_ns = max(span.end_time_unix_nano, span.start_time_unix_nano)
    return {
        "start_ns": span.start_time_unix_nano,
        "end_ns": end_ns,
        "span_id": span.span_id.hex(),
        "parent_id": span.parent_span_id.hex() or None,
        "name": span.name,
        "kind": _KINDS[span.kind] if 0 <= span.kind < len(_KINDS) else _KINDS[0],
        "service": row[2],
        "start": span.start_time_unix_nano / NS_PER_MS,
        "duration": (end_ns - span.start_time_unix_nano) / NS_PER_MS,
        "status": _STATUS[span.status.code] if 0 <= span.status.code < len(_STATUS) else "unset",
        "status_message": span.status.message,
        "stage": stage,
        "inferred": found.get(semconv.ML_STAGE_INFERRED) is True,
        "model": found.get(semconv.ML_MODEL_NAME),
        "attributes": found,
        "resource": attributes(Resource.FromString(row[1]).attributes),
        "scope": {"name": scope.name, "version": scope.version},
        "events": [
            {
                "time": event.time_unix_nano / NS_PER_MS,
                "name": event.name,
                "attributes": attributes(event.attributes),
            }
            for event in span.events
        ],
        "links": [
            {
                "trace_id": link.trace_id.hex(),
                "span_id": link.span_id.hex(),
                "attributes": attributes(link.attributes),
            }
            for link in span.links
        ],
    }


def _tree(spans: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the spans parents first, with depth and self time; tolerates orphans and cycles."""
    by_id = {span["span_id"]: span for span in spans}
    children: dict[str | None, list[dict[str, Any]]] = {}
    for span in sorted(spans, key=lambda each: (each["start_ns"], -each["end_ns"])):
        known = span["parent_id"] in by_id and span["parent_id"] != span["span_id"]
        span["missing_parent"] = span["parent_id"] is not None and not known
        children.setdefault(span["parent_id"] if known else None, []).append(span)
    ordered: list[dict[str, Any]] = []
    placed: set[str] = set()

    def place(root: dict[str, Any]) -> None:
        stack = [(root, 0)]
        while stack:
            span, depth = stack.pop()
            if span["span_id"] in placed:
                continue
            placed.add(span["span_id"])
            below = children.get(span["span_id"], [])
            span.update(depth=depth, children=len(below), self=_self_time(span, below))
            ordered.append(span)
            stack.extend((child, depth + 1) for child in reversed(below))

    for root in children.get(None, []):
        place(root)
    # Spans that are each other's ancestors hang nowhere; show them as roots.
    for span in spans:
        place(span)
    return ordered


def _self_time(span: dict[str, Any], children: list[dict[str, Any]]) -> float:
    """Return the duration minus the union of the children's time inside it."""
    covered_ns, reached_ns = 0, span["start_ns"]
    for child in children:
        child_end_ns = min(child["end_ns"], span["end_ns"])
        if child_end_ns > reached_ns:
            covered_ns += child_end_ns - max(child["start_ns"], reached_ns)
            reached_ns = child_end_ns
    return float(span["end_ns"] - span["start_ns"] - covered_ns) / NS_PER_MS


def _public(span: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in span.items() if key not in {"start_ns", "end_ns"}}


def _name_links(connection: sqlite3.Connection, spans: list[dict[str, Any]]) -> None:
    for span in spans:
        for link in span["links"]:
            row = connection.execute(
                "SELECT raw FROM spans WHERE trace=(SELECT id FROM traces WHERE trace_id=?)"
                " AND span_id=?",
                (bytes.fromhex(link["trace_id"]), bytes.fromhex(link["span_id"])),
            ).fetchone()
            link["stored"] = row is not None
            link["name"] = None if row is None else Span.FromString(row[0]).name


def _back_links(connection: sqlite3.Connection, trace_id: bytes) -> list[dict[str, Any]]:
    rows = connection.execute(
        "SELECT traces.trace_id, links.span_id, spans.raw, to_span, resources.service FROM links"
        " JOIN traces ON traces.id=links.trace"
        " JOIN spans ON spans.trace=links.trace AND spans.span_id=links.span_id"
        " JOIN resources ON resources.id=spans.resource WHERE to_trace=? LIMIT 200",
        (trace_id,),
    )
    found: list[dict[str, Any]] = []
    for other_trace, span_id, raw, to_span, service in rows:
        span = Span.FromString(raw)
        found.append(
            {
                "trace_id": other_trace.hex(),
                "span_id": span_id.hex(),
                "name": span.name,
                "to_span_id": to_span.hex(),
                "time": span.start_time_unix_nano / NS_PER_MS,
                "service": service,
            }
        )
    return sorted(found, key=lambda each: each["time"])
