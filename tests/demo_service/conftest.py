"""A small trained model, and the demo service with its telemetry captured."""

from __future__ import annotations

import pytest

import otelml
from demo_service import artifact, train
from demo_service.app import create_app
from otelml.config import Config, LogOptions
from otelml.testing import capture


@pytest.fixture(scope="session")
def model():
    return train.train(rows=3000, seed=5)


@pytest.fixture
def model_folder(model, tmp_path, monkeypatch):
    artifact.save(model, tmp_path)
    monkeypatch.setenv("DEMO_MODEL_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def app(model_folder, monkeypatch):
    for signal in ("TRACES", "METRICS", "LOGS"):
        monkeypatch.setenv(f"OTEL_{signal}_EXPORTER", "none")
    monkeypatch.setenv("OTELML_LOGS_JSON", "false")
    app = create_app()
    yield app
    otelml.shutdown()


@pytest.fixture
def telemetry(app):
    """What the service emits from here on, in memory."""
    otelml.shutdown()
    logs = LogOptions(sample_ratio=1.0, json=False)
    config = Config(model="loan", model_version="1", logs=logs, system=False)
    with capture(config, app) as captured:
        yield captured


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def application():
    """An application that is complete and good."""
    return {
        "age": 41,
        "annual_income": 38500,
        "employment_years": 9.5,
        "employment_type": "employed",
        "home_ownership": "mortgage",
        "purpose": "car",
        "credit_score": 690,
        "debt_to_income": 0.22,
        "existing_loans": 1,
        "loan_amount": 12000,
        "loan_term_months": 36,
    }
