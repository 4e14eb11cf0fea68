"""Metric points into the store.

Cumulative points are stored beside their increase since the point before, worked out here once
and across resets, so that every query over counters is a plain sum. A point that comes after a
newer one of its series, as from several workers or a retry, is kept where it says all by itself: a
gauge or a delta.
"""

from __future__ import annotations

import json
import sqlite3
from array import array
from collections import Counter
from dataclasses import dataclass
from typing import TypeAlias

from otelml.viewer.records import (
    COUNTER,
    GAUGE,
    LATE,
    SUMMARY,
    UPDOWN,
    Buckets,
    MetricRows,
    PointRow,
)
from otelml.viewer.store import buckets as bk
from otelml.viewer.store.catalog import Catalog
from otelml.viewer.store.coarse import CoarseWriter

# A counter that the viewer meets this soon after its start is counted from zero; an older one
# would put hours of increase into one step, so its first point is only a baseline.
_YOUNG_NS = 300 * 1_000_000_000
_KEPT = 50_000
_INSERT_POINT = "INSERT INTO points VALUES(?,?,?,?,?,?,?,?,?,?)"
# What tells series apart, by the ids of metric, resource and scope, and the attributes.
SeriesKey: TypeAlias = tuple[int, int, int, bytes]


@dataclass(slots=True)
class Series:
    """A stream of points and its last one."""

    id: int
    last_ns: int = 0
    start_ns: int = 0
    value: float | None = 0.0
    count: int = 0
    buckets: Buckets | None = None
    # Its metric and sender were known before it: it began while the viewer watched.
    born_watched: bool = False


@dataclass(slots=True)
class Increase:
    """What a point adds to the one before it."""

    value: float | None = None
    count: int | None = None
    buckets: Buckets | None = None


class MetricWriter:
    """Writes metric points; not thread-safe, owned by the store's writer thread."""

    def __init__(self, connection: sqlite3.Connection, catalog: Catalog) -> None:
        self._connection = connection
        self._catalog = catalog
        self._metrics: dict[tuple[str, str, str], int] = {}
        self._series: dict[SeriesKey, Series] = {}
        self._layouts: dict[tuple[float, ...], int] = {}
        self._senders: set[tuple[int, int]] = set()
        self._coarse = CoarseWriter(connection)
        # What was not taken since the store last looked, by reason and message.
        self.refused: Counter[tuple[str, str]] = Counter()

    def forget(self) -> None:
        """Drop everything kept in memory, after a rollback or a deletion."""
        self._metrics.clear()
        self._series.clear()
        self._layouts.clear()
        self._senders.clear()
        self._coarse.forget()

    def flush(self) -> None:
        """Write the sums that changed since the last commit."""
        self._coarse.flush()

    def write(self, metrics: list[MetricRows]) -> int:
        """Store points, but for those that come too late to tell anything; return how many."""
        rows: list[tuple[object, ...]] = []
        exemplars: list[tuple[object, ...]] = []
        details: list[tuple[object, ...]] = []
        touched: dict[int, int] = {}
        late: list[tuple[Series, MetricRows, PointRow]] = []
        for metric in metrics:
            metric_id = self._metric(metric)
            resource = self._catalog.resource(metric.origin)
            scope = self._catalog.scope(metric.origin)
            watched = self._is_watched(metric_id, resource)
            for point in metric.points:
                key = (metric_id, resource, scope, point.attributes)
                series = self._find_series(key, watched=watched)
                if point.time_ns <= series.last_ns:
                    late.append((series, metric, point))
                    continue
                rows.append(self._row(series, metric, point))
                touched[series.id] = point.time_ns
                _add_beside(series.id, point, details, exemplars)
            self._senders.add((metric_id, resource))
        self._connection.executemany(_INSERT_POINT, rows)
        kept = [each for each in late if self._keeps_late(*each)]
        for series, _, point in kept:
            _add_beside(series.id, point, details, exemplars)
        self._connection.executemany("INSERT OR REPLACE INTO details VALUES(?,?,?,?,?)", details)
        self._connection.executemany("INSERT OR IGNORE INTO exemplars VALUES(?,?,?,?,?)", exemplars)
        self._connection.executemany(
            "UPDATE series SET last_ns=? WHERE id=?",
            [(time_ns, series) for series, time_ns in touched.items()],
        )
        if len(self._series) > _KEPT:
            self._series.clear()
        return len(rows) + len(kept)

    def _keeps_late(self, series: Series, metric: MetricRows, point: PointRow) -> bool:
        """Store a point that comes after a newer one, if it needs none before it; else count it.

        A sender that only repeats itself loses nothing.
        """
        row = self._connection.execute(
            "SELECT value, count FROM points WHERE series=? AND time_ns=?",
            (series.id, point.time_ns),
        ).fetchone()
        summed = metric.delta and metric.kind == UPDOWN
        if row is None and not summed and (metric.delta or metric.kind == GAUGE):
            stored = self._columns(series.id, metric, point, _increase(series, metric, point))
            self._connection.execute(_INSERT_POINT, stored)
            return True
        if row is None or (row != (point.value, point.count) and not summed):
            message = f"a point of {metric.name} is not newer than its series' last"
            self.refused[LATE, message] += 1
        return False

    def _row(self, series: Series, metric: MetricRows, point: PointRow) -> tuple[object, ...]:
        increase = _increase(series, metric, point)
        if metric.delta and metric.kind == UPDOWN:
            # The level of a delta up-down counter is the sum of its changes.
            point.value = (point.value or 0.0) + (series.value or 0.0)
        series.last_ns, series.start_ns = point.time_ns, point.start_ns
        series.value, series.count, series.buckets = point.value, point.count, point.buckets
        return self._columns(series.id, metric, point, increase)

    def _columns(
        self, series: int, metric: MetricRows, point: PointRow, increase: Increase
    ) -> tuple[object, ...]:
        layout = None if point.buckets is None else self._layout(point.buckets)
        added = (increase.value, increase.count, increase.buckets)
        self._coarse.add(series, point.time_ns, point.value, added, layout)
        return (
            series,
            point.time_ns,
            point.start_ns,
            point.value,
            point.count,
            increase.value,
            increase.count,
            layout,
            None if point.buckets is None or metric.delta else bk.encode_buckets(point.buckets),
            None if increase.buckets is None else bk.encode_buckets(increase.buckets),
        )

    def _metric(self, metric: MetricRows) -> int:
        key = (metric.name, metric.unit, metric.kind)
        found = self._metrics.get(key)
        if found is None:
            row = self._connection.execute(
                "INSERT INTO metrics(name, unit, kind, description, delta) VALUES(?,?,?,?,?)"
                " ON CONFLICT(name, unit, kind) DO UPDATE SET description=excluded.description"
                " RETURNING id",
                (*key, metric.description, int(metric.delta)),
            ).fetchone()
            found = self._metrics[key] = int(row[0])
        return found

    def _is_watched(self, metric: int, resource: int) -> bool:
        if (metric, resource) in self._senders:
            return True
        row = self._connection.execute(
            "SELECT 1 FROM series WHERE metric=? AND resource=? LIMIT 1", (metric, resource)
        ).fetchone()
        return row is not None

    def _find_series(self, key: SeriesKey, *, watched: bool) -> Series:
        found = self._series.get(key)
        if found is not None:
            return found
        row = self._connection.execute(
            "SELECT id FROM series WHERE metric=? AND resource=? AND scope=? AND attributes=?", key
        ).fetchone()
        if row is None:
            (number,) = self._connection.execute(
                "INSERT INTO series(metric, resource, scope, attributes) VALUES(?,?,?,?)"
                " RETURNING id",
                key,
            ).fetchone()
            found = Series(number, born_watched=watched)
        else:
            found = self._resume(int(row[0]))
        self._series[key] = found
        return found

    def _resume(self, number: int) -> Series:
        """Return a series with its last stored point, as after a restart."""
        row = self._connection.execute(
            "SELECT time_ns, start_ns, value, count, buckets, bounds FROM points"
            " LEFT JOIN layouts ON layouts.id=layout WHERE series=? ORDER BY time_ns DESC LIMIT 1",
            (number,),
        ).fetchone()
        if row is None:
            return Series(number)
        buckets = None
        if row[4] is not None:
            bounds = None if row[5] is None else tuple(array("d", row[5]))
            buckets = bk.decode_buckets(row[4], bounds)
        return Series(number, row[0], row[1], row[2], row[3], buckets)

    def _layout(self, buckets: Buckets) -> int:
        if buckets.scale is not None:
            return bk.EXPONENTIAL
        found = self._layouts.get(buckets.bounds)
        if found is None:
            row = self._connection.execute(
                "INSERT INTO layouts(bounds) VALUES(?)"
                " ON CONFLICT(bounds) DO UPDATE SET bounds=bounds RETURNING id",
                (array("d", buckets.bounds).tobytes(),),
            ).fetchone()
            found = self._layouts[buckets.bounds] = int(row[0])
        return found


def _add_beside(
    series: int,
    point: PointRow,
    details: list[tuple[object, ...]],
    exemplars: list[tuple[object, ...]],
) -> None:
    if point.quantiles or point.extremes != (None, None):
        details.append((series, point.time_ns, *point.extremes, json.dumps(point.quantiles)))
    exemplars.extend((series, *each) for each in point.exemplars or ())


def _increase(series: Series, metric: MetricRows, point: PointRow) -> Increase:
    if metric.kind in {GAUGE, UPDOWN}:
        return Increase()
    if metric.delta:
        return Increase(point.value, point.count, point.buckets)
    whole = Increase(point.value, point.count, point.buckets)
    if not series.last_ns:
        young = point.start_ns > 0 and point.time_ns - point.start_ns <= _YOUNG_NS
        return whole if series.born_watched or young else Increase(0.0, 0)
    if 0 < series.start_ns < point.start_ns:
        return whole
    if metric.kind == COUNTER:
        added = _minus(point.value, series.value)
        return whole if added is None or added < 0 else Increase(added, 0)
    if point.count < series.count:
        return whole
    if metric.kind == SUMMARY:
        return Increase(_minus(point.value, series.value), point.count - series.count)
    return _histogram_increase(series, point, whole)


def _minus(new: float | None, old: float | None) -> float | None:
    return None if new is None or old is None else new - old


def _histogram_increase(series: Series, point: PointRow, whole: Increase) -> Increase:
    if point.buckets is None or series.buckets is None:
        return whole
    added = bk.difference(point.buckets, series.buckets)
    if added is None:
        return whole
    return Increase(_minus(point.value, series.value), point.count - series.count, added)
