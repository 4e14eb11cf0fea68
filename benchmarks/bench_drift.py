"""Drift: a window of many features beside a reference, and beside other tools."""

from __future__ import annotations

import gc
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from scipy.stats import ks_2samp

from benchmarks.drift_peers import Peer
from benchmarks.harness import Figure, compare, paired
from otelml import drift
from otelml.reference import Reference

FEATURES = 30
REFERENCE = 10_000


def figures(*, quick: bool) -> Iterator[Figure]:
    """Measure the figures of this file.

    Args:
        quick: Whether fewer repeats will do.
    """
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(REFERENCE, FEATURES))
    small, large = rng.normal(size=(500, FEATURES)), rng.normal(size=(10_000, FEATURES))
    reference = Reference.from_data(rows)
    yield compare(
        "drift_500_scipy",
        lambda: drift.compare(reference, small),
        lambda: [ks_2samp(rows[:, place], small[:, place]) for place in range(FEATURES)],
        target=0.06,
        runs=9 if quick else 25,
        clock=time.process_time,
        note="CPU time of six statistics of 30 features ÷ a scipy loop of KS alone",
    )
    with tempfile.TemporaryDirectory() as folder:
        runs = 3 if quick else 7
        for name, peer, window, target in (
            ("drift_500", "evidently", small, 0.001),
            ("drift_10k", "nannyml", large, 0.1),
        ):
            other = Peer(peer, rows, window, Path(folder))
            other.check()

            def ours(window: np.ndarray = window) -> object:
                return drift.compare(reference, window)

            pairs = [(_seconds(ours) * 1e6, other.check()["seconds"] * 1e6) for _ in range(runs)]
            other.stop()
            note = f"CPU time of a window of {len(window):,} rows ÷ {peer}"
            yield paired(name, pairs, "µs", target=target, note=note)


def _seconds(work: Callable[[], object]) -> float:
    gc.collect()
    started = time.process_time()
    work()
    return time.process_time() - started
