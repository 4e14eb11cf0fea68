"""What the tests of model libraries share."""

from __future__ import annotations

import pytest

from otelml import _guard
from otelml.config import Config, LogOptions
from otelml.testing import capture


@pytest.fixture
def telemetry():
    """Everything that otelml emits, with each installed library instrumented."""
    with capture(Config(system=False, logs=LogOptions(json=False))) as captured:
        yield captured
        assert dict(_guard.errors) == {}
        assert captured.metric("ml.prediction.active").sum() == 0


@pytest.fixture
def seen(telemetry, monkeypatch):
    """A function: the record and the results of each prediction since it was last called."""
    from otelml._worker import processor

    found = []
    real = processor.results_of

    def results_of(record):
        results = real(record)
        found.append((record, results))
        return results

    monkeypatch.setattr(processor, "results_of", results_of)

    def read():
        telemetry.flush()
        now = found[:]
        found.clear()
        return now

    return read
