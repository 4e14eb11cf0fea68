"""Counts and histograms of predictions per model, stage and time bucket, kept at ingest.

A page over a million spans reads a few hundred of these rows instead.
"""

from __future__ import annotations

import json
import sqlite3
from array import array
from collections import Counter, OrderedDict, defaultdict

from otelml import semconv
from otelml.viewer.records import STAGE, SpanRow
from otelml.viewer.store.histograms import (
    CONFIDENCE_BUCKETS,
    LATENCY_BUCKETS,
    confidence_bucket,
    pack,
    unpack,
)
from otelml.viewer.store.resolutions import FINE_S, RESOLUTIONS_S

MAX_LABELS = 20
_KEPT = 4096
_MAX_LABEL_CHARS = 200
_FINE_NS = FINE_S * 1_000_000_000

Key = tuple[int, int, str, int]


class _Group:
    """What is counted of spans of one model, stage and step of time; read once.

    Args:
        spans: The spans, at least one.
    """

    __slots__ = (
        "confidences", "count", "errors", "inferred", "labels", "latencies", "rows", "slowest",
    )  # fmt: skip

    def __init__(self, spans: list[SpanRow]) -> None:
        self.count = len(spans)
        self.latencies = [span.latency for span in spans]
        self.errors = self.rows = self.inferred = 0
        self.confidences: list[int] = []
        self.labels: Counter[str] = Counter()
        self.slowest = max(spans, key=_duration)
        for span in spans:
            self.errors += span.error
            self.rows += rows_of(span)
            found = span.ml or {}
            if found.get(semconv.ML_STAGE_INFERRED) is True:
                self.inferred += 1
            confidence = confidence_of(span)
            if confidence is not None:
                self.confidences.append(confidence_bucket(confidence))
            label = found.get(semconv.ML_PREDICTION_LABEL)
            if label is not None:
                self.labels[str(label)[:_MAX_LABEL_CHARS]] += 1


def _duration(span: SpanRow) -> int:
    return span.duration_ns


class Rollup:
    """The sums of one model, stage and time bucket."""

    __slots__ = (
        "confidence", "count", "errors", "inferred", "labels", "latency",
        "max_error", "max_ns", "max_span", "max_start_ns", "max_trace", "rows",
    )  # fmt: skip

    def __init__(self) -> None:
        self.count = self.errors = self.rows = self.inferred = 0
        self.latency: array[int] = array("Q", bytes(8 * LATENCY_BUCKETS))
        self.confidence: array[int] = array("Q", bytes(8 * CONFIDENCE_BUCKETS))
        self.labels: dict[str, int] = {}
        self.max_ns = -1
        self.max_start_ns = self.max_error = 0
        self.max_trace = self.max_span = b""

    def add(self, group: _Group) -> None:
        """Count spans."""
        self.count += group.count
        self.errors += group.errors
        self.rows += group.rows
        self.inferred += group.inferred
        for bucket in group.latencies:
            self.latency[bucket] += 1
        for bucket in group.confidences:
            self.confidence[bucket] += 1
        for label, count in group.labels.items():
            self._count_label(label, count)
        slowest = group.slowest
        if slowest.duration_ns > self.max_ns:
            self.max_ns, self.max_start_ns = slowest.duration_ns, slowest.start_ns
            self.max_trace, self.max_span = slowest.trace_id, slowest.span_id
            self.max_error = int(slowest.error)

    def _count_label(self, label: str, count: int) -> None:
        if label not in self.labels and len(self.labels) >= MAX_LABELS:
            label = semconv.OVERFLOW_VALUE
        self.labels[label] = self.labels.get(label, 0) + count


def confidence_of(span: SpanRow) -> float | None:
    """Return the span's confidence where it is a number between 0 and 1."""
    value = (span.ml or {}).get(semconv.ML_PREDICTION_CONFIDENCE_ATTRIBUTE)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1:
        return float(value)
    return None


def rows_of(span: SpanRow) -> int:
    """Return how many rows a prediction had; one where it does not say."""
    rows = (span.ml or {}).get(semconv.ML_PREDICTION_ROWS_ATTRIBUTE)
    return rows if isinstance(rows, int) and not isinstance(rows, bool) and rows >= 0 else 1


class Rollups:
    """The rollup rows being filled; flushed to the database before each commit."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._open: OrderedDict[Key, Rollup] = OrderedDict()
        self._dirty: set[Key] = set()
        # Not yet in those: by model, stage and number of the finest step of time.
        self._waiting: defaultdict[tuple[int, str, int], list[SpanRow]] = defaultdict(list)

    def add(self, model: int, span: SpanRow) -> None:
        """Count one span of a model."""
        stage = span.stage if span.role == STAGE else ""
        self._waiting[model, stage, span.start_ns // _FINE_NS].append(span)

    def _count(self) -> None:
        """Count what waits at every resolution."""
        for (model, stage, step), spans in self._waiting.items():
            group = _Group(spans)
            second = step * FINE_S
            for resolution in RESOLUTIONS_S:
                key = (resolution, model, stage, second - second % resolution)
                rollup = self._open.get(key)
                if rollup is None:
                    rollup = self._open[key] = self._load(key)
                rollup.add(group)
                self._dirty.add(key)
        self._waiting.clear()

    def flush(self) -> None:
        """Write what changed, and forget the oldest of what did not."""
        self._count()
        self._connection.executemany(
            "INSERT OR REPLACE INTO rollups(resolution, model, stage, bucket, count, errors, rows,"
            " inferred, latency, confidence, labels, max_ns, max_start_ns, max_trace, max_span,"
            " max_error) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            [(*key, *_columns(self._open[key])) for key in self._dirty],
        )
        for key in self._dirty:
            self._open.move_to_end(key)
        self._dirty.clear()
        while len(self._open) > _KEPT:
            self._open.popitem(last=False)

    def forget(self) -> None:
        """Drop everything not yet written, after a rollback."""
        self._open.clear()
        self._dirty.clear()
        self._waiting.clear()

    def _load(self, key: Key) -> Rollup:
        rollup = Rollup()
        row = self._connection.execute(
            "SELECT count, errors, rows, inferred, latency, confidence, labels, max_ns,"
            " max_start_ns, max_trace, max_span, max_error FROM rollups"
            " WHERE resolution=? AND model=? AND stage=? AND bucket=?",
            key,
        ).fetchone()
        if row is not None:
            rollup.count, rollup.errors, rollup.rows, rollup.inferred = row[:4]
            rollup.latency = unpack(row[4])
            rollup.confidence = unpack(row[5], CONFIDENCE_BUCKETS)
            rollup.labels = json.loads(row[6]) if row[6] else {}
            rollup.max_ns, rollup.max_start_ns = row[7], row[8]
            rollup.max_trace, rollup.max_span, rollup.max_error = row[9:12]
        return rollup


def _columns(rollup: Rollup) -> tuple[object, ...]:
    return (
        rollup.count,
        rollup.errors,
        rollup.rows,
        rollup.inferred,
        pack(rollup.latency),
        pack(rollup.confidence),
        json.dumps(rollup.labels) if rollup.labels else "",
        rollup.max_ns,
        rollup.max_start_ns,
        rollup.max_trace,
        rollup.max_span,
        rollup.max_error,
    )
