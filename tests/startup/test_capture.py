"""The test kit under a service: its own options, whenever it says them."""

from __future__ import annotations

import logging

import flask
import pytest

import otelml
from otelml.config import Config
from otelml.testing import capture


def start() -> otelml.Telemetry:
    return otelml.init(
        "loan-api",
        model="loan",
        model_version="7",
        metrics=otelml.MetricOptions(low_confidence=0.9),
        traces=otelml.TraceOptions(flush_timeout_s=0.1),
        system=False,
    )


def create_app() -> flask.Flask:
    start()
    app = flask.Flask("service")

    @app.route("/")
    def view() -> str:
        with otelml.prediction(features={"a": 1.0}) as p:
            p.set_result(label="x", confidence=0.85)
        logging.getLogger("service").warning("served")
        return "ok"

    return app


def check(captured) -> None:
    span = captured.assert_prediction("loan", label="x")
    assert span.attributes["ml.model.version"] == "7"
    assert sorted(one.name for one in captured.spans()) == ["GET /", "predict loan"]
    assert captured.metric("ml.prediction.low_confidence").sum() == 1
    assert len(captured.logs("ml.prediction")) == 1
    assert [one.body for one in captured.logs() if one.event_name is None] == ["served"]
    assert span.resource.attributes["service.name"] == "loan-api"


@pytest.fixture
def _nowhere(monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    yield
    otelml.shutdown(0.1)


@pytest.mark.usefixtures("_nowhere")
def test_a_service_that_runs_is_set_aside():
    """What it would export is captured, and it goes on afterwards."""
    app = create_app()
    with capture() as captured:
        app.test_client().get("/")
        check(captured)
    status = start().status()
    assert set(status["instrumented"]) >= {"logging", "flask", "sklearn"}


def test_an_init_in_the_test_is_followed(capture_telemetry):
    """As an application factory makes it; nothing is exported, nothing is left running."""
    create_app().test_client().get("/")
    check(capture_telemetry)


def test_options_of_the_test_come_first():
    """Those that ``capture`` is given, over those of the service."""
    config = Config(model="mine", logs=otelml.LogOptions(enabled=False), system=False)
    with capture(config) as captured:
        create_app().test_client().get("/")
        captured.assert_prediction("mine")
        assert captured.metric("ml.prediction.low_confidence").sum() == 0


def test_turned_off_is_turned_off(capture_telemetry):
    """A service without events of predictions has none in its tests."""
    telemetry = otelml.init(logs=otelml.LogOptions(sample_ratio=0.0), system=False)
    with otelml.prediction("loan") as p:
        p.set_result(label="x", confidence=0.99)
    assert telemetry.force_flush()
    assert telemetry.status()["worker"]["waiting"] == 0
    assert capture_telemetry.logs("ml.prediction") == []
