"""Costs of a process: importing otelml, and a scikit-learn call that goes through it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import otelml
from benchmarks.harness import Figure, compare
from otelml.testing import capture

CALLS = 200


def _python(code: str) -> Callable[[], object]:
    return lambda: subprocess.run([sys.executable, "-c", code], check=True)


def _import_time(runs: int) -> Figure:
    return compare(
        "import_time",
        _python("import otelml"),
        _python("import opentelemetry.sdk.trace, numpy"),
        target=1.15,
        runs=runs,
        note="whole processes, interpreter start included",
    )


def _model() -> tuple[Any, Any]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(0)
    rows = rng.normal(size=(500, 11))
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, rows[:, 0] > 0)
    return model, rows[:1]


def _sklearn_wrapper(runs: int) -> Figure:
    model, row = _model()
    found: list[Figure] = []
    with capture() as captured:

        def wrapped() -> None:
            with otelml.prediction("loan") as p, p.stage("inference"):
                for _ in range(CALLS):
                    model.predict(row)

        from otelml.instrumentors.sklearn import SklearnInstrumentor

        instrumentor = SklearnInstrumentor()

        def plain() -> None:
            with otelml.prediction("loan") as p, p.stage("inference"):
                for _ in range(CALLS):
                    model.predict(row)

        pairs: list[tuple[float, float]] = []
        for _ in range(runs + 1):
            instrumentor.instrument(skip_dep_check=True)
            one = _time(wrapped)
            instrumentor.uninstrument()
            pairs.append((one, _time(plain)))
            captured.clear()
        instrumentor.instrument(skip_dep_check=True)
    ratios = sorted(one / other for one, other in pairs[1:])
    middle = len(ratios) // 2
    ones, others = zip(*pairs[1:], strict=True)
    found.append(
        Figure(
            "sklearn_wrapper",
            sorted(ones)[middle] / CALLS * 1e6,
            sorted(others)[middle] / CALLS * 1e6,
            "µs",
            1.03,
            low=ratios[0],
            high=ratios[-1],
            note="pipeline predict on one row inside a prediction",
            ratio=ratios[middle],
        )
    )
    return found[0]


def _time(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def figures(*, quick: bool) -> list[Figure]:
    """Return the figures of this file.

    Args:
        quick: Whether fewer repeats will do.
    """
    return [_import_time(5 if quick else 15), _sklearn_wrapper(9 if quick else 31)]
