"""Starlette and FastAPI: one prediction a request, three stages, the id in the header."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, HTTPException
from fastapi.testclient import TestClient
from sklearn.linear_model import LogisticRegression
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route
from starlette.websockets import WebSocket

import otelml
import otelml.asgi
from otelml.testing import CapturedTelemetry

STAGES = ["feature_extraction", "inference", "post_processing"]
ROW = [[2.5]]


@pytest.fixture(scope="module")
def model() -> LogisticRegression:
    return LogisticRegression().fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])


def fastapi(model: LogisticRegression) -> FastAPI:
    app = FastAPI()

    def score() -> int:
        return int(model.predict(ROW)[0])

    @app.post("/sync/{name}")
    def sync(name: str) -> dict[str, int]:
        return {"label": int(model.predict(ROW)[0])}

    @app.post("/async/{name}")
    async def asynchronous(name: str) -> dict[str, int]:
        return {"label": int(model.predict(ROW)[0])}

    @app.post("/depends")
    def depends(label: int = Depends(score)) -> dict[str, int]:  # noqa: FAST002 - a local name
        return {"label": label}

    @app.post("/both")
    async def both() -> dict[str, Any]:
        label = int(model.predict(ROW)[0])
        return {"label": label, "p": float(model.predict_proba(ROW)[0, 1])}

    @app.post("/pool")
    async def pool() -> dict[str, int]:
        with ThreadPoolExecutor(1) as threads:
            return {"label": int(threads.submit(model.predict, ROW).result()[0])}

    router = APIRouter(prefix="/v1")

    @router.post("/items/{item}")
    def item(item: int) -> dict[str, int]:
        return {"label": int(model.predict(ROW)[0])}

    app.include_router(router, prefix="/api")
    inner = FastAPI()

    @inner.post("/deep/{name}")
    def deep(name: str) -> dict[str, int]:
        return {"label": int(model.predict(ROW)[0])}

    app.mount("/mounted", inner)
    return app


def starlette(model: LogisticRegression) -> Starlette:
    async def view(request: Any) -> JSONResponse:
        return JSONResponse({"label": int(model.predict(ROW)[0])})

    def plain(request: Any) -> JSONResponse:
        return JSONResponse({"label": int(model.predict(ROW)[0])})

    class Endpoint(HTTPEndpoint):
        async def post(self, request: Any) -> JSONResponse:
            return JSONResponse({"label": int(model.predict(ROW)[0])})

    return Starlette(
        routes=[
            Route("/view/{name}", view, methods=["POST"]),
            Route("/plain", plain, methods=["POST"]),
            Route("/class", Endpoint),
            Mount("/t/{tenant}", routes=[Route("/in/{name}", view, methods=["POST"])]),
        ]
    )


CASES = [
    *((fastapi, path, route) for path, route in (
        ("/sync/a", "/sync/{name}"), ("/async/a", "/async/{name}"), ("/depends", "/depends"),
        ("/both", "/both"), ("/pool", "/pool"), ("/api/v1/items/7", "/api/v1/items/{item}"),
        ("/mounted/deep/a", "/mounted/deep/{name}"),
    )),
    *((starlette, path, route) for path, route in (
        ("/view/a", "/view/{name}"), ("/plain", "/plain"), ("/class", "/class"),
        ("/t/acme/in/a", "/t/{tenant}/in/{name}"),
    )),
]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "path", "route"), CASES, ids=[f"{m.__name__}{p}" for m, p, _ in CASES]
)
def test_one_prediction_a_request(
    capture_telemetry: CapturedTelemetry, model: LogisticRegression,
    make: Callable[[Any], Any], path: str, route: str,
):  # fmt: skip
    """In the server span's trace, with stages that fill it; span and metric name the template."""
    client = TestClient(make(model))
    for _ in range(3):
        answer = client.post(path)
        assert (answer.status_code, answer.json()["label"]) == (200, 1)
    predictions = capture_telemetry.predictions()
    assert len(predictions) == 3
    servers = [span for span in capture_telemetry.spans() if span.kind.name == "SERVER"]
    assert [span.name for span in servers] == [f"POST {route}"] * 3
    for prediction, server in zip(predictions, servers, strict=True):
        assert prediction.parent is not None
        assert prediction.parent.span_id == server.context.span_id
        assert [s.name for s in capture_telemetry.children(prediction)] == STAGES
        capture_telemetry.assert_stages_fill(prediction)
        assert server.attributes is not None
        assert server.attributes["http.route"] == route
        assert server.attributes["http.response.status_code"] == 200
    assert answer.headers["x-prediction-id"]
    durations = capture_telemetry.metric("http.server.request.duration")
    assert durations.where(**{"http.route": route}).count() == 3
    assert capture_telemetry.metric("ml.predictions").sum() == 3
    assert durations.exemplars()


def test_an_application_that_exists_already(
    model: LogisticRegression, monkeypatch: pytest.MonkeyPatch
):
    """One that served before init, when it comes; nothing is left after shutdown."""
    for signal in ("TRACES", "METRICS", "LOGS"):
        monkeypatch.setenv(f"OTEL_{signal}_EXPORTER", "none")
    client = TestClient(fastapi(model))
    before = Starlette.__dict__["__call__"]
    assert "x-prediction-id" not in client.post("/both").headers
    otelml.init("again")
    try:
        assert client.post("/both").headers["x-prediction-id"]
    finally:
        otelml.shutdown()
    assert "x-prediction-id" not in client.post("/both").headers
    assert Starlette.__dict__["__call__"] is before


@pytest.mark.parametrize("route", [None, lambda scope: "/any/{name}"])
def test_plain_asgi(capture_telemetry: CapturedTelemetry, model: LogisticRegression, route: Any):
    """An application of no framework, by the middleware."""

    async def plain(scope: Any, _receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        body = str(model.predict(ROW)[0]).encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    answer = TestClient(otelml.asgi.middleware(plain, route=route)).get("/any/a")
    assert (answer.text, len(answer.headers["x-prediction-id"]) > 20) == ("1", True)
    (server,) = [span for span in capture_telemetry.spans() if span.kind.name == "SERVER"]
    assert server.name == ("GET /any/{name}" if route else "GET")
    (prediction,) = capture_telemetry.predictions()
    assert [s.name for s in capture_telemetry.children(prediction)] == STAGES
    assert prediction.context.trace_id == server.context.trace_id


def errors(model: LogisticRegression) -> FastAPI:
    app = FastAPI()

    @app.exception_handler(KeyError)
    async def handle(_request: Any, _error: Exception) -> PlainTextResponse:
        return PlainTextResponse("handled", status_code=503)

    @app.post("/teapot")
    def teapot() -> None:
        model.predict(ROW)
        raise HTTPException(418)

    @app.post("/handled")
    async def handled() -> None:
        model.predict(ROW)
        raise KeyError("x")

    @app.post("/raises")
    async def raises() -> None:
        model.predict(ROW)
        raise RuntimeError("x")

    @app.post("/model")
    def wrong() -> None:
        model.predict([["no number"]])

    @app.post("/before")
    async def before(fail: bool = False) -> dict[str, int]:
        if fail:
            raise ConnectionError("features")
        return {"label": int(model.predict(ROW)[0])}

    @app.post("/valid")
    async def valid(number: int) -> int:
        return int(model.predict([[number]])[0])

    return app


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        ("/teapot", 418, None), ("/handled", 503, "KeyError"), ("/raises", 500, "RuntimeError"),
        ("/model", 500, "ValueError"),
    ],
)  # fmt: skip
def test_errors(
    capture_telemetry: CapturedTelemetry, model: LogisticRegression,
    path: str, status: int, error: str | None,
):  # fmt: skip
    """Those of the view are the prediction's; an answer below 500 is none. The status is kept."""
    client = TestClient(errors(model), raise_server_exceptions=False)
    assert client.post(path).status_code == status
    (prediction,) = capture_telemetry.predictions()
    assert prediction.attributes is not None
    assert prediction.attributes.get("error.type") == error
    assert prediction.status.is_ok is (error is None)


def test_a_failure_before_the_prediction(
    capture_telemetry: CapturedTelemetry, model: LogisticRegression
):
    """A route that is known to predict and fails counts as a failed prediction of that model."""
    client = TestClient(errors(model), raise_server_exceptions=False)
    assert client.post("/before").status_code == 200
    assert client.post("/before?fail=1").status_code == 500
    assert client.post("/valid?number=2").status_code == 200
    assert client.post("/valid?number=two").status_code == 422
    failed = capture_telemetry.metric("ml.predictions").where(**{"error.type": "ConnectionError"})
    assert failed.sum() == 1
    assert capture_telemetry.metric("ml.predictions").sum() == 3


def test_streams_and_background(capture_telemetry: CapturedTelemetry, model: LogisticRegression):
    """A body that predicts is part of the request to its last byte; what runs behind it is not."""
    app = FastAPI()

    @app.get("/async")
    async def asynchronous() -> StreamingResponse:
        async def body() -> AsyncIterator[bytes]:
            for number in range(3):
                yield f"{model.predict([[float(number)]])[0]}\n".encode()

        return StreamingResponse(body())

    @app.get("/sync")
    def sync() -> StreamingResponse:
        def body() -> Iterator[bytes]:
            for number in range(3):
                yield f"{model.predict([[float(number)]])[0]}\n".encode()

        return StreamingResponse(body())

    @app.get("/background")
    async def background(tasks: BackgroundTasks) -> int:
        label = int(model.predict(ROW)[0])
        tasks.add_task(model.predict, [[0.0]])
        return label

    client = TestClient(app)
    for path, count in (("/async", 3), ("/sync", 3), ("/background", 2)):
        capture_telemetry.clear()
        client.get(path)
        (server,) = [span for span in capture_telemetry.spans() if span.kind.name == "SERVER"]
        predictions = capture_telemetry.predictions()
        assert len(predictions) == count, path
        inside = [p for p in predictions if p.context.trace_id == server.context.trace_id]
        assert len(inside) == count if path != "/background" else len(inside) >= 1
        for prediction in predictions:
            assert [
                s.name for s in capture_telemetry.children(prediction)
            ] == STAGES or path == "/background"


def test_unusual_requests(capture_telemetry: CapturedTelemetry, model: LogisticRegression):
    """404, 405, HEAD, a WebSocket and a lifespan are what they are without otelml."""
    started: list[str] = []

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        started.append("up")
        yield
        started.append("down")

    app = FastAPI(lifespan=lifespan)

    @app.get("/only")
    async def only() -> int:
        return int(model.predict(ROW)[0])

    @app.websocket("/ws")
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(str(model.predict(ROW)[0]))
        await websocket.close()

    with TestClient(app) as client:
        assert client.get("/nowhere").status_code == 404
        assert client.post("/only").status_code == 405
        assert client.request("QUERY", "/only").status_code == 405
        with client.websocket_connect("/ws") as websocket:
            assert websocket.receive_text() == "1"
    assert started == ["up", "down"]
    servers = [span for span in capture_telemetry.spans() if span.kind.name == "SERVER"]
    assert [span.name for span in servers] == ["GET", "POST /only", "QUERY /only"] or [
        span.name for span in servers
    ] == ["GET", "POST /only", "HTTP /only"]
    assert len(capture_telemetry.predictions()) == 1  # of the WebSocket, a trace of its own


def test_middleware_is_no_part_of_a_stage(
    capture_telemetry: CapturedTelemetry, model: LogisticRegression
):
    """The prediction begins with the view, after a slow middleware."""
    import anyio

    class Slow:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await anyio.sleep(0.2)
            await self.app(scope, receive, send)

    app = FastAPI(middleware=[Middleware(Slow)])

    @app.get("/")
    async def view() -> int:
        return int(model.predict(ROW)[0])

    TestClient(app).get("/")
    (prediction,) = capture_telemetry.predictions()
    (server,) = [span for span in capture_telemetry.spans() if span.kind.name == "SERVER"]
    assert prediction.start_time - server.start_time > 150e6


def test_contrib_failing_harms_no_request(
    capture_telemetry: CapturedTelemetry, model: LogisticRegression, monkeypatch: pytest.MonkeyPatch
):
    """Its error is counted; the request is answered once, with its prediction."""
    from opentelemetry.instrumentation import asgi as contrib

    def fail(*_: Any) -> Any:
        raise RuntimeError("contrib")

    monkeypatch.setattr(contrib, "collect_request_attributes", fail)
    calls: list[int] = []
    app = FastAPI()

    @app.get("/")
    async def view() -> int:
        calls.append(1)
        return int(model.predict(ROW)[0])

    answer = TestClient(app).get("/")
    assert (answer.status_code, answer.json(), len(calls)) == (200, 1, 1)
    assert len(capture_telemetry.predictions()) == 1
    assert capture_telemetry.metric("otelml.errors").sum() >= 1


def test_results_are_the_services_own(
    capture_telemetry: CapturedTelemetry, model: LogisticRegression
):
    """Many requests at once, sync and async: each its own prediction, id and trace."""
    client = TestClient(fastapi(model))
    with ThreadPoolExecutor(8) as pool:
        paths = [("/sync/a", "/async/a", "/both", "/depends")[n % 4] for n in range(40)]
        answers = list(pool.map(client.post, paths))
    ids = {answer.headers["x-prediction-id"] for answer in answers}
    assert len(ids) == 40
    predictions = capture_telemetry.predictions()
    assert len(predictions) == 40
    assert len({prediction.context.trace_id for prediction in predictions}) == 40
    assert np.all([answer.json()["label"] == 1 for answer in answers])
