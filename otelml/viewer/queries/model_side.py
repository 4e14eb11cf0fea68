"""One version of a model, as it is laid beside another one."""

from __future__ import annotations

import math
import re
import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from otelml import semconv_quality
from otelml.viewer.queries.feedback import Confusion, feedback, model_key
from otelml.viewer.queries.models import Model, find_models, spark_slots
from otelml.viewer.queries.points import find_series, sums_by_slot
from otelml.viewer.queries.rollup_sums import Sums, read
from otelml.viewer.queries.window import NotFoundError, Slots, Window

QualityKey = tuple[str, str, str, str]
WithEnds = tuple[float, float, float]
_NUMBERED, _DIGITS = re.compile(r"[vV]?\d+([-._]\d+)*"), re.compile(r"\d+")
_ENDS = (
    semconv_quality.ML_QUALITY,
    semconv_quality.ML_QUALITY_LOWER,
    semconv_quality.ML_QUALITY_UPPER,
)
_ERRORS = (
    "SELECT coalesce(error_type, ''), count(*) FROM predictions"
    " WHERE model=? AND start_ns>=? AND start_ns<? AND error=1 GROUP BY 1"
)


@dataclass(slots=True)
class Side:
    """What a version did in a time range, added up."""

    version: str
    total: Sums = field(default_factory=Sums)
    stages: dict[str, Sums] = field(default_factory=dict[str, Sums])
    per_slot: list[Sums] = field(default_factory=list[Sums])
    errors: Counter[str] = field(default_factory=Counter[str])
    confusion: Confusion = field(default_factory=Counter[tuple[str, str]])
    quality: dict[QualityKey, WithEnds] = field(default_factory=dict[QualityKey, WithEnds])

    @property
    def labelled(self) -> tuple[int, int]:
        """How many labels agree with their prediction, and how many there are."""
        known = {pair: n for pair, n in self.confusion.items() if pair[0] and pair[1]}
        right = sum(n for (actual, predicted), n in known.items() if actual == predicted)
        return right, sum(known.values())

    def over_time(self) -> dict[str, list[Any]]:
        """Return its predictions, failures, and latency in milliseconds in each slot."""
        latencies = [sums.latency_ms() for sums in self.per_slot]
        return {
            "predictions": [sums.count for sums in self.per_slot],
            "errors": [sums.errors for sums in self.per_slot],
            "p50": [each[0] for each in latencies],
            "p95": [each[1] for each in latencies],
        }


def model_side(
    connection: sqlite3.Connection,
    window: Window,
    slots: Slots,
    resolution: int,
    name: str,
    version: str,
) -> Side:
    """Return a version's sums; its variants are added up."""
    side = Side(version, per_slot=[Sums() for _ in range(slots.count)])
    models = [model for model in find_models(connection, name) if model.version == version]
    ids = [model.id for model in models]
    for row in read(connection, slots, resolution, ids, stage=False):
        side.per_slot[slots.index(row.bucket)].add(row)
        side.total.add(row)
    for row in read(connection, slots, resolution, ids, stage=True):
        side.stages.setdefault(row.stage, Sums()).add(row)
    for model in models:
        side.errors.update(_errors(connection, window, model))
    for key, confusion in feedback(connection, window, spark_slots(window), name).items():
        if key[1] == version:
            side.confusion.update(confusion)
    side.quality = _quality(connection, window, slots, name, version)
    return side


def _errors(connection: sqlite3.Connection, window: Window, model: Model) -> Counter[str]:
    rows = connection.execute(_ERRORS, (model.id, window.from_ns, window.to_ns))
    return Counter(dict(rows.fetchall()))


def _quality(
    connection: sqlite3.Connection, window: Window, slots: Slots, name: str, version: str
) -> dict[QualityKey, WithEnds]:
    """Return the last quality that was reported with its interval, by what it is the quality of."""
    ends: list[dict[QualityKey, float]] = []
    for metric in _ENDS:
        found: dict[QualityKey, float] = {}
        try:
            series = find_series(connection, metric.name)
        except NotFoundError:
            return {}
        for each in series:
            key = (
                each.labels.get(semconv_quality.ML_QUALITY_METRIC, ""),
                each.labels.get(semconv_quality.ML_QUALITY_AVERAGING, ""),
                each.labels.get(semconv_quality.ML_QUALITY_LABEL, ""),
                each.labels.get(semconv_quality.ML_QUALITY_WINDOW, ""),
            )
            estimated = each.labels.get(semconv_quality.ML_QUALITY_ESTIMATED) == "true"
            if model_key(each)[:2] != (name, version) or estimated or key in found:
                continue
            lasts = sums_by_slot(connection, each.id, window, slots)
            if lasts and math.isfinite(last := lasts[max(lasts)].last):
                found[key] = last
        ends.append(found)
    values, lower, upper = ends
    return {
        key: (value, lower.get(key, value), upper.get(key, value)) for key, value in values.items()
    }


def versions_of(listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the versions of a model's lines, oldest first; variants are added up.

    Numbers and dates tell the order; other names are in that in which they were first seen.
    """
    found: dict[str, dict[str, Any]] = {}
    for row in listed:
        if not row["version"] and row["source"] == "metrics" and len(listed) > 1:
            continue  # metrics that do not name the version are of all of them
        known = found.setdefault(
            row["version"] or "",
            {"version": row["version"] or "", "first_seen": None, "predictions": 0, "rate": 0.0},
        )
        known["predictions"] += row["predictions"]
        known["rate"] += row["rate"]
        firsts = [each for each in (known["first_seen"], row["first_seen"]) if each is not None]
        known["first_seen"] = min(firsts, default=None)
    versions = list(found.values())
    if all(_NUMBERED.fullmatch(each["version"]) for each in versions):
        # 10 comes after 9, whichever was seen first in what is stored.
        return sorted(versions, key=lambda each: [int(n) for n in _DIGITS.findall(each["version"])])
    return sorted(versions, key=lambda each: (each["first_seen"] or math.inf, each["version"]))
