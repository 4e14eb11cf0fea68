"""Predictions and their labels on a clock of the test's own."""

from __future__ import annotations

import heapq
import itertools

import numpy as np

from otelml._quality.cohorts import Labelled
from otelml._quality.concept import Concept
from otelml.config import DriftOptions
from otelml.reference import Reference

EVERY_S = 300.0
START_S = 1_000_000_200.0  # of a cohort


def reference(accuracy=0.9, rows=10_000):
    """Return a reference of predictions that were right so often."""
    said = np.array(["yes", "no"] * (rows // 2))
    true = said.copy()
    wrong = np.arange(rows) % 1000 >= accuracy * 1000
    true[wrong] = "other"
    return Reference.from_data({"x": np.arange(rows)}, predictions=said, y=true)


class Stream:
    """Makes predictions, and brings each label when it is due.

    Args:
        given: The reference.
        seed: Of chance.
        mature_s: From which age on labels are complete; None learns it.
        options: Of the monitor.
    """

    def __init__(self, given=None, seed=0, mature_s=None, is_value=False, **options):
        self.generator = np.random.default_rng(seed)
        self.options = DriftOptions(**{"every": EVERY_S, **options})
        self.concept = Concept(
            "loan", "1", self.options, given, is_value=is_value, now_s=START_S, mature_s=mature_s
        )
        self.now = START_S
        self.judged = []
        self.came = []
        self._due = []
        self._number = itertools.count()

    def run(self, cohorts, rows, values, lags, said=lambda generator, n: ["yes", "no"] * (n // 2)):
        """Let time go on; each function is of the generator and makes one value a row."""
        for _ in range(cohorts):
            value = values(self.generator, rows)
            lag = lags(self.generator, value)
            labels = said(self.generator, rows)
            self.concept.predict(labels)
            times = self.now + np.sort(self.generator.random(rows)) * EVERY_S
            for row in zip(times, value, lag, labels, strict=True):
                time_s, what, late, label = row
                if late is not None and np.isfinite(late):
                    number = next(self._number)
                    heapq.heappush(self._due, (time_s + late, number, time_s, float(what), label))
            self.now += EVERY_S
            self._bring()
            self.judged += list(self.concept.judge(self.now))

    def _bring(self):
        while self._due and self._due[0][0] <= self.now:
            due, number, time_s, value, label = heapq.heappop(self._due)
            self.came.append(value)
            row = Labelled(int(time_s * 1e3), value, label)
            self.concept.cohorts.label((number, number, 0), row, due - time_s, is_new=True)

    def events(self):
        """Return what was told, with the number of the window."""
        return [(place, one.event) for place, one in enumerate(self.judged) if one.event]


def right(share):
    """Return answers that are right so often."""
    return lambda generator, rows: (generator.random(rows) < share).astype(float)


def soon(mean_s=60.0):
    """Return lags that depend on nothing."""
    return lambda generator, values: generator.exponential(mean_s, len(values))
