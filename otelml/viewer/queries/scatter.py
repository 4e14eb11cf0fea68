"""Durations over time of more traces than can be drawn one by one."""

from __future__ import annotations

import sqlite3
from typing import Any

from otelml.viewer.queries.window import NS_PER_MS, NS_PER_S, Window

# Four bins an octave, from 1 µs up to over an hour.
_PER_OCTAVE = 4
_BINS = 32 * _PER_OCTAVE
_FLOOR_NS = 1_000


def _edge_ns(index: int) -> int:
    """Return the lower edge of a bin; the first begins at zero."""
    return 0 if index == 0 else round(_FLOOR_NS * 2 ** ((index - 1) / _PER_OCTAVE))


def _bin(low: int, high: int) -> str:
    """Return SQL for the bin of a duration, as a search by halves that SQLite does itself."""
    if low == high:
        return str(low)
    middle = (low + high + 1) // 2
    return (
        f"CASE WHEN duration_ns<{_edge_ns(middle)} THEN {_bin(low, middle - 1)}"
        f" ELSE {_bin(middle, high)} END"
    )


_BIN = _bin(0, _BINS - 1)


def scatter(
    connection: sqlite3.Connection, window: Window, where: str, args: list[Any], total: int
) -> dict[str, Any]:
    """Return how many traces began in each slot of time with each duration, and how many failed.

    Args:
        connection: A connection to the store.
        window: The time range.
        where: Conditions on the table ``traces``.
        args: Their parameters.
        total: How many traces there are.

    Returns:
        Slots in ms since the epoch and their ``step``, ``edges`` of the durations in ms, and cells
        ``[slot, bin, traces, failed, trace id of the slowest]``.
    """
    slots = window.slots(1)
    rows = connection.execute(
        f"SELECT (start_ns/{NS_PER_S}-{slots.first_s})/{slots.step_s}, {_BIN}, count(*),"  # noqa: S608 - numbers and our own clauses
        f" sum(errors>0), max(duration_ns), trace_id FROM traces WHERE {where} GROUP BY 1, 2",
        args,
    ).fetchall()
    top = max((row[1] for row in rows), default=0) + 1
    low = min((row[1] for row in rows), default=0)
    return {
        "time": slots.times_ms(),
        "step": slots.step_s * 1000.0,
        "edges": [_edge_ns(index) / NS_PER_MS for index in range(low, top + 1)],
        "cells": [
            [int(slot), lowest - low, count, failed, trace_id.hex()]
            for slot, lowest, count, failed, _, trace_id in rows
        ],
        "total": total,
    }
