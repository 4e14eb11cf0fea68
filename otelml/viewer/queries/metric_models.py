"""What metrics say about models: labels received, and models that send no spans."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping
from typing import Any

from otelml import semconv
from otelml.viewer.buckets import add_to
from otelml.viewer.histograms import bucket_quantile, wilson
from otelml.viewer.queries.points import Series, find_series, histogram_rows, sums_by_slot
from otelml.viewer.queries.window import NS_PER_MS, NotFoundError, Slots, Window

ModelKey = tuple[str, str, str]
Confusion = Counter[tuple[str, str]]
Feedback = dict[ModelKey, Confusion]
_FAILING, _WATCH = 0.10, 0.02


def _key(series: Series) -> ModelKey:
    found = series.labels
    return (
        found.get(semconv.ML_MODEL_NAME, ""),
        found.get(semconv.ML_MODEL_VERSION, ""),
        found.get(semconv.ML_MODEL_VARIANT, ""),
    )


def feedback(
    connection: sqlite3.Connection, window: Window, slots: Slots, name: str | None = None
) -> Feedback:
    """Return the labels received, by model and by (actual, predicted); of one model if named."""
    found: Feedback = {}
    for key, by_slot in _feedback_by_slot(connection, window, slots, name).items():
        found[key] = sum(by_slot.values(), Counter[tuple[str, str]]())
    return found


def _feedback_by_slot(
    connection: sqlite3.Connection, window: Window, slots: Slots, name: str | None
) -> dict[ModelKey, dict[int, Confusion]]:
    try:
        series = find_series(connection, semconv.ML_FEEDBACK.name)
    except NotFoundError:
        return {}
    found: dict[ModelKey, dict[int, Confusion]] = {}
    for each in series:
        key = _key(each)
        if name not in {None, key[0]}:
            continue
        pair = (
            each.labels.get(semconv.ML_LABEL_ACTUAL, ""),
            each.labels.get(semconv.ML_LABEL_PREDICTED, ""),
        )
        for slot, added in sums_by_slot(connection, each.id, window, slots).items():
            if added.value:
                by_slot = found.setdefault(key, {})
                by_slot.setdefault(slot, Counter())[pair] += round(added.value)
    return found


def accuracy(confusion: Confusion) -> dict[str, Any] | None:
    """Return the share of labels that agree with the prediction, with its 95 % interval."""
    known = {pair: n for pair, n in confusion.items() if pair[0] and pair[1]}
    total = sum(known.values())
    if not total:
        return None
    right = sum(n for (actual, predicted), n in known.items() if actual == predicted)
    lower, upper = wilson(right, total)
    return {"value": right / total, "lower": lower, "upper": upper, "labels": total}


def over_time(
    connection: sqlite3.Connection,
    window: Window,
    slots: Slots,
    name: str,
    params: Mapping[str, str],
) -> dict[str, Any] | None:
    """Return a model's confusion counts and its accuracy in each slot; None without labels."""
    whole: Confusion = Counter()
    per_slot = [Counter[tuple[str, str]]() for _ in range(slots.count)]
    for key, by_slot in _feedback_by_slot(connection, window, slots, name).items():
        wanted = (name, params.get("version") or key[1], params.get("variant") or key[2])
        if key != wanted:
            continue
        for slot, confusion in by_slot.items():
            whole.update(confusion)
            if 0 <= slot < slots.count:
                per_slot[slot].update(confusion)
    if not whole:
        return None
    scores = [accuracy(each) for each in per_slot]
    return {
        "labels": sum(whole.values()),
        "accuracy": accuracy(whole),
        "confusion": [
            {"actual": actual, "predicted": predicted, "count": count}
            for (actual, predicted), count in whole.most_common(400)
        ],
        "time": slots.times_ms(),
        "accuracy_over_time": [None if each is None else each["value"] for each in scores],
    }


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
            key = _key(each)
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
    ratio = errors / count if count else 0.0
    quantile = {
        name: None
        if (s := bucket_quantile(((*e, n) for e, n in edges.items()), q)) is None
        else s * 1000
        for name, q in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
    }
    last_ns = max((each.last_ns or 0 for each in (*durations, *counters)), default=0)
    return {
        "name": key[0],
        "version": key[1] or None,
        "variant": key[2] or None,
        "framework": None,
        "source": "metrics",
        "state": "failing" if ratio > _FAILING else "watch" if ratio > _WATCH else "ok",
        "rate": count / (window.to_ms - window.from_ms) * 1000,
        "predictions": count,
        "rows": rows or count,
        "errors": errors,
        "error_ratio": ratio,
        **quantile,
        "confidence": None,
        "accuracy": accuracy(confusion),
        "feedback": sum(confusion.values()),
        "first_seen": None,
        "last_seen": last_ns / NS_PER_MS or None,
        "sparkline": spark,
    }
