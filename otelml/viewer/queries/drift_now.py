"""What is true of a model's drift now: which features, since when, against which reference."""

from __future__ import annotations

import sqlite3
from typing import Any

from otelml import semconv
from otelml.viewer.queries.drift_events import events_of
from otelml.viewer.queries.drift_series import DriftSeries, Last, labels_of, newest, series_of
from otelml.viewer.queries.window import NS_PER_MS, Window

_DETECTED = 0.5
# Gauges are sent at least this often; a process silent for longer has ended.
_INTERVAL_S = 60.0

Version = tuple[str, str]


def drifted_features(connection: sqlite3.Connection, window: Window) -> dict[Version, int]:
    """Return how many features have drifted, by the name and version of each monitored model."""
    values: dict[int, Last] = {}
    found: dict[Version, int] = {}
    whole = connection.execute(
        "SELECT series.id, attributes FROM metrics JOIN series ON series.metric=metrics.id"
        " WHERE metrics.name=? AND series.last_ns>=? AND instr(attributes, ?)"
        " ORDER BY series.last_ns DESC LIMIT 2000",
        (semconv.ML_DRIFT_DETECTED.name, window.from_ns, semconv.FEATURE_ANY.encode()),
    ).fetchall()
    of: dict[int, Version] = {}
    for series, packed in whole:
        labels = labels_of(packed)
        if labels.get(semconv.ML_FEATURE_NAME) != semconv.FEATURE_ANY:
            continue
        last = _last(connection, series, window)
        if last is not None:
            values[series] = last
            of[series] = (
                labels.get(semconv.ML_MODEL_NAME, ""),
                labels.get(semconv.ML_MODEL_VERSION, ""),
            )
    by_model: dict[Version, dict[int, Last]] = {}
    for series, model in of.items():
        by_model.setdefault(model, {})[series] = values[series]
    for model, lasts in by_model.items():
        now = newest(lasts, _INTERVAL_S, coarse=False)
        drifts = any(value >= _DETECTED for value in now.values())
        found[model] = _count(connection, model, window) if drifts else 0
    return found


def _count(connection: sqlite3.Connection, model: Version, window: Window) -> int:
    series = series_of(
        connection, semconv.ML_DRIFT_DETECTED, model[0], model[1], None, window.from_ns
    )
    lasts = {each.id: _last(connection, each.id, window) for each in series}
    known = {one: last for one, last in lasts.items() if last is not None}
    now = newest(known, _INTERVAL_S, coarse=False)
    drifted = {each.feature for each in series if now.get(each.id, 0.0) >= _DETECTED}
    return max(1, len(drifted - {semconv.FEATURE_ANY}))


def _last(connection: sqlite3.Connection, series: int, window: Window) -> Last | None:
    row = connection.execute(
        "SELECT time_ns, value FROM points WHERE series=? AND time_ns>=? AND time_ns<?"
        " AND value IS NOT NULL ORDER BY time_ns DESC LIMIT 1",
        (series, window.from_ns, window.to_ns),
    ).fetchone()
    return None if row is None else Last(*row)


def drift_since(
    connection: sqlite3.Connection, window: Window, name: str, drifting: list[DriftSeries]
) -> dict[str, dict[str, Any]]:
    """Return since when each feature has drifted, in ms, and whether that is only what is stored.

    Args:
        connection: The database.
        window: The range; what is before it counts as well.
        name: The model's name.
        drifting: The series of ``ml.drift.detected`` that are 1 now.
    """
    found: dict[str, dict[str, Any]] = {}
    for each in drifting:
        (quiet_ns,) = connection.execute(
            "SELECT max(time_ns) FROM points WHERE series=? AND time_ns<? AND value<?",
            (each.id, window.to_ns, _DETECTED),
        ).fetchone()
        (first_ns,) = connection.execute(
            "SELECT min(time_ns) FROM points WHERE series=? AND time_ns>? AND time_ns<?",
            (each.id, quiet_ns or 0, window.to_ns),
        ).fetchone()
        if first_ns is None:
            continue
        told_ns = _told_ns(connection, name, each, quiet_ns, first_ns)
        since = (told_ns or first_ns) / NS_PER_MS
        known = found.get(each.feature)
        if known is None or since < known["time"]:
            exact = quiet_ns is not None or told_ns is not None
            found[each.feature] = {"time": since, "at_least": not exact}
    return found


def _told_ns(
    connection: sqlite3.Connection,
    name: str,
    series: DriftSeries,
    quiet_ns: int | None,
    first_ns: int,
) -> int | None:
    """Return when the event told of it, which is sooner than the next export of the gauge."""
    from_ns = quiet_ns if quiet_ns is not None else first_ns - int(_INTERVAL_S * 1e9)
    window = Window(from_ns // NS_PER_MS, first_ns / NS_PER_MS + 1)
    for event in events_of(connection, window, name, series.version):
        if event["event"] == semconv.EVENT_DRIFT_DETECTED and series.feature in event["features"]:
            return int(event["time"] * NS_PER_MS)
    return None


def reference_source(
    connection: sqlite3.Connection, name: str, version: str, window: Window
) -> dict[str, str | None] | None:
    """Return where the reference comes from and its digest; None where no sender says so."""
    for each in series_of(connection, semconv.ML_MODEL_INFO, name, version, None, window.from_ns):
        source = each.labels.get(semconv.ML_REFERENCE_SOURCE)
        if source:
            return {"source": source, "digest": each.labels.get(semconv.ML_REFERENCE_DIGEST)}
    return None
