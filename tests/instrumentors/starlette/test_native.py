"""What the application has already: FastAPI's own telemetry, a header of its own."""

from __future__ import annotations

import importlib.util

from fastapi import FastAPI
from fastapi.testclient import TestClient
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sklearn.linear_model import LogisticRegression
from starlette.responses import JSONResponse

from otelml.testing import CapturedTelemetry

STAGES = ["feature_extraction", "inference", "post_processing"]


def test_fastapis_own_telemetry(capture_telemetry: CapturedTelemetry):
    """Where a newer FastAPI was given providers there is its server span alone, else ours."""
    model = LogisticRegression().fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
    memory = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    app = FastAPI(telemetry={"tracer_provider": provider, "metrics": False, "logs": False})

    @app.post("/own/{name}")
    def own(name: str) -> dict[str, int]:
        return {"label": int(model.predict([[2.5]])[0])}

    assert TestClient(app).post("/own/a").headers["x-prediction-id"]
    name = "POST /own/{name}"
    ours = [span.name for span in capture_telemetry.spans() if span.kind.name == "SERVER"]
    theirs = [span.name for span in memory.get_finished_spans() if span.name == name]
    is_new = importlib.util.find_spec("fastapi.telemetry") is not None
    assert (ours, theirs) == (([], [name]) if is_new else ([name], []))
    (prediction,) = capture_telemetry.predictions()
    assert [s.name for s in capture_telemetry.children(prediction)] == STAGES


def test_a_header_of_the_service_stays(capture_telemetry: CapturedTelemetry):
    model = LogisticRegression().fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
    app = FastAPI()

    @app.get("/")
    async def view() -> JSONResponse:
        return JSONResponse(int(model.predict([[2.5]])[0]), headers={"X-Prediction-Id": "mine"})

    assert TestClient(app).get("/").headers.get_list("x-prediction-id") == ["mine"]
