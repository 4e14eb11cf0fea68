"""The list of log records and their histogram over time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from otelml.viewer.queries.conditions import conditions_of
from otelml.viewer.queries.log_attributes import LogAttributes
from otelml.viewer.queries.window import (
    MAX_TOTAL,
    NS_PER_MS,
    NS_PER_S,
    BadParameterError,
    Slots,
    Window,
    count_capped,
    hex_id,
    limit_of,
    number,
    window_of,
)
from otelml.viewer.records import LEVELS, attributes, plain
from otelml.viewer.store import FINE_S

_MAX_TRACE_LOGS = 1000
_MAX_HISTOGRAM_ROWS = 200_000
# What the counts beside the records do not know of.
_SCANNED = ("query", "trace_id", "span_id", "logger", "where")
_SELECT = (
    "SELECT logs.id, time_ns, severity, level, logs.service, logger, trace_id, span_id, logs.raw,"
    " resources.raw FROM logs JOIN resources ON resources.id=resource"
)


def list_logs(connection: sqlite3.Connection, params: Mapping[str, str]) -> dict[str, Any]:
    """Answer GET /api/logs.

    ``where`` filters by any attribute of a record, its scope or its resource; ``by`` counts the
    values of one.
    """
    if params.get("trace_id") and not params.get("from"):
        params = {**params, "from": "0"}
    window = window_of(params, connection)
    clauses, args = _filters(params, window)
    by = params.get("by") or ""
    conditions = conditions_of(params.get("where", ""))
    found = LogAttributes(connection) if conditions.each or by else None
    if found and conditions.each:
        more, more_args = found.where(conditions)
        clauses += more
        args += more_args
    where = " AND ".join(clauses)
    paged, paged_args, limit = list(clauses), list(args), limit_of(params)
    for name, comparison in (("before", "<"), ("after", ">")):
        mark = number(params, name)
        if mark is not None:
            paged.append(
                f"(time_ns, id) {comparison}"  # noqa: S608 - our own clauses
                " (coalesce((SELECT time_ns FROM logs WHERE id=?), 0), ?)"
            )
            paged_args += [int(mark), int(mark)]
    rows = connection.execute(
        f"{_SELECT} WHERE logs.id IN (SELECT id FROM logs WHERE {' AND '.join(paged)}"  # noqa: S608 - our own clauses
        " ORDER BY time_ns DESC, id DESC LIMIT ?) ORDER BY time_ns DESC, logs.id DESC",
        [*paged_args, limit + 1],
    ).fetchall()
    logs = [_record(row) for row in rows[:limit]]
    slots = window.slots(FINE_S)
    if any(params.get(name) for name in _SCANNED):
        # One scan answers both the histogram and the total.
        counted: Iterable[tuple[int, int, int]] = connection.execute(
            f"SELECT (time_ns/{NS_PER_S}-?)/?, level, count(*) FROM"  # noqa: S608 - our own clauses
            f" (SELECT time_ns, level FROM logs WHERE {where} ORDER BY time_ns DESC"
            f" LIMIT {_MAX_HISTOGRAM_ROWS}) GROUP BY 1, 2",
            [slots.first_s, slots.step_s, *args],
        ).fetchall()
        total = sum(row[2] for row in counted)
        totals = {"total": min(total, MAX_TOTAL), "total_capped": total > MAX_TOTAL}
    else:
        counted = _counted(connection, params, slots)
        totals = count_capped(connection, f"SELECT 1 FROM logs WHERE {where}", args)  # noqa: S608 - our own clauses
    return {
        "logs": logs,
        "histogram": _histogram(slots, counted),
        "groups": found.groups(by, where, args, slots) if found and by else None,
        **totals,
        "next_before": logs[-1]["id"] if len(rows) > limit else None,
    }


def trace_logs(connection: sqlite3.Connection, trace_id: bytes) -> list[dict[str, Any]]:
    """Return the records of one trace, the oldest first."""
    rows = connection.execute(
        f"{_SELECT} WHERE trace_id=? ORDER BY time_ns, logs.id LIMIT ?", (trace_id, _MAX_TRACE_LOGS)
    )
    return [_record(row) for row in rows]


def _filters(params: Mapping[str, str], window: Window) -> tuple[list[str], list[Any]]:
    clauses: list[str] = ["time_ns>=? AND time_ns<?"]
    args: list[Any] = [window.from_ns, window.to_ns]
    if params.get("level"):
        clauses.append("level>=?")
        args.append(_rank(params["level"]))
    for name, column in (("service", "service"), ("logger", "logger")):
        if params.get(name):
            clauses.append(f"{column}=?")
            args.append(params[name])
    if params.get("trace_id"):
        clauses.append("trace_id=?")
        args.append(hex_id(params["trace_id"], "trace_id", 16))
    if params.get("span_id"):
        clauses.append("span_id=?")
        args.append(hex_id(params["span_id"], "span_id", 8))
    if params.get("query"):
        clauses.append("instr(search, ?)")
        args.append(params["query"].casefold())
    return clauses, args


def _rank(level: str) -> int:
    if level not in LEVELS:
        raise BadParameterError(f"level must be one of {', '.join(LEVELS)}")
    return LEVELS.index(level)


def _histogram(slots: Slots, counted: Iterable[tuple[int, int, int]]) -> dict[str, Any]:
    levels: dict[str, list[int]] = {}
    for slot, level, count in counted:
        if 0 <= slot < slots.count:
            levels.setdefault(LEVELS[level], [0] * slots.count)[slot] = count
    return {"time": slots.times_ms(), "step": slots.step_s * 1000.0, "levels": levels}


def _counted(
    connection: sqlite3.Connection, params: Mapping[str, str], slots: Slots
) -> sqlite3.Cursor:
    clauses = ["bucket>=? AND bucket<?"]
    args: list[Any] = [slots.first_s, slots.end_s]
    if params.get("level"):
        clauses.append("level>=?")
        args.append(_rank(params["level"]))
    if params.get("service"):
        clauses.append("service=?")
        args.append(params["service"])
    return connection.execute(
        f"SELECT (bucket-?)/?, level, sum(count) FROM log_counts WHERE {' AND '.join(clauses)}"  # noqa: S608 - our own clauses
        " GROUP BY 1, 2",
        [slots.first_s, slots.step_s, *args],
    )


def _record(row: tuple[Any, ...]) -> dict[str, Any]:
    record = LogRecord.FromString(row[8])
    return {
        "id": row[0],
        "time": row[1] / NS_PER_MS,
        "level": LEVELS[row[3]],
        "severity": record.severity_text or LEVELS[row[3]].upper(),
        "severity_number": row[2],
        "logger": row[5],
        "service": row[4],
        "event_name": record.event_name or None,
        "body": plain(record.body),
        "attributes": attributes(record.attributes),
        "dropped_attributes": record.dropped_attributes_count,
        "observed": record.observed_time_unix_nano / NS_PER_MS or None,
        "resource": attributes(Resource.FromString(row[9]).attributes),
        "trace_id": None if row[6] is None else row[6].hex(),
        "span_id": None if row[7] is None else row[7].hex(),
    }
