"""Sums over rollup rows: by slot of time and as a whole."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from otelml.viewer.queries.quantiles import quantiles
from otelml.viewer.queries.window import Slots, Window
from otelml.viewer.store import (
    COARSE_S,
    CONFIDENCE_BUCKETS,
    CONFIDENCE_EDGES,
    EDGES_MS,
    FINE_RANGE_S,
    FINE_S,
    LATENCY_BUCKETS,
    Counts,
    add_packed,
)

QUANTILES = (0.5, 0.95, 0.99)


def _latency() -> Counts:
    return np.zeros(LATENCY_BUCKETS, np.int64)


def _confidence() -> Counts:
    return np.zeros(CONFIDENCE_BUCKETS, np.int64)


@dataclass(slots=True)
class Sums:
    """Rollup rows added up."""

    count: int = 0
    errors: int = 0
    rows: int = 0
    inferred: int = 0
    latency: Counts = field(default_factory=_latency)
    confidence: Counts = field(default_factory=_confidence)
    labels: Counter[str] = field(default_factory=Counter[str])

    def add(self, row: Row) -> None:
        """Add one rollup row."""
        self.count += row.count
        self.errors += row.errors
        self.rows += row.rows
        self.inferred += row.inferred
        add_packed(self.latency, row.latency)
        add_packed(self.confidence, row.confidence)
        for label, count in row.labels.items():
            self.labels[label] += count

    def merge(self, other: Sums) -> None:
        """Add other sums to these."""
        self.count += other.count
        self.errors += other.errors
        self.rows += other.rows
        self.inferred += other.inferred
        self.latency += other.latency
        self.confidence += other.confidence
        self.labels.update(other.labels)

    def latency_ms(self) -> tuple[float | None, float | None, float | None]:
        """Return p50, p95 and p99 in milliseconds."""
        found = quantiles(EDGES_MS, self.latency, QUANTILES)
        return (None, None, None) if found is None else (found[0], found[1], found[2])

    def median_confidence(self) -> float | None:
        """Return the median confidence."""
        found = quantiles(CONFIDENCE_EDGES, self.confidence, (0.5,))
        return None if found is None else found[0]


@dataclass(slots=True)
class Row:
    """One row of the table ``rollups``."""

    model: int
    stage: str
    bucket: int
    count: int
    errors: int
    rows: int
    inferred: int
    latency: bytes
    confidence: bytes
    labels: dict[str, int]
    exemplar: tuple[int, int, bytes, bytes, int]


def resolution_of(window: Window) -> int:
    """Return the resolution, in seconds, that a range is read at."""
    return FINE_S if window.to_ms - window.from_ms <= FINE_RANGE_S * 1000 else COARSE_S


def read(
    connection: sqlite3.Connection, slots: Slots, resolution: int, models: list[int], stage: bool
) -> list[Row]:
    """Return the rows of the models in the slots; of the predictions, or of their stages."""
    comparison = ">''" if stage else "=''"
    found: list[Row] = []
    for model in models:
        cursor = connection.execute(
            "SELECT model, stage, bucket, count, errors, rows, inferred, latency, confidence,"  # noqa: S608 - a constant clause
            " labels, max_ns, max_start_ns, max_trace, max_span, max_error FROM rollups"
            f" WHERE resolution=? AND model=? AND stage{comparison} AND bucket>=? AND bucket<?",
            (resolution, model, slots.first_s, slots.end_s),
        )
        found.extend(_row(each) for each in cursor)
    return found


def _row(each: tuple[Any, ...]) -> Row:
    labels = json.loads(each[9]) if each[9] else {}
    exemplar = (each[10], each[11], each[12], each[13], each[14])
    return Row(*each[:9], labels=labels, exemplar=exemplar)  # type: ignore[misc]  # nine columns, nine fields
