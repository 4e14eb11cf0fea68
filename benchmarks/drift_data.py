"""Data without drift, of many kinds, for the calibration of the drift rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

HOURS = 24
_REFERENCE_DAYS = 2
_BURST = 25
_BURST_SHARE = 0.05

Table = npt.NDArray[np.float64]
Generator = np.random.Generator
Shape = Callable[[Table], Table]


def _plain(table: Table) -> Table:
    return table


def _one_decimal(table: Table) -> Table:
    return table.round(1)


def _levels(table: Table) -> Table:
    """Ten levels, as frequent as the digits of a Zipf's law."""
    shares = 1 / np.arange(1, 11)
    found: Table = np.searchsorted(np.cumsum(shares / shares.sum())[:-1], _uniform(table)) * 1.0
    return found


def _rare_levels(table: Table) -> Table:
    """300 levels by Zipf's law, most of them rare; as numbers, of which no two are alike."""
    shares = 1 / np.arange(1, 301)
    found: Table = np.searchsorted(np.cumsum(shares / shares.sum())[:-1], _uniform(table)) * 1.0
    return found


def _uniform(table: Table) -> Table:
    from scipy.special import ndtr

    found: Table = ndtr(table)
    return found


def _tails(table: Table) -> Table:
    found: Table = np.exp(4 * table)
    return found


@dataclass(frozen=True)
class Kind:
    """One kind of data; a window is an hour.

    Args:
        name: In the table.
        rho: Of AR(1) rows; 0 for independent ones.
        sine: Amplitude of a daily sine, in standard deviations; each feature has its own phase.
        traffic: Amplitude of the daily sine of the rows of an hour, of which 1 is the mean.
        bursts: Whether a twentieth of the rows are copies of one row, 25 in a run.
        ordered: Whether the reference is in the order of time, and known to be.
        shape: What becomes of a normal value.
        delay: Whether delays are measured too.
        categorical: Whether values are levels, not numbers.
    """

    name: str
    rho: float = 0.0
    sine: float = 0.0
    traffic: float = 0.0
    bursts: bool = False
    ordered: bool = False
    shape: Shape = _plain
    delay: bool = False
    categorical: bool = False

    def reference(self, rng: Generator, rows: int, features: int) -> Table:
        """Return a reference of so many rows, spread over two days."""
        # Each kind has the phases of its features from its name, the same in all windows.
        table = self._noise(rng, rows, features, None)[0]
        hours = np.sort(self._times(rng, rows)) if self.traffic else np.arange(rows) / rows * HOURS
        if not self.traffic:
            hours = hours * _REFERENCE_DAYS
        found = self.shape(table + self._season(hours, features))
        return found if self.ordered else rng.permutation(found)

    def windows(self, rng: Generator, rows: int, features: int) -> Iterator[Table]:
        """Yield one window after the other, without end."""
        last: Table | None = None
        hour = 0
        while True:
            busy = 1 + self.traffic * np.sin(2 * np.pi * hour / HOURS)
            count = max(rows // 4, round(rows * busy)) if self.traffic else rows
            table, last = self._noise(rng, count, features, last)
            at = hour + np.arange(count) / count
            yield self.shape(table + self._season(at, features))
            hour += 1

    def _times(self, rng: Generator, rows: int) -> Table:
        """Return hours of the day, more of them where there is more traffic."""
        grid = np.linspace(0, HOURS, 2401)
        rate = 1 + self.traffic * np.sin(2 * np.pi * grid / HOURS)
        return rng.choice(grid, rows, p=rate / rate.sum())

    def _season(self, hours: Table, features: int) -> Table:
        if not self.sine:
            return np.zeros((1, 1))
        phases = np.random.default_rng(5).uniform(0, 2 * np.pi, features)
        found: Table = self.sine * np.sin(2 * np.pi * hours[:, None] / HOURS + phases)
        return found

    def _noise(
        self, rng: Generator, rows: int, features: int, last: Table | None
    ) -> tuple[Table, Table | None]:
        table = rng.standard_normal((rows, features))
        if self.rho:
            before = rng.standard_normal(features) if last is None else last
            scaled = table * np.sqrt(1 - self.rho**2)
            found, _ = lfilter([1.0], [1.0, -self.rho], scaled, axis=0, zi=self.rho * before[None])
            return found, found[-1]
        if self.bursts:
            for start in np.flatnonzero(rng.random(rows) < _BURST_SHARE / _BURST):
                table[start : start + _BURST] = table[start]
        return table, None


KINDS = (
    Kind("independent, in order", ordered=True, delay=True),
    Kind("independent, shuffled", delay=True),
    Kind("AR(1) 0.5", rho=0.5, ordered=True),
    Kind("AR(1) 0.8", rho=0.8, ordered=True),
    Kind("AR(1) 0.95", rho=0.95, ordered=True),
    Kind("AR(1) 0.8, shuffled", rho=0.8),
    Kind("daily sine 0.3, in order", sine=0.3, ordered=True, delay=True),
    Kind("daily sine 0.3, shuffled", sine=0.3, delay=True),
    Kind("daily sine 1, in order", sine=1.0, ordered=True),
    Kind("daily sine 1, shuffled", sine=1.0),
    Kind("traffic follows the day, sine 0.3", sine=0.3, traffic=0.8),
    Kind("ties (one decimal)", shape=_one_decimal),
    Kind("levels", shape=_levels),
    Kind("heavy tails", shape=_tails),
    Kind("bursts of 25 copies", bursts=True, ordered=True),
    Kind("300 levels, most rare", shape=_rare_levels, categorical=True),
)
