"""Metric points added up per five minutes, so that a day's chart reads few rows."""

from __future__ import annotations

import math
import sqlite3
from array import array
from dataclasses import dataclass

from otelml.viewer.records import Buckets
from otelml.viewer.store import buckets as bk
from otelml.viewer.store.resolutions import COARSE_S

_NS = 1_000_000_000


@dataclass(slots=True)
class Coarse:
    """What one series did in one bucket of time."""

    series: int
    bucket: int
    d_value: float | None = None
    d_count: int = 0
    total: float = 0.0
    points: int = 0
    last: float | None = None
    layout: int | None = None
    buckets: Buckets | None = None
    # When the point of `last` was.
    last_ns: int = 0

    def row(self) -> tuple[object, ...]:
        """Return the columns of the table ``coarse``."""
        return (
            self.series,
            self.bucket,
            self.d_value,
            self.d_count,
            self.total,
            self.points,
            self.last,
            self.layout,
            None if self.buckets is None else bk.encode_buckets(self.buckets),
        )


class CoarseWriter:
    """Keeps each series' open bucket: its points mostly come in order of time."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._open: dict[int, Coarse] = {}
        self._dirty: dict[tuple[int, int], Coarse] = {}

    def add(
        self,
        series: int,
        time_ns: int,
        value: float | None,
        added: tuple[float | None, int | None, Buckets | None],
        layout: int | None,
    ) -> None:
        """Count one point: its value, what it added, and the layout of its buckets."""
        second = time_ns // _NS
        bucket = second - second % COARSE_S
        coarse = self._open.get(series)
        if coarse is None or coarse.bucket != bucket:
            found = self._dirty.get((series, bucket)) or self._load(series, bucket)
            if coarse is None or coarse.bucket < bucket:
                self._open[series] = found
            coarse = found
        if added[0] is not None:
            coarse.d_value = (coarse.d_value or 0.0) + added[0]
        coarse.d_count += added[1] or 0
        if value is not None and math.isfinite(value):
            coarse.total += value
            coarse.points += 1
        if time_ns >= coarse.last_ns:
            coarse.last, coarse.last_ns = value, time_ns
        buckets = added[2]
        if buckets is not None:
            merged = None if coarse.buckets is None else bk.addition(coarse.buckets, buckets)
            # Where the layout changes within the bucket, the newer one goes on alone.
            coarse.buckets, coarse.layout = merged or buckets, layout
        self._dirty[series, bucket] = coarse

    def flush(self) -> None:
        """Write what changed since the last commit."""
        self._connection.executemany(
            "INSERT OR REPLACE INTO coarse VALUES(?,?,?,?,?,?,?,?,?)",
            [coarse.row() for coarse in self._dirty.values()],
        )
        self._dirty.clear()

    def forget(self) -> None:
        """Drop everything not yet written, after a rollback."""
        self._open.clear()
        self._dirty.clear()

    def _load(self, series: int, bucket: int) -> Coarse:
        row = self._connection.execute(
            "SELECT d_value, d_count, coalesce(total, 0), points, last, layout, buckets, bounds,"
            " (SELECT coalesce(max(time_ns), 0) FROM points WHERE series=? AND time_ns<?)"
            " FROM coarse LEFT JOIN layouts ON layouts.id=layout WHERE series=? AND bucket=?",
            (series, (bucket + COARSE_S) * _NS, series, bucket),
        ).fetchone()
        if row is None:
            return Coarse(series, bucket)
        found = Coarse(series, bucket, *row[:6])
        found.last_ns = row[8]
        if row[6] is not None:
            found.buckets = bk.decode_buckets(
                row[6], None if row[7] is None else tuple(array("d", row[7]))
            )
        return found
