"""The drift monitor in a service: its longest step, what it keeps, what it adds, how it grows."""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from benchmarks.handwritten import ROW
from benchmarks.harness import Figure, absolute, paired
from benchmarks.sides import PER_RUN, Ours
from otelml._features import snapshot
from otelml._monitor import Monitor
from otelml._records.results import Results
from otelml.config import DriftOptions
from otelml.reference import Reference

_NOTHING = Results((), None, None, ())
_REFERENCE = 10_000
_BATCH = 500
_CHECKS = 3
_RUNS = 20  # a check after so many: each 50 s at 400 a second, where 5 minutes are the default

Table = npt.NDArray[np.float64]


def figures(*, quick: bool) -> Iterator[Figure]:
    """Measure the figures of this file.

    Args:
        quick: Whether fewer repeats will do.
    """
    yield _pause(3 if quick else 7)
    yield _memory(2 if quick else 3)
    yield from _growth(3 if quick else 7)
    yield from _added(3 if quick else 7)


class _Watched:
    """Models under watch, whose worker is driven by hand.

    Args:
        rows: Of the reference, of shape (rows, features).
        models: How many of them.
    """

    def __init__(self, rows: Table, models: int = 1) -> None:
        self._now = 1e9
        self._options = DriftOptions()
        reference = Reference.from_data(rows)
        self._monitor = Monitor(self._options, reference, clock=lambda: self._now)
        self._keys = [(f"model-{place}", "1") for place in range(models)]

    def send(self, rows: Table) -> None:
        """Let each model predict these rows, in batches."""
        for key in self._keys:
            for start in range(0, len(rows), _BATCH):
                features = snapshot(rows[start : start + _BATCH], self._options.max_rows)
                self._monitor.take([(*key, features, None, _NOTHING)])

    def check(self) -> list[float]:
        """Check each model, and return the CPU seconds of each step."""
        self._now += self._options.every_s
        steps: list[float] = []
        more = True
        while more:
            started = time.thread_time()
            more = self._monitor.work(0.0)
            steps.append(time.thread_time() - started)
        checks = [one.checks for one in self._monitor.watches()]
        if len(checks) != len(self._keys) or not all(checks):
            raise RuntimeError("a model was not checked: the figure would be of less work")
        return steps


def _pause(runs: int) -> Figure:
    """Return the longest step of a model's first checks, between which other threads go on."""
    rng = np.random.default_rng(0)
    longest = []
    for _ in range(runs):
        watched = _Watched(rng.normal(size=(_REFERENCE, 100)))
        gc.collect()
        steps: list[float] = []
        for _ in range(_CHECKS):
            watched.send(rng.normal(size=(10_000, 100)))
            steps += watched.check()
        longest.append(max(steps) * 1e3)
    return absolute(
        "tick_pause",
        longest,
        "ms",
        target=5,
        note="longest step of a check, CPU time: 100 features, windows of 10,000 rows",
    )


def _memory(runs: int) -> Figure:
    """Return what a model under watch keeps: its reference, a full window, what it remembers."""
    rng = np.random.default_rng(0)
    sizes = []
    for _ in range(runs):
        rows = rng.normal(size=(20_000, 30))
        gc.collect()
        tracemalloc.start()
        watched = _Watched(rows[:_REFERENCE])
        for _ in range(24):  # learned from, so that there is most to remember
            watched.send(rows)
            watched.check()
        watched.send(rows)
        gc.collect()
        sizes.append(tracemalloc.get_traced_memory()[0] / 2**20)
        tracemalloc.stop()
    return absolute(
        "memory_per_model",
        sizes,
        "MiB",
        target=16,
        note="30 features, a reference of 10,000, a full window and 24 that were learned from",
    )


def _growth(runs: int) -> Iterator[Figure]:
    rng = np.random.default_rng(0)

    def cost(features: int, models: int) -> float:
        """Return the CPU time of a check, in microseconds for each feature of each model."""
        watched = _Watched(rng.normal(size=(_REFERENCE, features)), models)
        spent = 0.0
        for _ in range(_CHECKS):
            watched.send(rng.normal(size=(_BATCH, features)))
            gc.collect()
            spent += sum(watched.check())
        return spent / _CHECKS / features / models * 1e6

    for features in (100, 1000):
        yield paired(
            f"check_features_{features}",
            [(cost(features, 1), cost(10, 1)) for _ in range(runs)],
            "µs",
            target=1.3,
            note=f"CPU of a check for each feature, {features} of them ÷ 10",
        )
    for models in (10, 100):
        yield paired(
            f"check_models_{models}",
            [(cost(10, models), cost(10, 1)) for _ in range(runs)],
            "µs",
            target=1.3,
            note=f"CPU of a check for each model, {models} of them ÷ 1",
        )


def _added(runs: int) -> Iterator[Figure]:
    """Yield what watching adds to a prediction: on the request thread, and on the worker."""
    reference = Reference.from_data([ROW] * _REFERENCE)
    on = Ours(drift=DriftOptions(every=0.1), reference=reference)
    off = Ours(drift=DriftOptions(enabled=False))
    sides = (on, off)
    threads: dict[Ours, list[float]] = {side: [] for side in sides}
    workers: dict[Ours, list[float]] = {side: [] for side in sides}
    for _ in range(runs + 1):
        for side in sides:
            side.activate()
            thread, worker = 0.0, 0.0
            for _ in range(_RUNS):
                gc.collect()
                started = time.thread_time()
                side.run()
                thread += time.thread_time() - started
                started = time.thread_time()
                side.drain()
                worker += time.thread_time() - started
            started = time.thread_time()
            while side.pipeline.processor.between():
                pass
            worker += time.thread_time() - started
            threads[side].append(thread / _RUNS / PER_RUN * 1e6)
            workers[side].append(worker / _RUNS / PER_RUN * 1e6)
    monitor = on.pipeline.monitor
    if monitor is None or monitor.watches()[0].checks < runs:
        raise RuntimeError("nothing was checked: the figure would be of less work")
    for name, found, target, note in (
        ("drift_request_thread", threads, 1.03, "request thread, watched ÷ not"),
        ("drift_worker", workers, 1.05, "worker, watched with a check each 20,000 rows ÷ not"),
    ):
        pairs = list(zip(found[on][1:], found[off][1:], strict=True))
        yield paired(name, pairs, "µs", target=target, note=note)
