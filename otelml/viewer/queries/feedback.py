"""The labels that came back for predictions, and how many of them agree."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping
from typing import Any

from otelml import semconv
from otelml.viewer.queries.points import Series, find_series, sums_by_slot
from otelml.viewer.queries.quantiles import wilson
from otelml.viewer.queries.window import NotFoundError, Slots, Window

ModelKey = tuple[str, str, str]
Confusion = Counter[tuple[str, str]]
Feedback = dict[ModelKey, Confusion]


def model_key(series: Series) -> ModelKey:
    """Return the model that a metric series is about."""
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
    for key, by_slot in feedback_by_slot(connection, window, slots, name).items():
        found[key] = sum(by_slot.values(), Counter[tuple[str, str]]())
    return found


def feedback_by_slot(
    connection: sqlite3.Connection, window: Window, slots: Slots, name: str | None
) -> dict[ModelKey, dict[int, Confusion]]:
    """Return the labels received by model, slot and (actual, predicted); of one model if named."""
    try:
        series = find_series(connection, semconv.ML_FEEDBACK.name)
    except NotFoundError:
        return {}
    found: dict[ModelKey, dict[int, Confusion]] = {}
    for each in series:
        key = model_key(each)
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
    for key, by_slot in feedback_by_slot(connection, window, slots, name).items():
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
