"""A monitor on a clock that the test moves."""

from __future__ import annotations

from typing import Any

import numpy as np

from otelml._features import snapshot
from otelml._monitor import Monitor, Report
from otelml._records.results import Results
from otelml.config import DriftOptions
from otelml.reference import Reference

NOTHING = Results((), None, None, ())
MODEL = ("loan", "1")


class Driver:
    """Sends predictions to a monitor and moves its clock.

    Args:
        reference: That of the model.
        options: Of the monitor; without learning where it is not said.
    """

    def __init__(self, reference: Reference | None = None, **options: Any) -> None:
        self.now = 1_000_000_000.0
        self.options = DriftOptions(**{"calibrate_for": 0, **options})
        self.monitor = Monitor(self.options, reference, *MODEL, clock=lambda: self.now)
        self.reports: list[Report] = []
        self.accepted: list[tuple[str, list[str]]] = []
        self.monitor.on_report = self.reports.append
        self.monitor.on_accept = lambda watch, names, asked: self.accepted.append(
            (asked.who, names)
        )

    def send(self, features: Any, results: Results = NOTHING, key: tuple[str, str] = MODEL) -> None:
        """Send one prediction, of a row or a batch."""
        seen = snapshot(features, self.options.max_rows)
        self.monitor.take([(*key, seen, None, results)])

    def finish(self) -> None:
        """Let the monitor do all that is due."""
        while self.monitor.work():
            pass

    def check(self, features: Any, results: Results = NOTHING) -> Report:
        """Send one prediction, move the clock to the next check, return what it found."""
        self.send(features, results)
        return self.tick()

    def tick(self) -> Report:
        """Move the clock to the next check and return what it found."""
        before = len(self.reports)
        self.now += self.options.every_s
        self.finish()
        assert len(self.reports) == before + 1, "there was no check"
        return self.reports[-1]

    @property
    def watch(self) -> Any:
        """The one model version."""
        (watch,) = self.monitor.watches()
        return watch


def normal(generator: np.random.Generator, rows: int, columns: int = 3) -> Any:
    """Return standard normal values."""
    return generator.normal(size=(rows, columns))


def reference_of(rows: int = 10_000, columns: int = 3, seed: int = 0, **options: Any) -> Reference:
    """Return the reference of standard normal columns ``f0``, ``f1`` and so on."""
    generator = np.random.default_rng(seed)
    names = [f"f{place}" for place in range(columns)]
    return Reference.from_data(normal(generator, rows, columns), feature_names=names, **options)
