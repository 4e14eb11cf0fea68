"""Rate, errors and durations of operations: the sums kept at ingest, by slot of time."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from otelml.viewer.queries.quantiles import quantiles
from otelml.viewer.queries.window import Slots
from otelml.viewer.store import EDGES_MS, LATENCY_BUCKETS, Counts

QUANTILES = (0.5, 0.95, 0.99)
# Two-sample Kolmogorov-Smirnov: beyond this, p < 1e-5 for one split; a range has up to 120.
_CLEAR, _LEAST, _FACTOR = 2.5, 20, 1.3


class Operation(NamedTuple):
    """A row of the table ``operations``; ``other`` stands for names beyond the limit."""

    id: int
    service: str
    name: str
    kind: int
    entry: int
    peer: str
    other: int


class Total(NamedTuple):
    """How many spans of an operation there were, and how many failed."""

    spans: int
    errors: int


def find_operations(connection: sqlite3.Connection) -> list[Operation]:
    """Return all operations that are kept."""
    rows = connection.execute(
        "SELECT id, service, name, kind, entry, peer, other FROM operations ORDER BY id"
    )
    return [Operation(*row) for row in rows]


def totals(connection: sqlite3.Connection, slots: Slots, resolution: int) -> dict[int, Total]:
    """Return the sums of each operation over all slots."""
    rows = connection.execute(
        "SELECT operation, sum(count), sum(errors) FROM red WHERE resolution=? AND bucket>=?"
        " AND bucket<? GROUP BY operation",
        (resolution, slots.first_s, slots.end_s),
    )
    return {number: Total(count, errors) for number, count, errors in rows}


class Lines:
    """The sums of some operations by slot of time.

    Args:
        slots: How many slots.

    Attributes:
        latency: Spans, slots by buckets of duration.
        errors: Failed ones in each slot.
    """

    __slots__ = ("errors", "latency")

    def __init__(self, slots: int) -> None:
        self.latency: Counts = np.zeros((slots, LATENCY_BUCKETS), np.int64)
        self.errors: Counts = np.zeros(slots, np.int64)

    @property
    def counts(self) -> Counts:
        """Spans in each slot."""
        found: Counts = self.latency.sum(axis=1)
        return found

    def merge(self, other: Lines) -> None:
        """Add other sums to these."""
        self.latency += other.latency
        self.errors += other.errors

    def quantiles_ms(self) -> list[float | None]:
        """Return p50, p95 and p99 over all slots, in milliseconds."""
        found = quantiles(EDGES_MS, self.latency.sum(axis=0), QUANTILES)
        return [None] * len(QUANTILES) if found is None else list(found)

    def quantile_line(self, q: float) -> list[float | None]:
        """Return a quantile of each slot, in milliseconds; None where nothing was."""
        below = np.cumsum(self.latency, axis=1)
        rank = np.maximum(q * below[:, -1], 1e-9)
        at = (below >= rank[:, None]).argmax(axis=1)
        slots = np.arange(len(at))
        before = np.where(at > 0, below[slots, at - 1], 0)
        share = (rank - before) / np.maximum(below[slots, at] - before, 1)
        found = EDGES_MS[at] + (EDGES_MS[at + 1] - EDGES_MS[at]) * share
        return [
            float(value) if total else None
            for value, total in zip(found, below[:, -1], strict=True)
        ]

    def change(self, slots: Slots) -> dict[str, Any] | None:
        """Return since when durations are others, or None where they are not clearly.

        The split of the range with the largest two-sample Kolmogorov-Smirnov statistic
        (Smirnov 1939) is the one said, if the durations before and after differ by a factor.
        """
        before = np.cumsum(self.latency, axis=0)[:-1]
        if not len(before):
            return None
        after = self.latency.sum(axis=0) - before
        n, m = before.sum(axis=1), after.sum(axis=1)
        enough = (n >= _LEAST) & (m >= _LEAST)
        if not enough.any():
            return None
        shares = [
            np.cumsum(part, axis=1) / np.maximum(size, 1)[:, None]
            for part, size in ((before, n), (after, m))
        ]
        distance = np.abs(shares[0] - shares[1]).max(axis=1)
        statistic = np.where(enough, distance * np.sqrt(n * m / np.maximum(n + m, 1)), 0)
        at = int(statistic.argmax())
        if statistic[at] < _CLEAR:
            return None
        old = quantiles(EDGES_MS, before[at], QUANTILES)
        new = quantiles(EDGES_MS, after[at], QUANTILES)
        if old is None or new is None:
            return None
        ratios = [b / a for a, b in zip(old[:2], new[:2], strict=True) if a > 0]
        ratio = max(ratios, key=lambda each: abs(np.log(max(each, 1e-9))), default=1.0)
        if max(ratio, 1 / max(ratio, 1e-9)) < _FACTOR:
            return None
        return {
            "since": (slots.first_s + (at + 1) * slots.step_s) * 1000.0,
            "ratio": ratio,
            "p50": [old[0], new[0]],
            "p95": [old[1], new[1]],
        }


def lines(
    connection: sqlite3.Connection, slots: Slots, resolution: int, operations: Sequence[int]
) -> dict[int, Lines]:
    """Return the sums of some operations by slot."""
    numbers = ",".join(str(each) for each in operations)
    rows = connection.execute(
        f"SELECT operation, (bucket-{slots.first_s})/{slots.step_s}, latency, sum(count),"  # noqa: S608 - numbers
        " sum(errors) FROM red WHERE resolution=? AND bucket>=? AND bucket<?"
        f" AND operation IN ({numbers}) GROUP BY 1, 2, 3",
        (resolution, slots.first_s, slots.end_s),
    )
    found: dict[int, Lines] = {}
    for operation, slot, latency, count, errors in rows:
        line = found.get(operation)
        if line is None:
            line = found[operation] = Lines(slots.count)
        line.latency[slot, latency] += count
        line.errors[slot] += errors
    return found
