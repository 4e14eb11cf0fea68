"""Reading the metric series of one model's drift monitor, in few statements."""

from __future__ import annotations

import functools
import math
import sqlite3
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from otelml import semconv
from otelml.semconv import Metric
from otelml.viewer.queries.points import is_coarse
from otelml.viewer.queries.window import NS_PER_S, Slots, Window
from otelml.viewer.records import attributes_of, label, plain
from otelml.viewer.store import COARSE_S

MAX_SERIES = 5000
_BATCH = 500
_LEAST_FRESH_NS = 30 * NS_PER_S


class DriftSeries(NamedTuple):
    """A stream of points of the monitor: which model, feature and process it is of."""

    id: int
    labels: dict[str, str]
    process: tuple[str, str]

    @property
    def version(self) -> str:
        """The model's version; empty where it has none."""
        return self.labels.get(semconv.ML_MODEL_VERSION, "")

    @property
    def feature(self) -> str:
        """The feature that it is of; empty for one of the whole model."""
        return self.labels.get(semconv.ML_FEATURE_NAME, "")


@functools.lru_cache(maxsize=50_000)
def labels_of(packed: bytes) -> dict[str, str]:
    """Return the attributes of a series; kept, as a live page asks again and again."""
    return {pair.key: label(plain(pair.value)) for pair in attributes_of(packed)}


class Last(NamedTuple):
    """The last value in a slot and when it came, in nanoseconds."""

    time_ns: int
    value: float


def series_of(
    connection: sqlite3.Connection,
    metric: Metric,
    name: str,
    version: str | None = None,
    features: frozenset[str] | None = None,
    since_ns: int = 0,
) -> list[DriftSeries]:
    """Return the series of a metric for a model, the newest first, at most MAX_SERIES.

    Args:
        connection: The database.
        metric: The metric.
        name: The model's name.
        version: Only this version of it.
        features: Only these features.
        since_ns: Only series that had a point since then.
    """
    only = next(iter(features)) if features is not None and len(features) == 1 else ""
    # The names are in the packed attributes as they are: what cannot match is not unpacked.
    rows = connection.execute(
        "SELECT series.id, attributes, service, instance FROM metrics"
        " JOIN series ON series.metric=metrics.id JOIN resources ON resources.id=series.resource"
        " WHERE metrics.name=? AND series.last_ns>=? AND instr(attributes, ?)"
        " AND instr(attributes, ?) ORDER BY series.last_ns DESC",
        (metric.name, since_ns, name.encode(), only.encode()),
    )
    found: list[DriftSeries] = []
    for series, attributes, service, instance in rows:
        labels = labels_of(attributes)
        one = DriftSeries(series, labels, (service or "", instance or ""))
        if labels.get(semconv.ML_MODEL_NAME) != name or version not in {None, one.version}:
            continue
        if features is not None and one.feature not in features:
            continue
        found.append(one)
        if len(found) == MAX_SERIES:
            break
    return found


def last_by_slot(
    connection: sqlite3.Connection, series: Iterable[DriftSeries], window: Window, slots: Slots
) -> dict[int, dict[int, Last]]:
    """Return the last value of each series in each slot; NaN and infinities are no values."""
    found: dict[int, dict[int, Last]] = {}
    for part in _batches(series):
        marks = ",".join("?" * len(part))
        if is_coarse(slots):
            rows = connection.execute(
                f"SELECT series, (bucket-?)/?, max(bucket)*{NS_PER_S}, last FROM coarse"  # noqa: S608 - constants and marks
                f" WHERE series IN ({marks}) AND bucket>=? AND bucket<? AND last IS NOT NULL"
                " GROUP BY 1, 2",
                (slots.first_s, slots.step_s, *part, slots.first_s, slots.end_s),
            )
        else:
            rows = connection.execute(
                f"SELECT series, (time_ns/{NS_PER_S}-?)/?, max(time_ns), value FROM points"  # noqa: S608 - constants and marks
                f" WHERE series IN ({marks}) AND time_ns>=? AND time_ns<? AND value IS NOT NULL"
                " GROUP BY 1, 2",
                (slots.first_s, slots.step_s, *part, window.from_ns, window.to_ns),
            )
        for one, slot, time_ns, value in rows:
            if math.isfinite(value) and 0 <= slot < slots.count:
                found.setdefault(one, {})[slot] = Last(time_ns, value)
    return found


def increases(
    connection: sqlite3.Connection, series: Iterable[DriftSeries], window: Window, slots: Slots
) -> dict[int, float]:
    """Return how much each counter grew in the range; a restart's own growth is in it."""
    found: dict[int, float] = {}
    for part in _batches(series):
        marks = ",".join("?" * len(part))
        if is_coarse(slots):
            rows = connection.execute(
                f"SELECT series, sum(d_value) FROM coarse WHERE series IN ({marks})"  # noqa: S608 - marks
                " AND bucket>=? AND bucket<? GROUP BY 1",
                (*part, slots.first_s, slots.end_s),
            )
        else:
            rows = connection.execute(
                f"SELECT series, sum(d_value) FROM points WHERE series IN ({marks})"  # noqa: S608 - marks
                " AND time_ns>=? AND time_ns<? GROUP BY 1",
                (*part, window.from_ns, window.to_ns),
            )
        found.update({one: value for one, value in rows if value and math.isfinite(value)})
    return found


def _batches(series: Iterable[DriftSeries]) -> Iterator[list[int]]:
    ids = [each.id for each in series]
    return (ids[start : start + _BATCH] for start in range(0, len(ids), _BATCH))


def newest(lasts: dict[int, Last], interval_s: float, *, coarse: bool) -> dict[int, float]:
    """Return the last values of the series that still report; a stopped process' are left out."""
    if not lasts:
        return {}
    patience = max(_LEAST_FRESH_NS, int(3 * interval_s * NS_PER_S))
    if coarse:
        patience = max(patience, 2 * COARSE_S * NS_PER_S)
    oldest = max(last.time_ns for last in lasts.values()) - patience
    return {one: last.value for one, last in lasts.items() if last.time_ns >= oldest}
