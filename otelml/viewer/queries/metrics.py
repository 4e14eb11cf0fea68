"""The metrics explorer: what there is, and one metric over time."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from otelml.semconv import SERVICE_NAME
from otelml.semconv_host import OTEL_SCOPE_NAME, OTEL_SCOPE_VERSION
from otelml.viewer.queries.conditions import conditions_of
from otelml.viewer.queries.points import (
    Series,
    find_series,
    histogram_rows,
    interval_s,
    sums_by_slot,
)
from otelml.viewer.queries.promql import QUANTILE_AGGS, Origins, promql
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
_MAX_VALUES = 200

Group = tuple[tuple[str, str], ...]
Values = dict[int, float]


def list_metrics(connection: sqlite3.Connection, params: Mapping[str, str]) -> dict[str, Any]:
    """Answer GET /api/metrics."""
    del params
    names = connection.execute(
        "SELECT DISTINCT name, kind, unit FROM metrics JOIN series ON metric=metrics.id"
        " ORDER BY name, kind, unit LIMIT ?",
        (_MAX_METRICS + 1,),
    ).fetchall()
    return {
        "metrics": [_describe(connection, *each) for each in names[:_MAX_METRICS]],
        "truncated": len(names) > _MAX_METRICS,
    }


def _describe(connection: sqlite3.Connection, name: str, kind: str, unit: str) -> dict[str, Any]:
    series = find_series(connection, name, kind, unit)
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
        "resource_attributes": _others((each.resource for each in series), keys),
        "scope_attributes": _others((each.scope for each in series), keys),
        "series": _count_series(connection, name, kind, unit),
        "services": sorted({each.labels[SERVICE_NAME] for each in series}),
        "aggs": list(_AGGS[kind]),
        "default_agg": _AGGS[kind][0],
        "temporality": None if kind == GAUGE else ("delta" if delta else "cumulative"),
        "last_seen": None if last_ns is None else last_ns / NS_PER_MS,
    }


def _others(known: Iterable[dict[str, str]], own: Iterable[str]) -> list[str]:
    return sorted({key for each in known for key in each}.difference(own))


def _count_series(connection: sqlite3.Connection, name: str, kind: str, unit: str | None) -> int:
    (found,) = connection.execute(
        "SELECT count(*) FROM metrics JOIN series ON metric=metrics.id"
        " WHERE name=?1 AND kind=?2 AND (?3 IS NULL OR unit=?3)",
        (name, kind, unit),
    ).fetchone()
    return int(found)


def query_metric(connection: sqlite3.Connection, params: Mapping[str, str]) -> dict[str, Any]:
    """Answer GET /api/metrics/query.

    ``where`` filters and ``by`` groups by any attribute of the points, of their resource or scope.
    """
    name = params.get("name") or ""
    if not name:
        raise BadParameterError("name is missing: which metric?")
    where = conditions_of(params.get("where", ""))
    by = [key for key in params.get("by", "").split(",") if key]
    wanted_unit = params.get("unit")
    series = find_series(
        connection, name, params.get("kind") or None, wanted_unit, every_unit=wanted_unit is None
    )
    kind, unit = series[0].kind, series[0].unit
    left_out = _count_series(connection, name, kind, wanted_unit) - len(series)
    several = len({each.unit for each in series}) > 1
    agg = params.get("agg") or _AGGS[kind][0]
    if agg not in _AGGS[kind]:
        raise BadParameterError(f"agg of a {kind} is one of {', '.join(_AGGS[kind])}, not {agg!r}")
    origin, values_of = _asked(series, {*by, *where.keys})
    series = [each for each in series if where.hold(each.every())]
    window = window_of(params, connection)
    # Never finer than the export interval; beyond the fine range only five-minute sums are read.
    interval = max((interval_s(connection, each) for each in series[:5]), default=1.0)
    step_ms = max(number(params, "step") or 0.0, math.ceil(interval - 0.5) * 1000.0)
    slots = window.slots(COARSE_S if resolution_of(window) == COARSE_S else 1, step_ms)
    values = {
        group: _evaluate(connection, members, window, slots, kind, agg)
        for group, members in _grouped(series, by, several).items()
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
        "truncated": len(ranked) > len(kept) or left_out > 0,
        "left_out": {"groups": len(ranked) - len(kept), "series": left_out},
        "no_buckets": agg in QUANTILE_AGGS
        and not any(values.values())
        and any(sums_by_slot(connection, each.id, window, slots) for each in series),
        "details": _details(connection, series, window),
        "exemplars": _exemplars(connection, series, window),
        "by": by,
        "where": [each._asdict() for each in where.each],
        "values": values_of,
        "promql": promql(name, unit, kind, agg, by, where.each, slots.step_s, origin),
        "promql_needs": origin.needs(),
    }


def _grouped(series: list[Series], by: list[str], several: bool) -> dict[Group, list[Series]]:
    groups: dict[Group, list[Series]] = {}
    for each in series:
        labels = [(key, each.every().get(key, "")) for key in by]
        # Numbers of two units are never added up.
        unit_label = [("unit", each.unit)] if several else []
        groups.setdefault((*labels, *unit_label), []).append(each)
    return groups


def _asked(series: list[Series], keys: set[str]) -> tuple[Origins, dict[str, list[str]]]:
    """Return where the attributes that are asked for come from, and the values they have."""
    own = {key for each in series for key in each.labels} - {OTEL_SCOPE_NAME, OTEL_SCOPE_VERSION}
    values = {
        key: sorted({each.every().get(key, "") for each in series} - {""})[:_MAX_VALUES]
        for key in keys
    }
    return Origins.of(series, keys - own), values


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


def _details(
    connection: sqlite3.Connection, series: list[Series], window: Window
) -> list[dict[str, Any]]:
    """Return what the newest points say of themselves: least, largest, quantiles of a summary."""
    found: list[dict[str, Any]] = []
    for each in series[:_MAX_EXEMPLARS]:
        row = connection.execute(
            "SELECT time_ns, least, largest, quantiles FROM details"
            " WHERE series=? AND time_ns>=? AND time_ns<? ORDER BY time_ns DESC LIMIT 1",
            (each.id, window.from_ns, window.to_ns),
        ).fetchone()
        if row is not None:
            found.append(
                {
                    "labels": each.labels,
                    "time": row[0] / NS_PER_MS,
                    "min": row[1],
                    "max": row[2],
                    "quantiles": [
                        {"quantile": q, "value": v if math.isfinite(v) else None}
                        for q, v in json.loads(row[3])
                    ],
                }
            )
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
                "trace_id": trace_id.hex() or None,
                "span_id": span_id.hex() or None,
                "attributes": each.labels,
            }
            for time_ns, value, trace_id, span_id in rows
        )
    # The largest are the ones that a person looks for.
    largest = sorted(found, key=lambda e: -e["value"])[:_MAX_EXEMPLARS]
    return sorted(largest, key=lambda e: e["time"])
