"""Reading metric series and their points."""

from __future__ import annotations

import functools
import math
import sqlite3
from array import array
from collections import ChainMap
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from otelml.semconv import SERVICE_INSTANCE_ID, SERVICE_NAME
from otelml.semconv_host import OTEL_SCOPE_NAME, OTEL_SCOPE_VERSION
from otelml.viewer.queries.window import NS_PER_S, NotFoundError, Slots, Window
from otelml.viewer.records import Buckets, attributes_of, label, plain
from otelml.viewer.store import COARSE_S, decode_buckets

MAX_SERIES = 5000


@dataclass(frozen=True, slots=True)
class Series:
    """A stream of points: its labels are its attributes and its sender's service and instance.

    ``resource`` and ``scope`` are the attributes of those, as texts too.
    """

    id: int
    kind: str
    unit: str
    labels: dict[str, str]
    last_ns: int | None
    resource: dict[str, str]
    scope: dict[str, str]

    def every(self) -> ChainMap[str, str]:
        """Return all that is known of it: its labels before its scope's and its resource's."""
        return ChainMap(self.labels, self.scope, self.resource)


class Added(NamedTuple):
    """What a series did in one slot."""

    value: float
    measured: int
    mean: float
    last: float


@functools.lru_cache(maxsize=20_000)
def _labels(key: bytes, service: str, instance: str, scope: bytes | None) -> dict[str, str]:
    found = {pair.key: label(plain(pair.value)) for pair in attributes_of(key)}
    found.setdefault(SERVICE_NAME, service)
    if instance:
        found.setdefault(SERVICE_INSTANCE_ID, instance)
    if scope is not None:
        message = InstrumentationScope.FromString(scope)
        found.setdefault(OTEL_SCOPE_NAME, message.name)
        if message.version:
            found.setdefault(OTEL_SCOPE_VERSION, message.version)
    return found


@functools.lru_cache(maxsize=4096)
def _resource(raw: bytes) -> dict[str, str]:
    pairs = Resource.FromString(raw).attributes
    return {pair.key: label(plain(pair.value)) for pair in pairs}


@functools.lru_cache(maxsize=4096)
def _scope(raw: bytes | None) -> dict[str, str]:
    if raw is None:
        return {}
    scope = InstrumentationScope.FromString(raw)
    found = {pair.key: label(plain(pair.value)) for pair in scope.attributes}
    named = {OTEL_SCOPE_NAME: scope.name, OTEL_SCOPE_VERSION: scope.version}
    return found | {key: value for key, value in named.items() if value}


def find_series(
    connection: sqlite3.Connection,
    name: str,
    kind: str | None = None,
    unit: str | None = None,
    *,
    every_unit: bool = False,
) -> list[Series]:
    """Return the series of a metric; where senders disagree on its kind, of the newest kind.

    Args:
        connection: A connection to the store.
        name: The metric's name.
        kind: Its kind, where not that of the newest series.
        unit: Its unit, where not that of the newest series.
        every_unit: Whether to return the series of each unit.

    Raises:
        NotFoundError: There is no such metric.
    """
    rows = connection.execute(
        "SELECT series.id, kind, unit, attributes, service, instance, series.last_ns, scopes.raw,"
        " resources.raw"
        " FROM metrics JOIN series ON series.metric=metrics.id"
        " JOIN resources ON resources.id=series.resource"
        " LEFT JOIN scopes ON scopes.id=series.scope"
        " WHERE metrics.name=?1 AND (?2 IS NULL OR kind=?2) AND (?3 IS NULL OR unit=?3)"
        " ORDER BY series.last_ns DESC LIMIT ?4",
        (name, kind, unit, MAX_SERIES),
    ).fetchall()
    if not rows:
        raise NotFoundError(f"no metric {name!r} is stored")
    newest_kind, newest_unit = rows[0][1], rows[0][2]
    # Nearly always there is one scope, and its name would only be noise.
    several = len({row[7] for row in rows if row[7] is not None}) > 1
    return [
        Series(
            row[0],
            row[1],
            row[2],
            _labels(*row[3:6], row[7] if several else None),
            row[6],
            _resource(row[8]),
            _scope(row[7]),
        )
        for row in rows
        if row[1] == newest_kind and (every_unit or row[2] == newest_unit)
    ]


def is_coarse(slots: Slots) -> bool:
    """Tell whether the slots can be read from the five-minute sums."""
    return slots.step_s % COARSE_S == 0 and slots.first_s % COARSE_S == 0


def sums_by_slot(
    connection: sqlite3.Connection, series: int, window: Window, slots: Slots
) -> dict[int, Added]:
    """Return a series' increase, mean and last value in each slot that has points."""
    # With max(), SQLite takes the other columns from that row: the last value.
    if is_coarse(slots):
        rows = connection.execute(
            "SELECT (bucket-?)/?, sum(d_value), sum(d_count), sum(total)/sum(points), max(bucket),"
            " last FROM coarse WHERE series=? AND bucket>=? AND bucket<? GROUP BY 1",
            (slots.first_s, slots.step_s, series, slots.first_s, slots.end_s),
        )
    else:
        rows = connection.execute(
            f"SELECT (time_ns/{NS_PER_S}-?)/?, sum(d_value), sum(d_count), avg(value),"  # noqa: S608 - a constant
            " max(time_ns), value FROM points WHERE series=? AND time_ns>=? AND time_ns<?"
            " GROUP BY 1",
            (slots.first_s, slots.step_s, series, window.from_ns, window.to_ns),
        )
    return {
        row[0]: Added(
            # Counted, but without a sum: that is not 0.
            math.nan if row[1] is None and row[2] else row[1] or 0.0,
            row[2] or 0,
            math.nan if row[3] is None else row[3],
            math.nan if row[5] is None else row[5],
        )
        for row in rows
    }


def histogram_rows(
    connection: sqlite3.Connection, series: int, window: Window, slots: Slots
) -> Iterator[tuple[int, Buckets]]:
    """Yield the slot and the added buckets of a histogram's points."""
    if is_coarse(slots):
        rows = connection.execute(
            "SELECT bucket, buckets, bounds FROM coarse LEFT JOIN layouts ON layouts.id=layout"
            " WHERE series=? AND bucket>=? AND bucket<? AND buckets IS NOT NULL",
            (series, slots.first_s, slots.end_s),
        )
    else:
        rows = connection.execute(
            f"SELECT time_ns/{NS_PER_S}, d_buckets, bounds FROM points"  # noqa: S608 - a constant
            " LEFT JOIN layouts ON layouts.id=layout"
            " WHERE series=? AND time_ns>=? AND time_ns<? AND d_buckets IS NOT NULL",
            (series, window.from_ns, window.to_ns),
        )
    for second, raw, bounds in rows:
        edges = None if bounds is None else tuple(array("d", bounds))
        yield slots.index(second), decode_buckets(raw, edges)


def interval_s(connection: sqlite3.Connection, series: Series) -> float:
    """Return the usual time between two points of a series."""
    times = [
        row[0]
        for row in connection.execute(
            "SELECT time_ns FROM points WHERE series=? ORDER BY time_ns DESC LIMIT 11", (series.id,)
        )
    ]
    gaps = sorted(late - early for late, early in pairwise(times))
    return gaps[len(gaps) // 2] / NS_PER_S if gaps else 0.0
