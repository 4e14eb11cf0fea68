"""One trace as a tree with its logs."""

from __future__ import annotations

import heapq
import sqlite3
from typing import Any

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otelml import semconv
from otelml.viewer.queries.clock_skew import adjust_clocks
from otelml.viewer.queries.critical_path import critical_path
from otelml.viewer.queries.logs import trace_logs
from otelml.viewer.queries.messages import messages_of
from otelml.viewer.queries.span_parts import context_of, events_of, links_of, resource_of, scope_of
from otelml.viewer.queries.window import NS_PER_MS, NotFoundError, hex_id
from otelml.viewer.records import attributes, kind_of, title_of

MAX_SPANS = 10_000
_KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
_STATUS = ("unset", "ok", "error")
_INNER = frozenset({"start_ns", "end_ns", "skew_ns"})


Children = dict[str | None, list[dict[str, Any]]]


def get_trace(
    connection: sqlite3.Connection, trace_id: str, *, adjust: bool = True
) -> dict[str, Any]:
    """Answer GET /api/traces/{trace_id}.

    Args:
        connection: A connection to the store.
        trace_id: 32 hexadecimal digits.
        adjust: Whether spans of clocks that disagree are shifted; their ``start`` is as sent.

    Raises:
        BadParameterError: The id is none.
        NotFoundError: No span of the trace is stored.
    """
    raw_id = hex_id(trace_id, "the trace id", 16)
    row = connection.execute(
        "SELECT id, start_ns, spans FROM traces WHERE trace_id=?", (raw_id,)
    ).fetchone()
    if row is None:
        raise NotFoundError(f"trace {trace_id} is not stored")
    spans = [_span(each, row[1]) for each in _shown(connection, row[0], row[2])]
    children = _families(spans)
    shifted = adjust_clocks(children.get(None, []), _named(children)) if adjust else 0
    # Whole nanoseconds until the end: milliseconds since the epoch are only good to 0.2 µs.
    start_ns = min((span["start_ns"] for span in spans), default=0)
    end_ns = max((span["end_ns"] for span in spans), default=0)
    for span in spans:
        span["offset"] = (span["start_ns"] - start_ns) / NS_PER_MS
        span["skew"] = span.get("skew_ns", 0) / NS_PER_MS
        for event in span["events"]:
            event["offset"] = event["time"] - start_ns / NS_PER_MS + span["skew"]
    _name_links(connection, spans)
    ordered = _tree(spans, children)
    _mark_critical(ordered, children, start_ns)
    return {
        "trace_id": raw_id.hex(),
        "start": start_ns / NS_PER_MS,
        "duration": (end_ns - start_ns) / NS_PER_MS,
        "services": list(dict.fromkeys(span["service"] for span in spans)),
        "spans": [_public(span) for span in ordered],
        "logs": trace_logs(connection, raw_id),
        "back_links": _back_links(connection, raw_id),
        "truncated": row[2] > len(spans),
        "total_spans": row[2],
        "left_out": row[2] - len(spans),
        "shifted": shifted,
        **get_trace_version(connection, trace_id),
    }


def _shown(
    connection: sqlite3.Connection, trace: int, total: int
) -> list[tuple[bytes, bytes, str, bytes]]:
    """Return a trace's spans; of a large one its roots and the earliest, in order of time."""
    chosen: list[int] | None = None
    if total > MAX_SPANS:
        order: list[tuple[bool, int, int]] = []
        for number, raw in connection.execute(
            "SELECT rowid, raw FROM spans WHERE trace=?", (trace,)
        ):
            span = Span.FromString(raw)
            order.append((bool(span.parent_span_id), span.start_time_unix_nano, number))
        chosen = sorted(number for *_, number in heapq.nsmallest(MAX_SPANS, order))
    select = (
        "SELECT spans.raw, resources.raw, service, scopes.raw FROM spans"
        " JOIN resources ON resources.id=resource JOIN scopes ON scopes.id=scope"
    )
    if chosen is None:
        return connection.execute(f"{select} WHERE trace=?", (trace,)).fetchall()
    return [
        connection.execute(f"{select} WHERE spans.rowid=?", (number,)).fetchone()
        for number in chosen
    ]


def _span(row: tuple[bytes, bytes, str, bytes], trace_start_ns: int) -> dict[str, Any]:
    """Return a span for the page; one without a time stands at the trace's start."""
    span = Span.FromString(row[0])
    sent_ns = span.start_time_unix_nano or span.end_time_unix_nano
    start_ns = sent_ns or trace_start_ns
    found = attributes(span.attributes)
    stage = found.get(semconv.ML_STAGE_NAME)
    if stage is None and span.name in semconv.STAGES:
        stage = span.name
    end_ns = max(span.end_time_unix_nano, start_ns)
    return {
        "start_ns": start_ns,
        "end_ns": end_ns,
        "span_id": span.span_id.hex(),
        "parent_id": span.parent_span_id.hex() or None,
        "name": span.name,
        "kind": _KINDS[span.kind] if 0 <= span.kind < len(_KINDS) else _KINDS[0],
        "service": row[2],
        "start": start_ns / NS_PER_MS,
        "duration": (end_ns - start_ns) / NS_PER_MS,
        # What its sender left out; a duration of 0 is one that was sent.
        "no_start": not span.start_time_unix_nano,
        "no_end": not span.end_time_unix_nano,
        "status": _STATUS[span.status.code] if 0 <= span.status.code < len(_STATUS) else "unset",
        "status_message": span.status.message,
        "stage": stage,
        "inferred": found.get(semconv.ML_STAGE_INFERRED) is True,
        "model": found.get(semconv.ML_MODEL_NAME),
        "title": title_of(span.name, found),
        "work": kind_of(found),
        "messages": messages_of(found),
        "attributes": found,
        **resource_of(row[1]),
        "scope": scope_of(row[3]),
        **context_of(span),
        "events": events_of(span, start_ns),
        "links": links_of(span),
    }


def _families(spans: list[dict[str, Any]]) -> Children:
    """Return the spans below each span id; below None those whose parent is not here."""
    ids = {span["span_id"] for span in spans}
    children: Children = {}
    for span in spans:
        known = span["parent_id"] in ids and span["parent_id"] != span["span_id"]
        span["missing_parent"] = span["parent_id"] is not None and not known
        children.setdefault(span["parent_id"] if known else None, []).append(span)
    return children


def _named(children: Children) -> dict[str, list[dict[str, Any]]]:
    return {key: below for key, below in children.items() if key is not None}


def _tree(spans: list[dict[str, Any]], children: Children) -> list[dict[str, Any]]:
    """Return the spans parents first, with depth and self time; tolerates orphans and cycles."""
    for below in children.values():
        below.sort(key=lambda each: (each["start_ns"], -each["end_ns"]))
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


def _mark_critical(spans: list[dict[str, Any]], children: Children, start_ns: int) -> None:
    """Write into each span its stretches on the critical path, as offsets in milliseconds."""
    roots = children.get(None, [])
    found = {}
    if roots:
        # A root that is one rather than an orphan; of several the longest.
        root = min(roots, key=lambda s: (s["missing_parent"], s["start_ns"] - s["end_ns"]))
        found = critical_path(root, _named(children))
    for span in spans:
        span["critical"] = [
            [(low - start_ns) / NS_PER_MS, (high - start_ns) / NS_PER_MS]
            for low, high in found.get(span["span_id"], [])
        ]


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
    return {key: value for key, value in span.items() if key not in _INNER}


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


def get_trace_version(connection: sqlite3.Connection, trace_id: str) -> dict[str, Any]:
    """Answer GET /api/traces/{trace_id}/version: what changes when the trace gets something new."""
    raw_id = hex_id(trace_id, "the trace id", 16)
    counts = connection.execute(
        "SELECT coalesce((SELECT spans FROM traces WHERE trace_id=?1), 0),"
        " (SELECT count(*) FROM logs WHERE trace_id=?1),"
        " (SELECT count(*) FROM links WHERE to_trace=?1)",
        (raw_id,),
    ).fetchone()
    return {"version": "/".join(map(str, counts))}


def _back_links(connection: sqlite3.Connection, trace_id: bytes) -> list[dict[str, Any]]:
    rows = connection.execute(
        "SELECT traces.trace_id, links.span_id, spans.raw, to_span, resources.service,"
        " traces.start_ns FROM links"
        " JOIN traces ON traces.id=links.trace"
        " JOIN spans ON spans.trace=links.trace AND spans.span_id=links.span_id"
        " JOIN resources ON resources.id=spans.resource WHERE to_trace=? LIMIT 200",
        (trace_id,),
    )
    found: list[dict[str, Any]] = []
    for other_trace, span_id, raw, to_span, service, started_ns in rows:
        span = Span.FromString(raw)
        found.append(
            {
                "trace_id": other_trace.hex(),
                "span_id": span_id.hex(),
                "name": span.name,
                "to_span_id": to_span.hex(),
                "time": (span.start_time_unix_nano or started_ns) / NS_PER_MS,
                "service": service,
            }
        )
    return sorted(found, key=lambda each: each["time"])
