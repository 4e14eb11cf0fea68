"""When a model's drift was detected: spells of time, from the flag's points."""

from __future__ import annotations

import sqlite3

from otelml import semconv
from otelml.viewer.queries.drift_series import series_of
from otelml.viewer.queries.window import Window

MAX_SPELLS = 50
_DETECTED = 0.5


def drift_spells(
    connection: sqlite3.Connection, window: Window, name: str, version: str | None
) -> list[tuple[int, int]]:
    """Return from when to when some feature had drifted, the newest first, in nanoseconds.

    A flag holds from the point before the first that shows it to the last one, so that the rows
    that raised it are inside; of several processes each counts.
    """
    series = series_of(
        connection,
        semconv.ML_DRIFT_DETECTED,
        name,
        version,
        frozenset({semconv.FEATURE_ANY}),
        window.from_ns,
    )
    spells: list[tuple[int, int]] = []
    for each in series:
        rows = connection.execute(
            "SELECT time_ns, value FROM points WHERE series=? AND time_ns>=? AND time_ns<?"
            " AND value IS NOT NULL ORDER BY time_ns",
            (each.id, window.from_ns, window.to_ns),
        )
        start = before = window.from_ns
        holds = False
        for time_ns, value in rows:
            detected = value >= _DETECTED
            if detected and not holds:
                start = before
            if holds and not detected:
                spells.append((start, time_ns))
            holds, before = detected, time_ns
        if holds:
            spells.append((start, window.to_ns))
    return _joined(spells)[:MAX_SPELLS]


def _joined(spells: list[tuple[int, int]]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for start, end in sorted(spells):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found[::-1]
