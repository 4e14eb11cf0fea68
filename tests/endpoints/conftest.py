"""A service that watches a model."""

from __future__ import annotations

import pytest

import otelml
from otelml.config import DriftOptions, LogOptions
from tests.monitor._driver import reference_of


@pytest.fixture
def start(monkeypatch):
    """Begin telemetry with options of the drift monitor; it ends with the test."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "")
    for signal in ("TRACES", "METRICS", "LOGS"):
        monkeypatch.setenv(f"OTEL_{signal}_EXPORTER", "none")

    def begin(**options):
        options = {"every": "1h", "calibrate_for": 0, "window_rows": 100, **options}
        return otelml.init(
            "test", model="loan", model_version="1", reference=reference_of(), system=False,
            drift=DriftOptions(**options), instrument="none", logs=LogOptions(json=False),
        )  # fmt: skip

    yield begin
    otelml.shutdown()


@pytest.fixture
def predict():
    """Predict rows of which f0 is shifted by so much."""
    import numpy as np

    from tests.monitor._driver import normal

    generator = np.random.default_rng(5)

    def send(rows=90, shift=2.0, version="1"):
        with otelml.prediction(
            "loan", version=version, features=normal(generator, rows) + np.array([shift, 0, 0])
        ) as prediction:
            prediction.set_result(label=["yes"] * rows)
        return prediction

    return send
