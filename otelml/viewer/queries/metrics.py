"""The metrics explorer: what there is, and one metric over time."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Mapping
from typing import Any

from otelml.semconv import SERVICE_NAME
from otelml.viewer.queries.points import (
    Series,
    find_series,
    histogram_rows,
    interval_s,
    sums_by_slot,
)
from otelml.viewer.queries.promql import QUANTILE_AGGS, promql
from otelml.viewer.queries.quantiles import add_to, bucket_quantile
from otelml.viewer.queries.rollup_sums import resolution_of
from otelml.viewer.queries.window import (
    NS_PER_MS,
    BadParameterError,
    Slots,
    Window,
    number,
    window_of,
)
from otelml.viewer.records import COUNTER, GAUGE, HISTOGRAM, SUMMARY, UPDOWN
from otelml.viewer.store import COARSE_S

_AGGS = {
    COUNTER: ("rate", "sum", "last"),
    UPDOWN: ("last", "avg", "sum"),
    GAUGE: ("last", "avg", "sum"),
    HISTOGRAM: ("p95", "p50", "p90", "p99", "rate", "avg", "sum"),
    SUMMARY: ("rate", "avg", "sum"),
}
MAX_RETURNED = 50
_MAX_EXEMPLARS = 200
_MAX_METRICS = 2000

Group = tuple[tuple[str, str], ...]
Values = dict[int, float]


def list_metrics(connection: sqlite3.Connection, params: Mapping[str, str]) -> dict[str, Any]:
    """Answer GET /api/metrics."""
    del params
    names = connection.execute(
        "SELECT DISTINCT name FROM metrics JOIN series ON metric=metrics.id ORDER BY name LIMIT ?",
        (_MAX_METRICS,),
    ).fetchall()
    return {"metrics": [_describe(connection, name) for (name,) in names]}


def _describe(connection: sqlite3.Connection, name: str) -> dict[str, Any]:
    series = find_series(connection, name)
    kind = series[0].kind
    description, delta = connection.execute(
        "SELECT description, delta FROM metrics WHERE name=? AND kind=? AND unit=?",
        (name, kind, series[0].unit),
    ).fetchone()
    keys = dict.fromkeys(key for each in series for key in each.labels)
    last_ns = series[0].last_ns
    return {
        "name": name,
        "unit": series[0].unit,
        "kind": kind,
        "description": description,
        "attributes": sorted(keys),
        "series": len(series),
        "services": sorted({each.labels[SERVICE_NAME] for each in series}),
        "aggs": list(_AGGS[kind]),
        "default_agg": _AGGS[kind][0],
        "temporality": None if kind == GAUGE else ("delta" if delta else "cumulative"),
        "last_seen": None if last_ns is None else last_ns / NS_PER_MS,
    }


def query_metric(connection: sqlite3.Connection, params: Mapping[str, str]) -> dict[str, Any]:
    """Answer GET /api/metrics/query."""
    name = params.get("name") or ""
    if not name:
        raise BadParameterError("name is missing: which metric?")
    where = _where(params.get("where", ""))
    by = [key for key in params.get("by", "").split(",") if key]
    series = find_series(connection, name)
    kind, unit = series[0].kind, series[0].unit
    agg = params.get("agg") or _AGGS[kind][0]
    if agg not in _AGGS[kind]:
        raise BadParameterError(f"agg of a {kind} is one of {', '.join(_AGGS[kind])}, not {agg!r}")
    series = [s for s in series if all(s.labels.get(k, "") == v for k, v in where)]
    window = window_of(params, connection)
    # Never finer than the export interval; beyond the fine range only five-minute sums are read.
    interval = max((interval_s(connection, each) for each in series[:5]), default=1.0)
    step_ms = max(number(params, "step") or 0.0, math.ceil(interval - 0.5) * 1000.0)
    slots = window.slots(COARSE_S if resolution_of(window) == COARSE_S else 1, step_ms)
    groups: dict[Group, list[Series]] = {}
    for each in series:
        groups.setdefault(tuple((key, each.labels.get(key, "")) for key in by), []).append(each)
    values = {
        group: _evaluate(connection, members, window, slots, kind, agg)
        for group, members in groups.items()
    }
    ranked = sorted(values, key=lambda g: (-sum(map(abs, values[g].values())), g))
    kept = ranked[:MAX_RETURNED]
    return {
        "name": name,
        "unit": unit,
        "result_unit": _result_unit(kind, unit, agg),
        "kind": kind,
        "agg": agg,
        "step": slots.step_s * 1000.0,
        "from": window.from_ms,
        "to": window.to_ms,
        "time": slots.times_ms(),
        "series": [
            {"labels": dict(g), "values": [values[g].get(i) for i in range(slots.count)]}
            for g in kept
        ],
        "truncated": len(ranked) > len(kept),
        "exemplars": _exemplars(connection, series, window),
        "promql": promql(name, unit, kind, agg, by, where, slots.step_s),
    }


def _where(raw: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for line in raw.splitlines():
        key, equals, value = line.partition("=")
        if not key or not equals:
            raise BadParameterError(f"where must be key=value, not {line[:40]!r}")
        found.append((key, value))
    return found


def _result_unit(kind: str, unit: str, agg: str) -> str:
    if agg != "rate":
        return unit
    return "1/s" if kind in {HISTOGRAM, SUMMARY} else f"{unit}/s"


def _evaluate(
    connection: sqlite3.Connection,
    members: list[Series],
    window: Window,
    slots: Slots,
    kind: str,
    agg: str,
) -> Values:
    if agg in QUANTILE_AGGS:
        return _quantiles(connection, members, window, slots, QUANTILE_AGGS[agg])
    totals: dict[int, list[float]] = {}
    for each in members:
        for slot, added in sums_by_slot(connection, each.id, window, slots).items():
            total = totals.setdefault(slot, [0.0, 0.0, 0.0, 0.0, 0.0])
            for i, part in enumerate((added.value, added.measured, added.mean, added.last, 1.0)):
                total[i] += part
    found = {slot: _combine(total, kind, agg, slots.step_s) for slot, total in totals.items()}
    return {
        slot: value
        for slot, value in found.items()
        if 0 <= slot < slots.count and value is not None and math.isfinite(value)
    }


def _combine(total: list[float], kind: str, agg: str, step_s: int) -> float | None:
    value, count, mean, last, members = total
    if kind in {HISTOGRAM, SUMMARY}:
        if agg == "avg":
            return value / count if count else None
        return count / step_s if agg == "rate" else value
    if kind == COUNTER:
        return {"rate": value / step_s, "sum": value}.get(agg, last)
    if agg == "avg":
        return mean / members
    # Levels of several replicas add up; readings of several gauges are averaged unless summed.
    return last if agg == "sum" or kind == UPDOWN else last / members


def _quantiles(
    connection: sqlite3.Connection, members: list[Series], window: Window, slots: Slots, q: float
) -> Values:
    edges: dict[int, dict[tuple[float, float], float]] = {}
    for each in members:
        for slot, buckets in histogram_rows(connection, each.id, window, slots):
            add_to(edges.setdefault(slot, {}), buckets)
    found: Values = {}
    for slot, total in edges.items():
        value = bucket_quantile(((*edge, n) for edge, n in total.items()), q)
        if value is not None and 0 <= slot < slots.count:
            found[slot] = value
    return found


def _exemplars(
    connection: sqlite3.Connection, series: list[Series], window: Window
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for each in series[:_MAX_EXEMPLARS]:
        rows = connection.execute(
            "SELECT time_ns, value, trace_id, span_id FROM exemplars"
            " WHERE series=? AND time_ns>=? AND time_ns<? ORDER BY time_ns DESC LIMIT ?",
            (each.id, window.from_ns, window.to_ns, _MAX_EXEMPLARS),
        )
        found.extend(
            {
                "time": time_ns / NS_PER_MS,
                "value": value,
                "trace_id": trace_id.hex(),
                "span_id": span_id.hex(),
                "attributes": each.labels,
            }
            for time_ns, value, trace_id, span_id in rows
        )
    # The largest are the ones that a person looks for.
    largest = sorted(found, key=lambda e: -e["value"])[:_MAX_EXEMPLARS]
    return sorted(largest, key=lambda e: e["time"])
