"""One feature of a model: the reference's bins against the present ones, and its history."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from typing import Any

from otelml import semconv
from otelml.viewer.queries.drift_events import drift_events
from otelml.viewer.queries.drift_series import Last, increases, series_of
from otelml.viewer.queries.models import find_models
from otelml.viewer.queries.rollup_sums import resolution_of
from otelml.viewer.queries.window import (
    BadParameterError,
    NotFoundError,
    Window,
    window_of,
)

MAX_BINS = 100
_MAX_EVENTS = 50
_APART = (semconv.BIN_MISSING, semconv.BIN_NON_FINITE)
_NUMBER = r"[-+]?(?:inf|\d+\.?\d*(?:e[-+]?\d+)?)"
_INTERVAL = re.compile(rf"^\(({_NUMBER}), ({_NUMBER})\]$")
_LAST = ("unseen", semconv.OVERFLOW_VALUE, *_APART)


def get_drift_feature(connection: sqlite3.Connection, params: Mapping[str, str]) -> dict[str, Any]:
    """Answer GET /api/models/{name}/drift/feature."""
    name, feature = params["name"], params.get("feature") or ""
    if not feature:
        raise BadParameterError("feature is missing: which one?")
    window = window_of(params, connection)
    version = params.get("version")
    only = frozenset({feature})
    ratios = series_of(connection, semconv.ML_FEATURE_REFERENCE_RATIO, name, version, only)
    counters = series_of(connection, semconv.ML_FEATURE_VALUES, name, version, only)
    checked = ratios or counters or series_of(connection, semconv.ML_DRIFT_EVIDENCE, name)
    if not checked and not find_models(connection, name):
        raise NotFoundError(f"no model {name!r} is known")
    if version is None:
        version = checked[0].version if checked else ""
        ratios = [each for each in ratios if each.version == version]
        counters = [each for each in counters if each.version == version]
    resolution = resolution_of(window)
    slots = window.slots(resolution)
    grown = increases(connection, counters, window, slots)
    current: dict[str, float] = {}
    for each in counters:
        if each.id in grown:
            bin_name = each.labels.get(semconv.ML_FEATURE_BIN, "")
            current[bin_name] = current.get(bin_name, 0.0) + grown[each.id]
    reference = _reference(connection, [(e.id, e.process, e.labels) for e in ratios], window)
    events, left_out = drift_events(connection, window, name, version, _MAX_EVENTS, feature)
    names = sorted({*reference, *current} - {""}, key=_place)
    return {
        "name": name,
        "version": version or None,
        "feature": feature,
        "from": window.from_ms,
        "to": window.to_ms,
        "bins": _bins(names[:MAX_BINS], reference, current),
        "bins_left_out": max(0, len(names) - MAX_BINS),
        "values": sum(current.values()),
        "instances": len({each.process for each in counters if each.id in grown}),
        "events": events,
        "events_left_out": left_out,
    }


def _reference(
    connection: sqlite3.Connection,
    series: list[tuple[int, tuple[str, str], dict[str, str]]],
    window: Window,
) -> dict[str, float]:
    """Return the reference's shares as the process that told of them last has them."""
    lasts: dict[int, Last] = {}
    for one, _, _ in series:
        row = connection.execute(
            "SELECT time_ns, value FROM points WHERE series=? AND time_ns<? AND value IS NOT NULL"
            " ORDER BY time_ns DESC LIMIT 1",
            (one, window.to_ns),
        ).fetchone()
        if row is not None:
            lasts[one] = Last(*row)
    known = [(lasts[one].time_ns, process) for one, process, _ in series if one in lasts]
    if not known:
        return {}
    time_ns, newest = max(known)
    # Bins of a reference that was replaced in this process stopped being sent.
    return {
        labels.get(semconv.ML_FEATURE_BIN, ""): lasts[one].value
        for one, process, labels in series
        if one in lasts and process == newest and lasts[one].time_ns == time_ns
    }


def _bins(
    names: list[str], reference: dict[str, float], current: dict[str, float]
) -> list[dict[str, Any]]:
    rows = sum(current.values())
    usable = rows - sum(current.get(name, 0.0) for name in _APART)
    found: list[dict[str, Any]] = []
    for name in names:
        # As in the reference: shares of the usable values, but missing ones of all rows.
        of = rows if name in _APART else usable
        found.append(
            {
                "bin": name,
                "reference": reference.get(name, 0.0) if reference else None,
                "current": current.get(name, 0.0) / of if of > 0 else None,
                "count": current.get(name, 0.0),
            }
        )
    return found


def _place(name: str) -> tuple[int, float, str]:
    """Return where a bin belongs: intervals and numbers by value, then levels, then the others."""
    if name in _LAST:
        return 2, float(_LAST.index(name)), name
    interval = _INTERVAL.match(name)
    number = re.fullmatch(_NUMBER, name)
    if interval or number:
        return 0, float(interval.group(2) if interval else name), name
    return 1, 0.0, name
