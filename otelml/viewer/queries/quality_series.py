"""Reading the gauges of one model version's quality, over the processes that report them."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field

from otelml import semconv
from otelml import semconv_quality as names
from otelml.semconv import Metric
from otelml.viewer.queries.drift_series import DriftSeries, Last, last_by_slot, newest, series_of
from otelml.viewer.queries.points import is_coarse
from otelml.viewer.queries.window import Slots, Window

# What tells the streams of one process apart, beside the model.
_KEY = (
    names.ML_QUALITY_METRIC,
    names.ML_QUALITY_AVERAGING,
    names.ML_QUALITY_LABEL,
    names.ML_QUALITY_WINDOW,
    names.ML_QUALITY_ESTIMATED,
    semconv.ML_LABEL_PREDICTED,
    names.ML_CONFIDENCE_BAND,
    names.ML_LABEL_AGE,
)
Labels = Mapping[str, str]
Slotted = dict[int, dict[int, Last]]


@dataclass
class Stream:
    """One measure, over all processes.

    Args:
        labels: Its attributes.
        now: The mean of the last values of the processes that still report; None where none does.
        over_time: The same by slot.
        processes: Which ones sent it.
    """

    labels: dict[str, str]
    now: float | None = None
    over_time: dict[int, float] = field(default_factory=dict[int, float])
    processes: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])

    def is_of(self, wanted: Labels) -> bool:
        """Tell whether it has these attributes; an empty one must be absent."""
        return all(self.labels.get(name, "") == value for name, value in wanted.items())


class QualityReader:
    """Reads gauges of a model version in a time range.

    Args:
        connection: The database.
        name: The model's name.
        version: Its version; empty for none, None for every one.
        window: The range.
        slots: Its steps.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        name: str,
        version: str | None,
        window: Window,
        slots: Slots,
    ) -> None:
        self.connection, self.name, self.version = connection, name, version
        self.window, self.slots = window, slots

    def streams(self, metric: Metric) -> list[Stream]:
        """Return the streams of a metric; those of several processes are one, by their mean."""
        series = series_of(
            self.connection, metric, self.name, self.version, None, self.window.from_ns
        )
        slotted = last_by_slot(self.connection, series, self.window, self.slots)
        lasts = {one: by_slot[max(by_slot)] for one, by_slot in slotted.items()}
        present = newest(lasts, self.slots.step_s, coarse=is_coarse(self.slots))
        grouped: dict[tuple[str, ...], list[DriftSeries]] = {}
        for each in series:
            key = tuple(each.labels.get(name, "") for name in _KEY)
            grouped.setdefault(key, []).append(each)
        return [_merged(group, slotted, present) for group in grouped.values()]


def _merged(group: list[DriftSeries], slotted: Slotted, present: dict[int, float]) -> Stream:
    found = Stream(dict(group[0].labels))
    values = [present[each.id] for each in group if each.id in present]
    found.now = _mean(values)
    found.processes = {each.process for each in group if each.id in slotted}
    by_slot: dict[int, list[float]] = {}
    for each in group:
        for slot, last in slotted.get(each.id, {}).items():
            by_slot.setdefault(slot, []).append(last.value)
    found.over_time = {slot: sum(v) / len(v) for slot, v in by_slot.items()}
    return found


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
