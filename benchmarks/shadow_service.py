"""A Flask service with a model and a shadow, in a process of its own, paced over standard input.

``python -m benchmarks.shadow_service VARIANT``: ``none``, without a shadow; ``quick``, one like the
champion; ``slow``, one that waits 50 ms for each row; ``busy``, one that computes in Python for
longer than there is from one request to the next; ``hung``, one that never returns. Each line on
standard input is ``pace N RATE``; the answer is a line of JSON: the median CPU time of a request on
its thread and the 99th percentile of its duration, in microseconds.
"""

from __future__ import annotations

import gc
import json
import os
import statistics
import sys
import threading
import time
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from benchmarks.http_service import call_wsgi

_COMPUTES_S = 0.005


class _Shadow:
    """The champion, after ``before``."""

    def __init__(self, model: Any, before: Any) -> None:
        self.predict = lambda rows: (before(), model.predict(rows))[1]


def _compute() -> None:
    end = time.thread_time() + _COMPUTES_S
    while time.thread_time() < end:
        pass


_BEFORE = {
    "quick": lambda: None,
    "slow": lambda: time.sleep(0.05),
    "busy": _compute,
    "hung": threading.Event().wait,
}


def _app(variant: str) -> Any:
    from flask import Flask, jsonify, request

    import otelml

    inputs = np.random.default_rng(0).normal(size=(200, 11))
    model = LogisticRegression().fit(inputs, inputs[:, 0] > 0)
    otelml.init(
        "service", model="loan", model_version="3", system=False, instrument=["flask", "sklearn"]
    )
    if variant in _BEFORE:
        otelml.shadow(_Shadow(model, _BEFORE[variant]), version="4", of="loan")
    app = Flask("service")

    @app.post("/predict")
    def predict() -> Any:
        row = list(request.get_json().values())
        return jsonify(label=bool(model.predict([row])[0]))

    return app


def _pace(app: Any, count: int, rate: float) -> dict[str, float]:
    gc.collect()
    own: list[float] = []
    durations: list[float] = []
    start = time.perf_counter() + 0.01
    for i in range(count):
        wait = start + i / rate - time.perf_counter()
        if wait > 0:
            time.sleep(wait)
        began, began_own = time.perf_counter(), time.thread_time()
        call_wsgi(app)
        own.append(time.thread_time() - began_own)
        durations.append(time.perf_counter() - began)
    p99 = float(np.percentile(durations, 99))
    return {"thread": statistics.median(own) * 1e6, "p99": p99 * 1e6}


def main() -> None:
    """Serve the commands of standard input."""
    out, sys.stdout = sys.stdout, open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - for good
    app = _app(sys.argv[1])
    for _ in range(200):
        call_wsgi(app)
    print("ready", file=out, flush=True)
    for line in sys.stdin:
        _, count, rate = line.split()
        print(json.dumps(_pace(app, int(count), float(rate))), file=out, flush=True)


if __name__ == "__main__":
    main()
