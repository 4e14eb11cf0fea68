"""Quality from the counters of labels: right over all processes, and at any time."""

from __future__ import annotations

import math
import sqlite3
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from otelml import semconv_quality as names
from otelml.semconv import Metric
from otelml.viewer.queries.drift_series import series_of
from otelml.viewer.queries.feedback import Confusion, model_key
from otelml.viewer.queries.points import find_series, sums_by_slot
from otelml.viewer.queries.quantiles import wilson
from otelml.viewer.queries.window import NotFoundError, Slots, Window

COUNTED = ("accuracy", "precision", "recall", "f1")
SUMMED = ("mae", "rmse")
# A point of the line is of as many labels at least, where there are as many.
LEAST_LABELS = 30
_Z = 1.959964


class Measure(NamedTuple):
    """A value, its 95 % interval (None where it cannot be said), and how many labels it is of."""

    value: float
    lower: float | None
    upper: float | None
    labels: int


class Errors(NamedTuple):
    """Errors of a regression: their number and their sums."""

    values: float = 0.0
    absolute: float = 0.0
    squared: float = 0.0

    def plus(self, other: Errors) -> Errors:
        """Return both together."""
        return Errors(*(mine + its for mine, its in zip(self, other, strict=True)))


def known(confusion: Confusion) -> Confusion:
    """Return the pairs that have both labels."""
    return Counter({pair: n for pair, n in confusion.items() if pair[0] and pair[1] and n > 0})


def counted(confusion: Confusion, metric: str, label: str) -> Measure | None:
    """Return a measure of labels; None where it is undefined.

    Precision, recall and F1 are those of ``label``. The interval is Wilson's; F1 is 2J / (1 + J)
    of J, the share of right ones among the rows that are or are said to be ``label``, and so are
    its ends.
    """
    right = sum(n for (actual, said), n in confusion.items() if actual == said)
    total = sum(confusion.values())
    if metric == "accuracy":
        return _share(right, total)
    hits = confusion.get((label, label), 0)
    said = sum(n for (_, predicted), n in confusion.items() if predicted == label)
    are = sum(n for (actual, _), n in confusion.items() if actual == label)
    if metric == "precision":
        return _share(hits, said)
    if metric == "recall":
        return _share(hits, are)
    jaccard = _share(hits, said + are - hits)
    if jaccard is None:
        return None
    value, lower, upper = (2 * j / (1 + j) for j in (hits / jaccard.labels, *_ends(jaccard)))
    return Measure(value, lower, upper, jaccard.labels)


def _ends(measure: Measure) -> tuple[float, float]:
    return measure.lower or 0.0, 1.0 if measure.upper is None else measure.upper


def _share(part: int, whole: int) -> Measure | None:
    if not whole:
        return None
    lower, upper = wilson(part, whole)
    return Measure(part / whole, lower, upper, whole)


def summed(errors: Errors, metric: str) -> Measure | None:
    """Return MAE or RMSE; MAE with its normal interval, RMSE needs more than the sums for one."""
    n = errors.values
    if n <= 0:
        return None
    mae, square = errors.absolute / n, errors.squared / n
    if metric == "rmse":
        return Measure(math.sqrt(max(0.0, square)), None, None, round(n))
    half = _Z * math.sqrt(max(0.0, square - mae * mae) / n)
    return Measure(mae, max(0.0, mae - half), mae + half, round(n))


def errors_by_slot(
    connection: sqlite3.Connection, window: Window, slots: Slots, name: str, version: str | None
) -> dict[int, Errors]:
    """Return the errors of a regression by slot."""
    found: dict[int, list[float]] = {}
    for place, metric in enumerate(
        (
            names.ML_FEEDBACK_ERROR_VALUES,
            names.ML_FEEDBACK_ERROR_ABSOLUTE,
            names.ML_FEEDBACK_ERROR_SQUARED,
        )
    ):
        for slot, value in _grown(connection, metric, window, slots, name, version):
            found.setdefault(slot, [0.0, 0.0, 0.0])[place] += value
    return {slot: Errors(*sums) for slot, sums in found.items() if sums[0] > 0}


def errors_of_models(
    connection: sqlite3.Connection, window: Window, slots: Slots, name: str | None = None
) -> dict[tuple[str, str], Errors]:
    """Return the errors of each regression in a range, by model and version."""
    try:
        series = find_series(connection, names.ML_FEEDBACK_ERROR_VALUES.name)
    except NotFoundError:
        return {}
    found: dict[tuple[str, str], Errors] = {}
    for model, version in {model_key(each)[:2] for each in series}:
        if name in {None, model}:
            total = Errors()
            for each in errors_by_slot(connection, window, slots, model, version).values():
                total = total.plus(each)
            if total.values:
                found[model, version] = total
    return found


def regression_of(errors: Errors | None) -> dict[str, Any] | None:
    """Return MAE with its interval and RMSE; None without labels."""
    mae = None if errors is None else summed(errors, "mae")
    rmse = None if errors is None else summed(errors, "rmse")
    if mae is None or rmse is None:
        return None
    return {"mae": shown(mae), "rmse": rmse.value, "labels": mae.labels}


def _grown(
    connection: sqlite3.Connection,
    metric: Metric,
    window: Window,
    slots: Slots,
    name: str,
    version: str | None,
) -> Iterator[tuple[int, float]]:
    for each in series_of(connection, metric, name, version, None, window.from_ns):
        for slot, added in sums_by_slot(connection, each.id, window, slots).items():
            if math.isfinite(added.value) and 0 <= slot < slots.count:
                yield slot, added.value


def line_of_labels(
    by_slot: dict[int, Confusion], count: int, metric: str, label: str
) -> list[Measure | None]:
    """Return a measure at each slot in which labels came, of the last LEAST_LABELS at least."""
    found: list[Measure | None] = [None] * count
    for slot in range(count):
        if not by_slot.get(slot):
            continue
        pooled: Confusion = Counter()
        for before in range(slot, -1, -1):
            pooled += by_slot.get(before, Counter())
            if sum(pooled.values()) >= LEAST_LABELS:
                break
        found[slot] = counted(pooled, metric, label)
    return found


def line_of_errors(by_slot: dict[int, Errors], count: int, metric: str) -> list[Measure | None]:
    """Return the same of a regression."""
    found: list[Measure | None] = [None] * count
    for slot in range(count):
        if slot not in by_slot:
            continue
        pooled = Errors()
        for before in range(slot, -1, -1):
            pooled = pooled.plus(by_slot.get(before, Errors()))
            if pooled.values >= LEAST_LABELS:
                break
        found[slot] = summed(pooled, metric)
    return found


def by_class(confusion: Confusion) -> list[dict[str, Any]]:
    """Return precision, recall and F1 of each label, the most frequent first."""
    labels = {label for pair in confusion for label in pair}
    lines = [
        {
            "label": label,
            "actual": sum(n for (actual, _), n in confusion.items() if actual == label),
            "predicted": sum(n for (_, said), n in confusion.items() if said == label),
            **{metric: shown(counted(confusion, metric, label)) for metric in COUNTED[1:]},
        }
        for label in labels
    ]
    return sorted(lines, key=lambda each: (-each["actual"], -each["predicted"], each["label"]))


def shown(measure: Measure | None) -> dict[str, Any] | None:
    """Return a measure as the answer has it."""
    return None if measure is None else measure._asdict()
