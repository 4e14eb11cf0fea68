"""What the tests of the scikit-learn instrumentor share."""

from __future__ import annotations

import numpy as np
import pytest

from otelml import _guard
from otelml.config import Config, LogOptions
from otelml.testing import capture


@pytest.fixture
def telemetry():
    """Everything that otelml emits, with scikit-learn instrumented."""
    config = Config(instrument=("sklearn",), system=False, logs=LogOptions(json=False))
    with capture(config) as captured:
        yield captured
        assert dict(_guard.errors) == {}
        assert captured.metric("ml.prediction.active").sum() == 0


@pytest.fixture
def models(telemetry):
    """A function: the models of the predictions since it was last called."""

    def names():
        found = [span.attributes["ml.model.name"] for span in telemetry.predictions()]
        telemetry.clear()
        return found

    return names


@pytest.fixture(scope="session")
def data():
    """Eighty rows of four features, of two classes."""
    rng = np.random.default_rng(7)
    X = rng.normal(size=(80, 4))
    return X, (X[:, 0] + 0.3 * rng.normal(size=80) > 0).astype(int)
