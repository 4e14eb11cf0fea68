"""The list of traces."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from otelml.viewer.queries.found_spans import Place, Search, order_of, place_of
from otelml.viewer.queries.labelled import labelled_clause
from otelml.viewer.queries.scatter import scatter
from otelml.viewer.queries.window import (
    NS_PER_MS,
    BadParameterError,
    Window,
    limit_of,
    number,
    window_of,
)
from otelml.viewer.store import COARSE_S, member, split

_MAX_FACETS = 50
_SETS = {
    "service": "services",
    "model": "models",
    "version": "versions",
    "stage": "stages",
    "label": "labels",
}
_COLUMNS = (
    "trace_id, start_ns, duration_ns, service, services, name, models, versions, labels,"
    " confidence, spans, errors, stages, title, id"
)


def list_traces(connection: sqlite3.Connection, params: Mapping[str, str]) -> dict[str, Any]:
    """Answer GET /api/traces."""
    window = window_of(params, connection)
    clauses, args = _filters(params, window)
    column = order_of(params.get("order", ""))
    after = place_of(params.get("after", ""))
    limit = limit_of(params)
    search, complete = _search(connection, params.get("query", ""), window, clauses, args)
    where = " AND ".join(clauses)
    (total,) = connection.execute(f"SELECT count(*) FROM traces WHERE {where}", args).fetchone()  # noqa: S608 - our own clauses
    page, page_args = where, list(args)
    if after is not None:
        page += f" AND ({column}, id)<(?,?)"
        page_args += after
    rows = connection.execute(
        f"SELECT {_COLUMNS}, {column} FROM traces WHERE {page}"  # noqa: S608 - our own clauses
        f" ORDER BY {column} DESC, id DESC LIMIT ?",
        [*page_args, limit + 1],
    ).fetchall()
    shown = rows[:limit]
    return {
        "traces": [_summary(row, search) for row in shown],
        "total": total,
        "complete": complete,
        "next": str(Place(shown[-1][-1], shown[-1][-2])) if len(rows) > limit else None,
        "scatter": scatter(connection, window, where, args, total) if total > len(shown) else None,
        "facets": _facets(connection),
    }


def _search(
    connection: sqlite3.Connection,
    query: str,
    window: Window,
    clauses: list[str],
    args: list[Any],
) -> tuple[Search | None, bool]:
    """Add that one span of the trace matches the query; tell whether all spans were looked at."""
    if not query.strip():
        return None, True
    # A trace of the range may go on after it.
    (end_ns,) = connection.execute(
        "SELECT max(end_ns) FROM traces WHERE start_ns>=? AND start_ns<?",
        (window.from_ns, window.to_ns),
    ).fetchone()
    longest = Window(window.from_ms, max(window.to_ms, (end_ns or 0) / NS_PER_MS + 1))
    search = Search(connection, longest, query)
    numbers, complete = search.traces()
    clauses.append("id IN (SELECT value FROM json_each(?))")
    args.append(numbers)
    return search, complete


def _filters(params: Mapping[str, str], window: Window) -> tuple[list[str], list[Any]]:
    clauses = ["start_ns>=? AND start_ns<?"]
    args: list[Any] = [window.from_ns, window.to_ns]
    for name, column in _SETS.items():
        if params.get(name):
            clauses.append(f"instr({column}, ?)")
            args.append(member(params[name]))
    for name, comparison, factor in (
        ("min_ms", "duration_ns>=?", NS_PER_MS),
        ("max_ms", "duration_ns<=?", NS_PER_MS),
        ("max_confidence", "confidence<=?", 1),
    ):
        value = number(params, name)
        if value is not None:
            clauses.append(comparison)
            args.append(value * factor)
    if params.get("error"):
        if params["error"] not in {"0", "1", "true", "false"}:
            raise BadParameterError("error must be 1 or 0")
        clauses.append("errors>0" if params["error"] in {"1", "true"} else "errors=0")
    if params.get("labelled"):
        clauses.append(labelled_clause(params["labelled"]))
    if params.get("name"):
        clauses.append("instr(lower(name), ?)")
        args.append(params["name"].lower())
    return clauses, args


def _summary(row: tuple[Any, ...], search: Search | None) -> dict[str, Any]:
    match = None if search is None else search.one_of(row[14])
    return {
        "trace_id": row[0].hex(),
        "start": row[1] / NS_PER_MS,
        "duration": row[2] / NS_PER_MS,
        "service": row[3],
        "services": split(row[4]),
        "name": row[5],
        "title": row[13] or row[5],
        "model": next(iter(split(row[6])), None),
        "version": next(iter(split(row[7])), None),
        "label": next(iter(split(row[8])), None),
        "confidence": row[9],
        "spans": row[10],
        "error": row[11] > 0,
        "stages": split(row[12]),
        "span_id": None if match is None else match.hex(),
    }


def _facets(connection: sqlite3.Connection) -> dict[str, list[str]]:
    def column(sql: str) -> list[str]:
        return [row[0] for row in connection.execute(f"{sql} LIMIT {_MAX_FACETS}") if row[0]]

    # The coarse rollups name the stages; the newest predictions name the labels.
    return {
        "services": services(connection)[:_MAX_FACETS],
        "models": column("SELECT DISTINCT name FROM models ORDER BY 1"),
        "stages": column(
            f"SELECT DISTINCT stage FROM rollups WHERE resolution={COARSE_S} ORDER BY 1"  # noqa: S608 - a constant
        ),
        "labels": column(
            "SELECT DISTINCT label FROM (SELECT label FROM predictions ORDER BY id DESC"
            " LIMIT 2000) WHERE label IS NOT NULL ORDER BY 1"
        ),
    }


def services(connection: sqlite3.Connection) -> list[str]:
    """Return the names of all services that sent something that is kept."""
    return [r[0] for r in connection.execute("SELECT DISTINCT service FROM resources ORDER BY 1")]
