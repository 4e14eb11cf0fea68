"""A pytest plugin for scikit-learn's own tests: notes outcomes, and instruments when told to.

``OTELML_SUITE_OUTCOMES`` names the JSON file for the outcomes; ``OTELML_SUITE_PREDICTIONS`` the
folder for what was emitted, and thereby asks for instrumentation.
"""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

_CLEAR_EVERY = 25


class Outcomes:
    """The outcome of each test, by its node id."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._outcomes: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        expected = hasattr(report, "wasxfail")
        if report.when == "call":
            self._outcomes[report.nodeid] = f"x{report.outcome}" if expected else report.outcome
        elif report.failed:
            self._outcomes[report.nodeid] = f"{report.when} error"
        elif report.skipped:
            self._outcomes[report.nodeid] = "xskipped" if expected else "skipped"

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._outcomes[f"collection of {report.nodeid}"] = "failed"

    def pytest_sessionfinish(self) -> None:
        self._path.write_text(json.dumps(self._outcomes, indent=0, sort_keys=True))


class Instrumented:
    """otelml, running for the whole session with everything kept in memory."""

    def __init__(self, folder: Path) -> None:
        from otelml.instrumentors import inside as _inside
        from otelml.testing import capture

        self._folder = folder
        self._stack = ExitStack()
        self._telemetry = self._stack.enter_context(capture())
        self._calls = _inside
        self._tests = self._spans = 0

    def pytest_runtest_logfinish(self) -> None:
        self._tests += 1
        if self._tests % _CLEAR_EVERY == 0:  # spans of many thousand predictions need not stay
            self._spans += len(self._telemetry.spans())
            self._telemetry.clear()

    def pytest_unconfigure(self) -> None:
        from otelml import _guard, semconv
        from otelml.instrumentors.sklearn import calls

        if not self._tests:  # the controller of pytest-xdist runs none itself
            self._stack.close()
            return
        emitted = {
            "spans": self._spans + len(self._telemetry.spans()),
            "predictions": self._telemetry.metric(semconv.ML_PREDICTION_DURATION.name).count(),
            "active": self._telemetry.metric(semconv.ML_PREDICTION_ACTIVE.name).sum(),
            "still_on": calls.Switch.on,
            "inside": self._calls.current() is not None,
            "errors": dict(_guard.errors),
            "last_errors": dict(_guard.last_error),
        }
        (self._folder / f"{os.getpid()}.json").write_text(json.dumps(emitted))
        self._stack.close()


def pytest_configure(config: Any) -> None:
    outcomes = os.environ.get("OTELML_SUITE_OUTCOMES")
    if outcomes and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Outcomes(Path(outcomes)))
    predictions = os.environ.get("OTELML_SUITE_PREDICTIONS")
    if predictions:
        config.pluginmanager.register(Instrumented(Path(predictions)))
