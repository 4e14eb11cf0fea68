"""Two traces laid over each other: what only one has, and where the time differs."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from otelml.viewer.queries.trace import get_trace
from otelml.viewer.queries.window import BadParameterError
from otelml.viewer.records import label

_MAX_VALUES = 5
_MAX_TEXT = 200
_SIDES = ("a", "b")

Span = dict[str, Any]
Key = tuple[str, ...]


@dataclass(slots=True)
class Node:
    """Spans of both traces that are called alike by callers that match."""

    depth: int
    spans: dict[str, list[Span]] = field(default_factory=lambda: {side: [] for side in _SIDES})
    below: dict[Key, Node] = field(default_factory=dict[Key, "Node"])

    @property
    def first(self) -> float:
        """When its first span began, in milliseconds from its trace's start."""
        return min(float(span["offset"]) for side in _SIDES for span in self.spans[side])


def compare_traces(connection: sqlite3.Connection, params: Mapping[str, str]) -> dict[str, Any]:
    """Answer GET /api/compare/traces: the traces ``a`` and ``b``, times in milliseconds.

    Spans of one service, name, kind and stage below callers that match are one row, with their
    number and the sum of their times on each side: one query that became eight is a row of 1 and
    8. Two traces with one root each match at it, whatever it is called.

    Raises:
        BadParameterError: An id is missing or none.
        NotFoundError: One of them is not stored.
    """
    for side in _SIDES:
        if not params.get(side):
            raise BadParameterError(f"{side} is missing: which trace?")
    traces = {side: get_trace(connection, params[side]) for side in _SIDES}
    single = all(sum(s["depth"] == 0 for s in t["spans"]) == 1 for t in traces.values())
    top = Node(-1)
    for side, trace in traces.items():
        _lay(top, side, trace["spans"], any_root=single)
    rows = [_row(number, node) for number, node in enumerate(_ordered(top))]
    return {
        **{side: _head(trace) for side, trace in traces.items()},
        "rows": rows,
        "added": sum(row["b"]["count"] for row in rows if row["a"] is None),
        "missing": sum(row["a"]["count"] for row in rows if row["b"] is None),
        "changed": sum(bool(row["changed"]) for row in rows),
        "resources": _resources(traces),
    }


def _lay(top: Node, side: str, spans: list[Span], *, any_root: bool) -> None:
    """Put a trace's spans, parents first, into the tree of both."""
    path = [top]
    for span in spans:
        depth = span["depth"]
        parent = path[depth]
        key: Key = (span["service"], span["name"], span["kind"], span["stage"] or "")
        if any_root and depth == 0:
            key = ()
        node = parent.below.get(key)
        if node is None:
            node = parent.below[key] = Node(depth)
        node.spans[side].append(span)
        path[depth + 1 :] = [node]


def _ordered(top: Node) -> list[Node]:
    found: list[Node] = []
    stack = sorted(top.below.values(), key=lambda node: -node.first)
    while stack:
        node = stack.pop()
        found.append(node)
        stack.extend(sorted(node.below.values(), key=lambda each: -each.first))
    return found


def _row(number: int, node: Node) -> dict[str, Any]:
    sides = {side: _side(node.spans[side]) for side in _SIDES}
    a, b = sides["a"], sides["b"]
    span = (node.spans["b"] or node.spans["a"])[0]
    both = a is not None and b is not None
    return {
        "id": number,
        "depth": node.depth,
        "children": len(node.below),
        "service": span["service"],
        "name": span["name"],
        "name_before": node.spans["a"][0]["name"] if both else None,
        "stage": span["stage"],
        "kind": span["kind"],
        "a": a,
        "b": b,
        # Of what one side lacks the whole time is the difference.
        "difference": _of(b, "duration") - _of(a, "duration"),
        "self_difference": _of(b, "self") - _of(a, "self"),
        "changed": _changed(*(_attributes(node.spans[s]) for s in _SIDES)) if both else [],
    }


def _of(side: dict[str, Any] | None, name: str) -> float:
    return float(side[name]) if side else 0.0


def _side(spans: list[Span]) -> dict[str, Any] | None:
    if not spans:
        return None
    slowest = max(spans, key=lambda span: span["duration"])
    return {
        "count": len(spans),
        "duration": sum(span["duration"] for span in spans),
        "self": sum(span["self"] for span in spans),
        "critical": sum(high - low for span in spans for low, high in span["critical"]),
        "errors": sum(span["status"] == "error" for span in spans),
        "message": next((s["status_message"] for s in spans if s["status_message"]), ""),
        "span_id": slowest["span_id"],
    }


Values = dict[str, dict[str, None]]


def _attributes(spans: Iterable[Span]) -> Values:
    found: Values = {}
    for span in spans:
        for key, value in span["attributes"].items():
            found.setdefault(key, {})[label(value)] = None
    return found


def _changed(before: Values, after: Values) -> list[dict[str, Any]]:
    """Return the keys whose values differ, with some of the values of each side."""
    return [
        {"key": key, "a": _some(before.get(key)), "b": _some(after.get(key))}
        for key in sorted({*before, *after})
        if before.get(key, {}).keys() != after.get(key, {}).keys()
    ]


def _some(values: dict[str, None] | None) -> dict[str, Any]:
    shown = list(values or ())
    return {
        "values": [each[:_MAX_TEXT] for each in shown[:_MAX_VALUES]],
        "more": max(0, len(shown) - _MAX_VALUES),
    }


def _resources(traces: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Return by service what its senders say of themselves differently in the two traces."""
    found: dict[str, dict[str, Values]] = {}
    for side, trace in traces.items():
        for span in trace["spans"]:
            values = found.setdefault(span["service"], {}).setdefault(side, {})
            for key, value in span["resource"].items():
                values.setdefault(key, {})[label(value)] = None
    return [
        {"service": service, "changed": changed}
        for service, sides in sorted(found.items())
        if len(sides) == len(_SIDES) and (changed := _changed(sides["a"], sides["b"]))
    ]


def _head(trace: dict[str, Any]) -> dict[str, Any]:
    predicted = next((span for span in trace["spans"] if span["model"]), None)
    return {
        "trace_id": trace["trace_id"],
        "name": trace["spans"][0]["name"],
        "service": trace["spans"][0]["service"],
        "start": trace["start"],
        "duration": trace["duration"],
        "spans": trace["total_spans"],
        "left_out": trace["left_out"],
        "errors": sum(span["status"] == "error" for span in trace["spans"]),
        "model": predicted and predicted["model"],
    }
