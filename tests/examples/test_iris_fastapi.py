"""Iris in FastAPI: system D of those that people come from, each row by name."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timezone

import numpy as np
import pytest

from tests._processes import environment
from tests.examples._alerts import check_alerts, sent_by
from tests.examples._service import EXAMPLES, STAGES, served

NAMES = ("sepal_length", "sepal_width", "petal_length", "petal_width")
TOKEN = "a token of the test"
SETOSA = (5.1, 3.5, 1.4, 0.2)


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    folder = tmp_path_factory.mktemp("iris")
    with served("iris_fastapi", folder, OTELML_ADMIN_TOKEN=TOKEN) as running:
        yield running


def send(service, row):
    return service.post("/predict", dict(zip(NAMES, map(float, row), strict=True)))


def model_of(service):
    return service.monitored("iris")


def test_d1_prediction_has_id_stages_and_docs(service):
    """``POST /predict``, ``GET /health``, ``/docs``; an id and three stages."""
    status, body, prediction_id = send(service, SETOSA)
    told = json.loads(body)
    assert (status, told["species"]) == (200, "setosa")
    assert told["confidence"] > 0.9
    assert prediction_id
    service.trace("predict iris", "POST /predict", *STAGES)
    assert service.value("ml.predictions", ml__prediction__label="setosa") >= 1
    assert service.point("http.server.request.duration", http__route="/predict").count >= 1
    assert service.event("ml.prediction")["ml.model.name"] == "iris"
    assert json.loads(service.get("/health")) == {"status": "ok"}
    paths = json.loads(service.get("/openapi.json"))["paths"]
    assert {"/predict", "/monitor/status", "/monitor/trigger", "/monitor/report"} <= set(paths)
    assert send(service, (-1, 0, 0, 0))[0] == 422


def test_d2_d3_shifted_flowers_are_reported(service):
    """Status, a check by hand, reports as pages: fifty normal flowers, fifty shifted ones."""
    rows = np.loadtxt(service.folder / "build" / "flowers.csv", delimiter=",", skiprows=1)
    normal = np.random.default_rng(0).permutation(rows)[:50]
    for row in normal:
        send(service, row)
    service.wait(lambda: model_of(service)["rows_collected"] >= 50, lambda: model_of(service))
    assert json.loads(service.get("/monitor/status"))["enabled"] is True
    next_run = datetime.fromisoformat(model_of(service)["next_run"])
    assert (next_run - datetime.now(timezone.utc)).total_seconds() <= 300
    assert model_of(service)["rows_needed"] == 500
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
    assert status["latest_report_url"].endswith("-manual")
    listed = json.loads(service.get("/monitor/reports/"))["reports"]
    assert len(listed) == 2
    newest, *_ = [one["name"] for one in listed]
    assert newest[:4] == str(datetime.now(timezone.utc).year)
    assert newest in service.get("/monitor/reports/", "text/html")
    for path in ("report", "reports/latest", f"reports/{newest}"):
        page = service.get(f"/monitor/{path}", "text/html")
        assert page.startswith("<!doctype html>"), path
        assert "petal_length" in page, path
    service.wait(
        lambda: list((service.folder / "build").glob("**/*.html")),
        lambda: list((service.folder / "build").iterdir()),
    )


def test_d4_d5_dashboards_have_numbers_and_logs_levels(service):
    """Requests per second, p99, total predictions; logs with levels, over OTLP and on stdout."""
    series = {
        "http_server_request_duration_seconds_count",
        "ml_prediction_duration_seconds_bucket",
        "ml_predictions_total",
    }
    service.wait(lambda: series <= sent_by(service), lambda: sent_by(service))
    service.event("ml.drift.detected")
    levels = {record.severity_text for record in list(service.received.logs)}
    assert {"INFO", "WARN"} <= levels or {"INFO", "WARNING"} <= levels, levels
    line = next(one for one in service.lines() if one.get("event_name") == "ml.drift.detected")
    assert {str(value) for value in line.values()} & {"WARNING", "WARN", "ERROR"}


def test_d6_simulator(service):
    """A client that sends normal flowers, then shifted ones, with progress."""
    readme = (EXAMPLES / "iris_fastapi/README.md").read_text()
    command = re.search(r"^\$ otelml (simulate .+)$", readme, re.MULTILINE)[1]
    words = command.replace("http://127.0.0.1:8000", service.url).split()
    before = service.value("ml.predictions", ml__prediction__label="setosa")
    done = subprocess.run(
        [sys.executable, "-m", "otelml", *words, "--count", "30", "--rate", "100"],
        cwd=service.folder, env=environment(), capture_output=True, text=True, check=False,
        timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "30" in done.stdout
    service.wait(
        lambda: service.value("ml.predictions", ml__prediction__label="setosa") > before,
        lambda: before,
    )


def test_d7_monitor_asks_for_a_token(service):
    """Authentication, versions, tracing, alerts: what system D only wished for."""
    stranger = replace(service, token="")
    assert "Bearer" in stranger.get("/monitor/status") or "token" in stranger.get("/monitor/status")
    assert stranger.post("/monitor/trigger", {})[0] == 401
    assert stranger.post("/predict", dict(zip(NAMES, SETOSA, strict=True)))[0] == 200
    assert service.value("ml.predictions", ml__model__version="1") >= 1
    check_alerts(service, "DriftDetected", "PredictionLatencyHigh", "NoPredictions")
