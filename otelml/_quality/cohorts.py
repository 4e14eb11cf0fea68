"""Labelled predictions by when they were made, so that each group is judged when it is complete."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from otelml._quality.by_bin import Coded
from otelml._quality.lags import Counts, lag_bin, no_lags
from otelml._quality.thinned import Key, Thinned

_MOST_COHORTS = 64
_MOST_ROWS = 500
_MOST_CODED = 200


class Labelled(NamedTuple):
    """One labelled prediction.

    Args:
        time_ms: When it was made.
        value: 1 where it was right, 0 where it was wrong; of a value the absolute error.
        predicted: The predicted label; empty of a value.
    """

    time_ms: int
    value: float
    predicted: str


class Cohort:
    """The predictions of one span of time.

    Args:
        start_ms: Its start.
        end_ms: Its end, not itself included.
    """

    def __init__(self, start_ms: int, end_ms: int) -> None:
        self.start_ms = start_ms
        self.end_ms = end_ms
        self.lags: Counts = no_lags()
        self.rows: Thinned[Labelled] = Thinned(_MOST_ROWS)
        self.coded: Thinned[Coded] = Thinned(_MOST_CODED)
        self.judged = False
        self.changes = 0
        self._judged_value = math.nan

    @property
    def labels(self) -> int:
        """Predictions with a label, those that were not kept among them."""
        return int(self.lags.sum())

    @property
    def value(self) -> float:
        """The mean of what labels say, of the part of them that is kept; NaN without any."""
        if self.judged:
            return self._judged_value
        return _mean([row.value for row in self.rows.values()])

    def join(self, later: Cohort) -> None:
        """Take in the one after it; what was judged of it has no rows any more."""
        if self.judged and later.judged:
            self._judged_value = _pooled(self, later.value, later.labels)
        self.end_ms = later.end_ms
        self.lags = self.lags + later.lags
        self.rows.join(later.rows)
        self.coded.join(later.coded)
        self.judged = self.judged and later.judged
        self.changes += 1 + later.changes

    def judge(self) -> tuple[list[Labelled], list[Coded]]:
        """Return the labelled rows, in the order of time, and those of known bins; keep none."""
        self._judged_value, self.judged = self.value, True
        self.changes += 1
        rows, self.rows = self.rows, Thinned(_MOST_ROWS)
        coded, self.coded = self.coded, Thinned(_MOST_CODED)
        labelled = [one for one in coded.values() if one.value == one.value]
        return sorted(rows.values(), key=lambda row: row.time_ms), labelled

    def saved(self) -> dict[str, Any]:
        """Return it as what JSON can hold, without the bins of predictions that have no label."""
        bins = self.lags.nonzero()[0].tolist()
        return {
            "start_ms": self.start_ms,
            "end_ms": self.end_ms,
            "judged": self.judged,
            "value": None if math.isnan(self.value) else self.value,
            "lags": [[place, int(self.lags[place])] for place in bins],
            "rows": self.rows.saved(),
        }

    def load(self, saved: Mapping[str, Any]) -> None:
        """Take in what was saved of the same span of time; rows of a judged one are not needed."""
        if saved["judged"] and (self.judged or not self.labels):
            labels = sum(count for _, count in saved["lags"])
            value = math.nan if saved["value"] is None else float(saved["value"])
            self._judged_value = _pooled(self, value, labels)
        for place, count in saved["lags"]:
            self.lags[place] += count
        self.changes += 1
        if not self.judged:
            self.rows.load(saved["rows"], Labelled)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def _pooled(cohort: Cohort, value: float, labels: int) -> float:
    """Return the value of a judged cohort with that of so many labels more."""
    known = [(cohort.value, cohort.labels), (value, labels)]
    known = [(one, count) for one, count in known if count and not math.isnan(one)]
    total = sum(count for _, count in known)
    return sum(one * count for one, count in known) / total if total else math.nan


class Cohorts:
    """The cohorts of one model version: short ones of late, longer ones of long ago.

    Args:
        length_s: Seconds of a new one.
    """

    def __init__(self, length_s: float) -> None:
        self._length_ms = max(1, int(length_s * 1e3))
        self._cohorts: list[Cohort] = []

    def at(self, time_ms: int) -> Cohort:
        """Return the cohort of a time."""
        place = bisect_right(self._cohorts, time_ms, key=lambda one: one.start_ms)
        before = self._cohorts[place - 1] if place else None
        if before is not None and time_ms < before.end_ms:
            return before
        start = time_ms // self._length_ms * self._length_ms
        end = start + self._length_ms
        if before is not None:
            start = max(start, before.end_ms)
        if place < len(self._cohorts):
            end = min(end, self._cohorts[place].start_ms)
        self._cohorts.insert(place, Cohort(start, end))
        if len(self._cohorts) > _MOST_COHORTS:
            self._join_two()
            return self.at(time_ms)
        return self._cohorts[place]

    def _join_two(self) -> None:
        """Join the neighbours whose length is least beside their age; never the newest."""
        newest = self._cohorts[-1].end_ms

        def long_for_age(place: int) -> float:
            first, second = self._cohorts[place : place + 2]
            return (second.end_ms - first.start_ms) / (newest - first.start_ms)

        place = min(range(len(self._cohorts) - 1), key=long_for_age)
        self._cohorts[place].join(self._cohorts.pop(place + 1))

    def label(self, key: Key, row: Labelled, lag_s: float, *, is_new: bool) -> None:
        """Take a label.

        Args:
            key: Its prediction.
            row: What it says.
            lag_s: Seconds from the prediction to it.
            is_new: Whether it is the first of its prediction.
        """
        cohort = self.at(row.time_ms)
        cohort.changes += 1
        if is_new:
            cohort.lags[lag_bin(lag_s)] += 1
        if cohort.judged:
            return
        cohort.rows.put(key, row)
        coded = cohort.coded.get(key)
        if coded is not None:
            cohort.coded.put(key, coded._replace(value=row.value))

    def all(self) -> list[Cohort]:
        """Return each cohort, the oldest first."""
        return list(self._cohorts)

    def load(self, saved: Mapping[str, Any]) -> None:
        """Take in a cohort that was saved, joined with those of its time where there are any."""
        start, end = int(saved["start_ms"]), int(saved["end_ms"])
        same = [one for one in self._cohorts if one.start_ms < end and start < one.end_ms]
        if not same:
            cohort = Cohort(start, end)
            cohort.load(saved)
            cohort.judged = bool(saved["judged"])
            place = bisect_right(self._cohorts, start, key=lambda one: one.start_ms)
            self._cohorts.insert(place, cohort)
            if len(self._cohorts) > _MOST_COHORTS:
                self._join_two()
            return
        first, *rest = same
        for later in rest:
            first.join(later)
            self._cohorts.remove(later)
        before = self._cohorts[place - 1].end_ms if (place := self._cohorts.index(first)) else start
        first.start_ms = min(first.start_ms, max(start, before))
        first.end_ms = max(first.end_ms, end)
        first.load(saved)

    def ages(self, now_s: float) -> Iterator[tuple[float, Cohort]]:
        """Return each cohort, the oldest first, and the age of its youngest prediction."""
        for cohort in self._cohorts:
            yield now_s - cohort.end_ms / 1e3, cohort

    def lags(self, now_s: float, since_s: float) -> list[tuple[float, Counts]]:
        """Return age and lags of the cohorts that were watched from their start on."""
        return [
            (age, cohort.lags)
            for age, cohort in self.ages(now_s)
            if age > 0 and cohort.start_ms >= since_s * 1e3
        ]

    def forget(self, before_s: float) -> None:
        """Forget the judged cohorts that ended before a time: labels may have become slower."""
        self._cohorts = [
            one for one in self._cohorts if not one.judged or one.end_ms >= before_s * 1e3
        ]
