"""Iris in FastAPI: each thing that its README names, from the running service."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest

from tests.examples._service import served

NAMES = ("sepal_length", "sepal_width", "petal_length", "petal_width")
SETOSA = (5.1, 3.5, 1.4, 0.2)


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with served("iris_fastapi", tmp_path_factory.mktemp("iris")) as running:
        yield running


def send(service, row):
    return service.post("/predict", dict(zip(NAMES, map(float, row), strict=True)))


def model_of(service):
    (model,) = json.loads(service.get("/monitor/status"))["models"]
    return model


def test_prediction_has_id_stages_and_docs(service):
    """``POST /predict``, ``GET /health``, ``/docs``; an id and three stages."""
    status, body, prediction_id = send(service, SETOSA)
    told = json.loads(body)
    assert (status, told["species"]) == (200, "setosa")
    assert told["confidence"] > 0.9
    assert prediction_id
    trace = service.spans("predict iris")[0].trace_id
    service.spans("post_processing")
    named = {span.name for span in list(service.received.spans) if span.trace_id == trace}
    assert {"POST /predict", "feature_extraction", "inference", "post_processing"} <= named
    assert service.value("ml.predictions", ml__prediction__label="setosa") >= 1
    assert service.point("http.server.request.duration", http__route="/predict").count >= 1
    assert service.event("ml.prediction")["ml.model.name"] == "iris"
    assert json.loads(service.get("/health")) == {"status": "ok"}
    paths = json.loads(service.get("/openapi.json"))["paths"]
    assert {"/predict", "/monitor/status", "/monitor/trigger", "/monitor/report"} <= set(paths)
    assert send(service, (-1, 0, 0, 0))[0] == 422


def test_shifted_flowers_are_reported(service):
    """Status, a check by hand, reports as pages: fifty normal flowers, fifty shifted ones."""
    rows = np.loadtxt(service.folder / "build" / "flowers.csv", delimiter=",", skiprows=1)
    normal = np.random.default_rng(0).permutation(rows)[:50]
    for row in normal:
        send(service, row)
    end = time.monotonic() + 30
    while (status := model_of(service))["rows_collected"] < 50:
        assert time.monotonic() < end, status
        time.sleep(0.05)
    assert status["next_run"]
    assert service.post("/monitor/trigger", {})[0] in (200, 202)
    service.until(0, "ml.drift.detected", ml__feature__name="petal_length")
    for row in normal + np.array([2.5, -1.0, 3.0, 0.0]):
        send(service, row.clip(0.1))
    service.post("/monitor/trigger", {})
    service.until(1, "ml.drift.detected", ml__feature__name="petal_length")
    assert "petal_length" in str(service.event("ml.drift.detected"))
    status = model_of(service)
    assert status["drift_detected"]
    assert len(status["last_reports"]) == 2
    page = service.get("/monitor/reports/")
    assert page.count("manual") >= 2, page
    assert "petal_length" in service.get("/monitor/report")
    assert list((service.folder / "build").glob("**/*.html"))
