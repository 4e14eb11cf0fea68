"""The models that send metrics but no spans."""

from __future__ import annotations

import sqlite3
from collections import Counter
from typing import Any

from otelml import semconv
from otelml.viewer.queries.feedback import Confusion, Feedback, ModelKey, model_key
from otelml.viewer.queries.model_row import Measured, model_row
from otelml.viewer.queries.points import Series, find_series, histogram_rows, sums_by_slot
from otelml.viewer.queries.quantiles import add_to, bucket_quantile
from otelml.viewer.queries.rollup_sums import QUANTILES
from otelml.viewer.queries.window import NotFoundError, Slots, Window


def unseen(
    connection: sqlite3.Connection,
    window: Window,
    slots: Slots,
    name: str | None,
    known: set[ModelKey],
    labels: Feedback,
) -> list[dict[str, Any]]:
    """Return rows for the models that only metrics know."""
    groups: dict[ModelKey, dict[str, list[Series]]] = {}
    for metric in (semconv.ML_PREDICTION_DURATION, semconv.ML_PREDICTIONS):
        try:
            series = find_series(connection, metric.name)
        except NotFoundError:
            continue
        for each in series:
            key = model_key(each)
            if key[0] and key not in known and name in {None, key[0]}:
                groups.setdefault(key, {}).setdefault(metric.name, []).append(each)
    return [
        _summary(connection, window, slots, key, found, labels.get(key, Counter()))
        for key, found in groups.items()
    ]


def _summary(
    connection: sqlite3.Connection,
    window: Window,
    slots: Slots,
    key: ModelKey,
    found: dict[str, list[Series]],
    confusion: Confusion,
) -> dict[str, Any]:
    durations = found.get(semconv.ML_PREDICTION_DURATION.name, [])
    counters = found.get(semconv.ML_PREDICTIONS.name, [])
    spark = [0] * slots.count
    errors = rows = 0
    for each in durations or counters:
        for slot, added in sums_by_slot(connection, each.id, window, slots).items():
            n = added.measured if durations else round(added.value)
            errors += n if each.labels.get(semconv.ERROR_TYPE) else 0
            if 0 <= slot < slots.count:
                spark[slot] += n
    for each in counters:
        rows += sum(
            round(a.value) for a in sums_by_slot(connection, each.id, window, slots).values()
        )
    edges: dict[tuple[float, float], float] = {}
    for each in durations:
        for _, buckets in histogram_rows(connection, each.id, window, slots):
            add_to(edges, buckets)
    count = sum(spark)
    found_quantiles = (bucket_quantile(((*e, n) for e, n in edges.items()), q) for q in QUANTILES)
    p50, p95, p99 = (None if s is None else s * 1000 for s in found_quantiles)
    last_ns = max((each.last_ns or 0 for each in (*durations, *counters)), default=0)
    measured = Measured(count, errors, rows or count, p50, p95, p99, None)
    row = model_row(key, None, "metrics", measured, window, confusion, (None, last_ns or None))
    return row | {"sparkline": spark}
