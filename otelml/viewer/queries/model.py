"""The page of one model: its numbers over time, by stage, by label."""

from __future__ import annotations

import functools
import sqlite3
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from otelml import semconv
from otelml.viewer.queries.feedback import feedback, over_time
from otelml.viewer.queries.models import (
    Model,
    find_models,
    listed,
    mark_drift,
    spark_slots,
    summary,
)
from otelml.viewer.queries.quality_counts import Errors, errors_of_models, regression_of
from otelml.viewer.queries.rollup_sums import Row, Sums, read, resolution_of
from otelml.viewer.queries.window import NS_PER_MS, NotFoundError, Slots, Window, window_of
from otelml.viewer.store import CONFIDENCE_EDGES, EDGES_MS, MAX_LABELS, split

_MAX_EXEMPLARS = 200


def get_model(connection: sqlite3.Connection, params: Mapping[str, str]) -> dict[str, Any]:
    """Answer GET /api/models/{name}."""
    name = params["name"]
    window = window_of(params, connection)
    versions = listed(connection, window, name, None)
    if not versions:
        raise NotFoundError(f"no model {name!r} is known")
    resolution = resolution_of(window)
    slots = window.slots(resolution)
    models = [m for m in find_models(connection, name) if _is_wanted(m, params)]
    ids = [m.id for m in models]
    rows = read(connection, slots, resolution, ids, stage=False)
    per_slot = _by_slot(rows, slots)
    total = Sums()
    for sums in per_slot:
        total.merge(sums)
    merged = _totals(name, models, total, window, connection)
    latencies = [sums.latency_ms() for sums in per_slot]
    drifted = {row["version"] or "": row["drifted"] for row in versions}
    counts = [drifted.get(version) for version in {m.version for m in models}]
    known = [count for count in counts if count is not None]
    mark_drift(merged, sum(known) if known else None)
    errors = errors_of_models(connection, window, slots, name)
    of = [errors[name, each] for each in {m.version for m in models} if (name, each) in errors]
    merged["regression"] = regression_of(functools.reduce(Errors.plus, of) if of else None)
    if not models:
        merged = {**versions[0]}
    return {
        "name": name,
        "from": window.from_ms,
        "to": window.to_ms,
        "step": slots.step_s * 1000.0,
        "versions": versions,
        "totals": merged,
        "time": slots.times_ms(),
        "predictions": [sums.count for sums in per_slot],
        "errors": [sums.errors for sums in per_slot],
        **{p: [each[i] for each in latencies] for i, p in enumerate(("p50", "p95", "p99"))},
        "stages": _stages(connection, slots, resolution, ids),
        "heatmap": _heatmap(per_slot),
        "exemplars": _exemplars(rows, slots),
        "labels": _labels(per_slot, total),
        "confidence": {
            "edges": [round(float(edge), 2) for edge in CONFIDENCE_EDGES],
            "counts": total.confidence.tolist(),
        },
        "feedback": over_time(connection, window, slots, name, params),
        "services": sorted({s for m in models for s in split(m.services)}),
    }


def _is_wanted(model: Model, params: Mapping[str, str]) -> bool:
    return all(
        not params.get(key) or params[key] == getattr(model, key) for key in ("version", "variant")
    )


def _totals(
    name: str,
    models: list[Model],
    total: Sums,
    window: Window,
    connection: sqlite3.Connection,
) -> dict[str, Any]:
    only = models[0] if len(models) == 1 else None
    firsts = [m.first_ns for m in models if m.first_ns is not None]
    lasts = [m.last_ns for m in models if m.last_ns is not None]
    whole = Model(
        0,
        name,
        only.version if only else "",
        only.variant if only else "",
        next((m.framework for m in models if m.framework), None),
        min(firsts, default=None),
        max(lasts, default=None),
        None,
    )
    labels = feedback(connection, window, spark_slots(window), name)
    confusion: Counter[tuple[str, str]] = Counter()
    for model in models:
        confusion.update(labels.get(model.key, Counter()))
    return summary(whole, total, window, confusion)


def _by_slot(rows: list[Row], slots: Slots) -> list[Sums]:
    found = [Sums() for _ in range(slots.count)]
    for row in rows:
        found[slots.index(row.bucket)].add(row)
    return found


def _stages(
    connection: sqlite3.Connection, slots: Slots, resolution: int, models: list[int]
) -> list[dict[str, Any]]:
    by_stage: dict[str, list[Row]] = {}
    for row in read(connection, slots, resolution, models, stage=True):
        by_stage.setdefault(row.stage, []).append(row)
    standard = {stage: rank for rank, stage in enumerate(semconv.STAGES)}
    names = sorted(by_stage, key=lambda stage: (standard.get(stage, len(standard)), stage))
    found: list[dict[str, Any]] = []
    for name in names:
        per_slot = _by_slot(by_stage[name], slots)
        total = Sums()
        for sums in per_slot:
            total.merge(sums)
        latencies = [sums.latency_ms() for sums in per_slot]
        p50, p95, _ = total.latency_ms()
        found.append(
            {
                "stage": name,
                "p50": [each[0] for each in latencies],
                "p95": [each[1] for each in latencies],
                "total_p50": p50,
                "total_p95": p95,
                "count": total.count,
                "errors": total.errors,
                "inferred": 2 * total.inferred > total.count,
            }
        )
    whole = sum(each["total_p50"] or 0.0 for each in found)
    for each in found:
        each["share"] = (each["total_p50"] or 0.0) / whole if whole else 0.0
    return found


def _heatmap(per_slot: list[Sums]) -> dict[str, Any]:
    """Return counts per slot and latency bucket, cut to the filled buckets, two merged to one."""
    counts = np.stack([sums.latency for sums in per_slot])
    merged = counts[:, 0::2] + counts[:, 1::2]
    filled = np.flatnonzero(merged.sum(axis=0))
    if not len(filled):
        return {"edges": [], "counts": [[] for _ in per_slot]}
    first, last = int(filled[0]), int(filled[-1]) + 1
    return {
        "edges": EDGES_MS[0::2][first : last + 1].tolist(),
        "counts": merged[:, first:last].tolist(),
    }


def _exemplars(rows: list[Row], slots: Slots) -> list[dict[str, Any]]:
    """Return the slowest prediction of each slot."""
    slowest: dict[int, tuple[int, int, bytes, bytes, int]] = {}
    for row in rows:
        slot = slots.index(row.bucket)
        slowest[slot] = max(slowest.get(slot, row.exemplar), row.exemplar)
    return [
        {
            "time": start_ns / NS_PER_MS,
            "value": duration_ns / NS_PER_MS,
            "trace_id": trace_id.hex(),
            "span_id": span_id.hex(),
            "error": bool(error),
        }
        for _, (duration_ns, start_ns, trace_id, span_id, error) in sorted(slowest.items())
    ][:_MAX_EXEMPLARS]


def _labels(per_slot: list[Sums], total: Sums) -> list[dict[str, Any]]:
    named = [label for label, _ in total.labels.most_common() if label != semconv.OVERFLOW_VALUE]
    kept = named[:MAX_LABELS]
    series = {label: [sums.labels[label] for sums in per_slot] for label in kept}
    rest = [sum(sums.labels.values()) for sums in per_slot]
    rest = [n - sum(counts[i] for counts in series.values()) for i, n in enumerate(rest)]
    if any(rest):
        series[semconv.OVERFLOW_VALUE] = rest
    whole = sum(total.labels.values())
    return [
        {"label": label, "counts": counts, "total": sum(counts), "share": sum(counts) / whole}
        for label, counts in series.items()
    ]
