"""Rows a second of a scoring job: plain, as ``otelml.batch``, and with its drift.

The job scores ten chunks of 10,000 rows of 30 features with boosted trees, as a nightly job does.
The sending of telemetry, for which a job waits at its end, is part of the time.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from typing import Any

import numpy as np

import otelml
from benchmarks.bench_service import Sink
from benchmarks.harness import Figure, paired
from otelml.reference import Reference

_CHUNK = 10_000
_CHUNKS = 10
_FEATURES = 30


def figures(*, quick: bool) -> Iterator[Figure]:
    """Measure the figures of this file.

    Args:
        quick: Whether fewer repeats will do.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from sklearn.ensemble import HistGradientBoostingClassifier

    sink = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    threading.Thread(target=sink.serve_forever, daemon=True).start()
    os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{sink.server_address[1]}"
    rows = np.random.default_rng(0).normal(size=(_CHUNK * _CHUNKS, _FEATURES))
    model = HistGradientBoostingClassifier(max_iter=100, early_stopping=False)
    model.fit(rows[:2000], rows[:2000, 0] > 0)
    reference = Reference.from_data({f"f{i}": rows[:_CHUNK, i] for i in range(_FEATURES)})
    otelml.init("scorer", system=False, instrument=[])

    def plain() -> None:
        for start in range(0, len(rows), _CHUNK):
            model.predict(rows[start : start + _CHUNK])

    def batch(against: Reference | None) -> None:
        job = otelml.batch("nightly", model="loan", version="3", reference=against, progress=False)
        with job:
            for part in job.chunks(rows, size=_CHUNK):
                otelml.current_prediction().set_result(label=model.predict(part))
        if job.result is None or not job.result.delivered:
            raise RuntimeError("the job's telemetry did not arrive")

    sides = {"plain": plain, "batch": lambda: batch(None), "drift": lambda: batch(reference)}
    try:
        told = [_round(sides) for _ in range(1 + (5 if quick else 9))][1:]
    finally:
        otelml.shutdown()
        sink.shutdown()
    note = f"{len(rows)} rows of {_FEATURES} features"
    pairs = [(one["batch"], one["plain"]) for one in told]
    yield paired("batch_job", pairs, "s", target=1.02, note=f"{note}; each chunk a prediction")
    pairs = [(one["drift"], one["plain"]) for one in told]
    yield paired("batch_job_drift", pairs, "s", target=1.5, note=f"{note}; all compared")


def _round(sides: dict[str, Callable[[], Any]]) -> dict[str, float]:
    found = {}
    for name, work in sides.items():
        started = time.perf_counter()
        work()
        found[name] = time.perf_counter() - started
    return found
