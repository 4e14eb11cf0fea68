"""Costs of a process: importing otelml, and a scikit-learn call that goes through it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import otelml
from benchmarks.harness import Figure, compare
from otelml.instrumentors.sklearn import SklearnInstrumentor
from otelml.testing import capture

CALLS = 200


def figures(*, quick: bool) -> Iterator[Figure]:
    """Measure the figures of this file.

    Args:
        quick: Whether fewer repeats will do.
    """
    yield compare(
        "import_time",
        _python("import otelml"),
        _python("import opentelemetry.sdk.trace, numpy"),
        target=1.15,
        runs=5 if quick else 15,
        note="whole processes, interpreter start included",
    )
    yield _sklearn_wrapper(9 if quick else 31)


def _python(code: str) -> Callable[[], object]:
    return lambda: subprocess.run([sys.executable, "-c", code], check=True)


def _sklearn_wrapper(runs: int) -> Figure:
    rows = np.random.default_rng(0).normal(size=(500, 11))
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, rows[:, 0] > 0)
    row = rows[:1]
    instrumentor = SklearnInstrumentor()

    def predict() -> None:
        with otelml.prediction("loan") as p, p.stage("inference"):
            for _ in range(CALLS):
                model.predict(row)

    with capture() as captured:  # which instruments scikit-learn, and takes that away at its end
        figure = compare(
            "sklearn_wrapper",
            predict,
            predict,
            target=1.03,
            runs=runs,
            per_run=CALLS,
            before_ours=lambda: _instrument(instrumentor),
            before_theirs=instrumentor.uninstrument,
            after_each=captured.clear,
            note="pipeline predict on one row inside a prediction",
        )
        _instrument(instrumentor)
    return figure


def _instrument(instrumentor: SklearnInstrumentor) -> None:
    if not instrumentor.is_instrumented_by_opentelemetry:
        instrumentor.instrument(skip_dep_check=True)
