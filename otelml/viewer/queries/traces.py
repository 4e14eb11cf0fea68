"""The list of traces."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from otelml.viewer.queries.window import (
    NS_PER_MS,
    BadParameterError,
    count_capped,
    limit_of,
    number,
    window_of,
)
from otelml.viewer.store import COARSE_S, SEPARATOR, split

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
    " confidence, spans, errors, stages"
)


def list_traces(connection: sqlite3.Connection, params: Mapping[str, str]) -> dict[str, Any]:
    """Answer GET /api/traces."""
    clauses, args = _filters(connection, params)
    order = params.get("order") or "newest"
    if order not in {"newest", "slowest"}:
        raise BadParameterError("order must be newest or slowest")
    column = "start_ns" if order == "newest" else "duration_ns"
    where = " AND ".join(clauses)
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM traces WHERE {where} ORDER BY {column} DESC LIMIT ?",  # noqa: S608 - our own clauses
        [*args, limit_of(params)],
    )
    return {
        "traces": [_summary(row) for row in rows],
        **count_capped(connection, f"SELECT 1 FROM traces WHERE {where}", args),  # noqa: S608 - our own clauses
        "facets": _facets(connection),
    }


def _filters(
    connection: sqlite3.Connection, params: Mapping[str, str]
) -> tuple[list[str], list[Any]]:
    window = window_of(params, connection)
    clauses = ["start_ns>=? AND start_ns<?"]
    args: list[Any] = [window.from_ns, window.to_ns]
    for name, column in _SETS.items():
        if params.get(name):
            clauses.append(f"instr({column}, ?)")
            args.append(f"{SEPARATOR}{params[name]}{SEPARATOR}")
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
    if params.get("name"):
        clauses.append("instr(lower(name), ?)")
        args.append(params["name"].lower())
    return clauses, args


def _summary(row: tuple[Any, ...]) -> dict[str, Any]:
    return {
        "trace_id": row[0].hex(),
        "start": row[1] / NS_PER_MS,
        "duration": row[2] / NS_PER_MS,
        "service": row[3],
        "services": split(row[4]),
        "name": row[5],
        "model": next(iter(split(row[6])), None),
        "version": next(iter(split(row[7])), None),
        "label": next(iter(split(row[8])), None),
        "confidence": row[9],
        "spans": row[10],
        "error": row[11] > 0,
        "stages": split(row[12]),
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
