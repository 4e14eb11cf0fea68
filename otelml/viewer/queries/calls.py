"""Who calls whom: from parents and children in different services, and from messages' links."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from otelml.viewer.queries.red_sums import Operation, find_operations, totals
from otelml.viewer.queries.rollup_sums import resolution_of
from otelml.viewer.queries.window import NS_PER_MS, Window, window_of
from otelml.viewer.records import ENTRY_KINDS

# Requests that are looked at, the newest first; what is left out is said.
MAX_CALLS = 300_000
_MAX_EDGES = 500
_CONSUMER = 5

_CALLS = """
SELECT parent_spans.operation, called.operation, count(*), sum(called.error),
  sum(called.duration_ns)
FROM (SELECT trace, parent, operation, error, duration_ns FROM spans
      WHERE start_ns>=? AND start_ns<? AND operation IN ({entries})
      ORDER BY start_ns DESC LIMIT ?) AS called
JOIN spans AS parent_spans ON parent_spans.trace=called.trace
  AND parent_spans.span_id=called.parent
GROUP BY 1, 2
"""
_MESSAGES = """
SELECT sent.operation, taken.operation, count(*), sum(taken.error), sum(taken.duration_ns)
FROM (SELECT trace, span_id, operation, error, duration_ns FROM spans
      WHERE start_ns>=? AND start_ns<? AND operation IN ({entries})
      ORDER BY start_ns DESC LIMIT ?) AS taken
JOIN links ON links.trace=taken.trace AND links.span_id=taken.span_id
JOIN traces ON traces.trace_id=to_trace
JOIN spans AS sent ON sent.trace=traces.id AND sent.span_id=to_span
GROUP BY 1, 2
"""


def get_calls(connection: sqlite3.Connection, params: Mapping[str, str]) -> dict[str, Any]:
    """Answer GET /api/calls."""
    window = window_of(params, connection)
    operations = {each.id: each for each in find_operations(connection)}
    called = _called(list(operations.values()))
    edges = _Edges(operations)
    for sql, kind, entries in (
        (_CALLS, "call", called),
        (_MESSAGES, "message", [n for n in called if operations[n].kind == _CONSUMER]),
    ):
        numbers = ",".join(str(each) for each in entries)
        for row in connection.execute(
            sql.format(entries=numbers), (window.from_ns, window.to_ns, MAX_CALLS)
        ):
            edges.add(kind, *row)
    sums = totals(connection, window.slots(resolution_of(window)), resolution_of(window))
    for number, total in sums.items():
        each = operations.get(number)
        # Whom nobody heard from: known by what its callers say.
        if each is not None and each.peer and number not in edges.answered:
            edges.put("external", each.service, each.peer, total.spans, total.errors, None)
    looked = sum(sums[each].spans for each in called if each in sums)
    services = {operations[n].service for n in sums if n in operations}
    return {"complete": looked <= MAX_CALLS, **edges.answer(services, window)}


def _called(operations: list[Operation]) -> list[int]:
    """Return the operations in which a service is called; all of one that does not say so."""
    entries = {each.service for each in operations if each.kind in ENTRY_KINDS}
    return [
        each.id for each in operations if each.kind in ENTRY_KINDS or each.service not in entries
    ]


class _Edges:
    """Calls between services, summed up.

    Args:
        operations: All operations by their number.
    """

    def __init__(self, operations: dict[int, Operation]) -> None:
        self._operations = operations
        self._sums: dict[tuple[str, str, str], list[Any]] = {}
        # Operations that another service was seen to answer.
        self.answered: set[int] = set()

    def add(
        self, kind: str, caller: int, callee: int, count: int, errors: int, duration_ns: int
    ) -> None:
        """Add the calls from one operation to another; those inside a service are none."""
        source, target = self._operations.get(caller), self._operations.get(callee)
        if source is None or target is None or source.service == target.service:
            return
        self.answered.add(caller)
        self.put(kind, source.service, target.service, count, errors, duration_ns)

    def put(
        self, kind: str, source: str, target: str, count: int, errors: int, duration_ns: int | None
    ) -> None:
        """Add calls from one service to another, or to something outside."""
        found = self._sums.setdefault((source, target, kind), [0, 0, None])
        found[0] += count
        found[1] += errors
        if duration_ns is not None:
            found[2] = (found[2] or 0) + duration_ns

    def answer(self, services: set[str], window: Window) -> dict[str, Any]:
        """Return nodes and edges, the busiest first."""
        ordered = sorted(self._sums.items(), key=lambda item: (-item[1][0], item[0]))
        shown = ordered[:_MAX_EDGES]
        seconds = (window.to_ms - window.from_ms) / 1000
        outside = {key[1] for key, _ in shown if key[2] == "external"} - services
        inside = services | {name for key, _ in shown for name in key[:2]} - outside
        return {
            "nodes": [
                *({"name": name, "external": False} for name in sorted(inside)),
                *({"name": name, "external": True} for name in sorted(outside)),
            ],
            "edges": [
                {
                    "from": source,
                    "to": target,
                    "kind": kind,
                    "calls": count,
                    "rate": count / seconds,
                    "errors": errors,
                    "mean": None if spent is None else spent / count / NS_PER_MS,
                }
                for (source, target, kind), (count, errors, spent) in shown
            ],
            "left_out": len(ordered) - len(shown),
        }
