"""A model's drift: evidence by feature and window, and how each feature stands now."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from otelml import semconv
from otelml.semconv import Metric
from otelml.viewer.queries.drift_events import check_trace, drift_events
from otelml.viewer.queries.drift_now import drift_since, reference_source
from otelml.viewer.queries.drift_series import (
    MAX_SERIES,
    DriftSeries,
    Last,
    last_by_slot,
    newest,
    series_of,
)
from otelml.viewer.queries.models import find_models
from otelml.viewer.queries.points import is_coarse
from otelml.viewer.queries.rollup_sums import resolution_of
from otelml.viewer.queries.window import NS_PER_S, NotFoundError, Slots, Window, window_of
from otelml.viewer.store import COARSE_S

MAX_FEATURES = 200
_COLUMNS = 60
_DETECTED = 0.5
_MAX_EVENTS = 50

Slotted = dict[int, dict[int, Last]]


def get_drift(connection: sqlite3.Connection, params: Mapping[str, str]) -> dict[str, Any]:
    """Answer GET /api/models/{name}/drift."""
    name = params["name"]
    window = window_of(params, connection)
    every = series_of(connection, semconv.ML_DRIFT_EVIDENCE, name, None, None, window.from_ns)
    detected = series_of(connection, semconv.ML_DRIFT_DETECTED, name, None, None, window.from_ns)
    if not every and not detected and not find_models(connection, name):
        raise NotFoundError(f"no model {name!r} is known")
    slots = drift_slots(connection, window, every or detected)
    read = _Reader(connection, name, window, slots)
    versions = _versions(read, detected)
    version = _shown_version(params.get("version"), versions, every)
    read.version = version
    evidence = [each for each in every if each.version == version]
    by_series = last_by_slot(connection, evidence, window, slots)
    relative, levels = _relative(read, evidence, by_series)
    flags = [each for each in detected if each.version == version]
    features = _features(read, evidence, by_series, relative, flags)
    events, left_out = drift_events(connection, window, name, version, _MAX_EVENTS)
    checked = read.greatest(semconv.ML_DRIFT_LAST_CHECK)
    last_check = None if checked is None else checked * 1000.0
    return {
        "name": name,
        "from": window.from_ms,
        "to": window.to_ms,
        "step": slots.step_s * 1000.0,
        "time": slots.times_ms(),
        "version": version or None,
        "versions": versions,
        "status": _status(read, evidence, flags),
        "reference": reference_source(connection, name, version, window),
        "threshold": min(levels.values(), default=None),
        "last_check": last_check,
        "window_rows": read.greatest(semconv.ML_DRIFT_WINDOW_ROWS),
        "instances": len({each.process for each in (*evidence, *flags)}),
        "drifted": sum(1 for each in features if each["detected"]),
        "skewed": sum(1 for each in features if each["skewed"]),
        "features": features[:MAX_FEATURES],
        "features_left_out": max(0, len(features) - MAX_FEATURES),
        # Of more streams the newest are read, so that an answer stays quick.
        "truncated": len(every) >= MAX_SERIES or len(detected) >= MAX_SERIES,
        "events": events,
        "events_left_out": left_out,
        "check": check_trace(connection, name, version, last_check),
    }


class _Reader:
    """Reads the present values of a model's metrics, over the processes that still report."""

    def __init__(
        self, connection: sqlite3.Connection, name: str, window: Window, slots: Slots
    ) -> None:
        self.connection, self.name, self.window, self.slots = connection, name, window, slots
        self.version: str | None = None

    def series(self, metric: Metric, features: frozenset[str] | None = None) -> list[DriftSeries]:
        """Return the series of a metric that reported in the range."""
        since = self.window.from_ns
        return series_of(self.connection, metric, self.name, self.version, features, since)

    def now(self, series: list[DriftSeries], read: Slotted | None = None) -> dict[int, float]:
        """Return the last value of each series that still reports."""
        if read is None:
            read = last_by_slot(self.connection, series, self.window, self.slots)
        lasts = {one: by_slot[max(by_slot)] for one, by_slot in read.items()}
        return newest(lasts, self.slots.step_s, coarse=is_coarse(self.slots))

    def greatest(self, metric: Metric) -> float | None:
        """Return the largest present value of a metric of the whole model."""
        return max(self.now(self.series(metric)).values(), default=None)

    def by_feature(self, metric: Metric, shown: frozenset[str]) -> dict[str, float]:
        """Return the largest present value of a metric by feature."""
        series = self.series(metric, shown)
        values = self.now(series)
        found: dict[str, float] = {}
        for each in series:
            if each.id in values:
                value = values[each.id]
                found[each.feature] = max(found.get(each.feature, value), value)
        return found

    def by_method(self, metric: Metric, shown: frozenset[str]) -> dict[str, dict[str, float]]:
        """Return by feature and method the value furthest from no change."""
        series = self.series(metric, shown)
        values = self.now(series)
        found: dict[str, dict[str, float]] = {}
        for each in series:
            method = each.labels.get(semconv.ML_DRIFT_METHOD, "")
            if each.id not in values or not method:
                continue
            value, known = values[each.id], found.setdefault(each.feature, {})
            if metric is semconv.ML_DRIFT_P_VALUE:
                known[method] = min(known.get(method, value), value)
            else:
                known[method] = max(known.get(method, value), value, key=abs)
        return found


def drift_slots(connection: sqlite3.Connection, window: Window, series: list[DriftSeries]) -> Slots:
    """Return the columns of the picture: never finer than the points come."""
    interval = 1.0
    for each in series[:3]:
        first, last, count = connection.execute(
            "SELECT min(time_ns), max(time_ns), count(*) FROM (SELECT time_ns FROM points"
            " WHERE series=? ORDER BY time_ns DESC LIMIT 11)",
            (each.id,),
        ).fetchone()
        if count > 1:
            interval = max(interval, (last - first) / (count - 1) / NS_PER_S)
    wanted = max((window.to_ms - window.from_ms) / _COLUMNS, round(interval) * 1000.0)
    coarse = resolution_of(window) == COARSE_S
    return window.slots(COARSE_S if coarse else 1, wanted)


def _versions(read: _Reader, detected: list[DriftSeries]) -> list[dict[str, Any]]:
    values = read.now(detected)
    drifted: dict[str, set[str]] = {}
    for each in detected:
        features = drifted.setdefault(each.version, set())
        if values.get(each.id, 0.0) >= _DETECTED and each.feature != semconv.FEATURE_ANY:
            features.add(each.feature)
    return [
        {"version": version or None, "drifted": len(features)}
        for version, features in drifted.items()
    ]


def _shown_version(
    wanted: str | None, versions: list[dict[str, Any]], evidence: list[DriftSeries]
) -> str:
    if wanted:
        return wanted
    # The series come the newest first.
    if evidence:
        return evidence[0].version
    return (versions[0]["version"] or "") if versions else ""


def _relative(
    read: _Reader, evidence: list[DriftSeries], by_series: Slotted
) -> tuple[dict[str, dict[int, float]], dict[tuple[str, str], float]]:
    """Return by feature and slot the evidence as a share of the threshold, of the worst process."""
    series = read.series(semconv.ML_DRIFT_EVIDENCE_THRESHOLD)
    slotted = last_by_slot(read.connection, series, read.window, read.slots)
    now: dict[tuple[str, str], float] = {}
    then: dict[tuple[str, str], dict[int, float]] = {}
    for each in series:
        for slot, last in sorted(slotted.get(each.id, {}).items()):
            if last.value > 0:
                now[each.process] = last.value
                then.setdefault(each.process, {})[slot] = last.value
    found: dict[str, dict[int, float]] = {}
    for each in evidence:
        known = then.get(each.process, {})
        by_slot = found.setdefault(each.feature, {})
        for slot, last in by_series.get(each.id, {}).items():
            threshold = known.get(slot, now.get(each.process))
            if threshold:
                share = max(0.0, last.value / threshold)
                by_slot[slot] = max(by_slot.get(slot, 0.0), share)
    return found, now


def _features(
    read: _Reader,
    evidence: list[DriftSeries],
    by_series: Slotted,
    relative: dict[str, dict[int, float]],
    flags: list[DriftSeries],
) -> list[dict[str, Any]]:
    """Return the features, drifted ones first, then by evidence; all facts for the shown ones."""
    values = read.now(evidence, by_series)
    now: dict[str, float] = {}
    for each in evidence:
        if each.id in values:
            now[each.feature] = max(now.get(each.feature, values[each.id]), values[each.id])
    flagged = read.now(flags)
    drifted = {
        each.feature: each
        for each in flags
        if flagged.get(each.id, 0.0) >= _DETECTED and each.feature != semconv.FEATURE_ANY
    }
    names = {*relative, *(each.feature for each in evidence), *drifted} - {""}
    skewed = read.by_feature(semconv.ML_DRIFT_SKEWED, frozenset(names))
    importance = read.by_feature(semconv.ML_FEATURE_IMPORTANCE, frozenset(names))
    weights = _weights(read, frozenset(drifted), importance)

    def rank(feature: str) -> tuple[bool, float, float, float, str]:
        by_slot = relative.get(feature, {})
        return (
            feature not in drifted,
            -weights.get(feature, 0.0),
            # The greatest of the range stays where it is while new checks come.
            -max(by_slot.values(), default=0.0),
            -now.get(feature, 0.0),
            feature,
        )

    ordered = sorted(names, key=rank)
    shown = frozenset(ordered[:MAX_FEATURES])
    severity = read.by_feature(semconv.ML_DRIFT_SEVERITY, shown)
    critical = read.by_feature(semconv.ML_DRIFT_CRITICAL, shown)
    statistics = read.by_method(semconv.ML_DRIFT_STATISTIC, shown)
    p_values = read.by_method(semconv.ML_DRIFT_P_VALUE, shown)
    drifting = [each for each in flags if each.feature in drifted and each.id in flagged]
    since = drift_since(read.connection, read.window, read.name, drifting)
    return [
        {
            "name": feature,
            "relative": [relative.get(feature, {}).get(i) for i in range(read.slots.count)],
            "evidence": now.get(feature),
            "detected": feature in drifted,
            "since": since.get(feature),
            "skewed": skewed.get(feature, 0.0) >= _DETECTED,
            "severity": round(severity[feature]) if feature in severity else None,
            "critical": feature in critical,
            "importance": importance.get(feature),
            "statistics": statistics.get(feature, {}),
            "p_values": p_values.get(feature, {}),
        }
        for feature in ordered
    ]


def _weights(
    read: _Reader, drifted: frozenset[str], importance: dict[str, float]
) -> dict[str, float]:
    """Return PSI times importance of the drifted features: where to look first.

    Without any importance there are no weights, and evidence gives the order; a feature of which
    it is not known, and predictions, count as the mean of the others.
    """
    if not importance:
        return {}
    mean = sum(importance.values()) / len(importance) or 1.0
    statistics = read.by_method(semconv.ML_DRIFT_STATISTIC, drifted)
    return {
        feature: found.get("psi", 0.0) * importance.get(feature, mean)
        for feature, found in statistics.items()
    }


def _status(read: _Reader, evidence: list[DriftSeries], flags: list[DriftSeries]) -> str:
    """Return ``none`` without a monitor, ``waiting`` before the first check, else what it does."""
    if not evidence:
        return "waiting" if flags else "none"
    return (
        "learning" if (read.greatest(semconv.ML_DRIFT_LEARNING) or 0.0) >= _DETECTED else "watching"
    )
