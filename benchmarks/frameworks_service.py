"""A small service of a web framework in a process of its own, paced over its standard input.

``python -m benchmarks.frameworks_service FRAMEWORK-VARIANT``: ``django`` (a WSGI view),
``fastapi``, and ``wsgi`` and ``asgi``, applications without a framework; each ``bare``, with
``contrib``'s instrumentation, or as ``prediction``, with otelml and a prediction in each request.
What it is told and answers is as in ``http_service``. No server and no client compete for the
processor: a request is a call of the application.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

from benchmarks.http_service import BODY, CONTRIB, call_wsgi, serve

Answer = Callable[[bytes], dict[str, Any]]
_SCOPE = {
    "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1",
    "method": "POST", "scheme": "http", "path": "/predict", "raw_path": b"/predict",
    "query_string": b"", "root_path": "", "server": ("127.0.0.1", 8000),
    "client": ("127.0.0.1", 50000),
    "headers": [
        (b"host", b"localhost:8000"), (b"user-agent", b"python-requests/2.32"),
        (b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode()),
    ],
}  # fmt: skip


def _plain(body: bytes) -> dict[str, Any]:
    row = json.loads(body)
    return {"label": "yes", "confidence": 0.5 + row["f1"] / 10}


def _predicting(body: bytes) -> dict[str, Any]:
    import otelml

    with otelml.prediction() as p:
        with otelml.stage("feature_extraction"):
            row = json.loads(body)
            p.set_features(row)
        with otelml.stage("inference"):
            confidence = 0.5 + row["f1"] / 10
        with otelml.stage("post_processing"):
            p.set_result(label="yes", confidence=confidence)
    return {"label": "yes", "confidence": confidence}


# --- applications -------------------------------------------------------------------------------


def _wsgi(answer: Answer) -> Any:
    def application(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        told = json.dumps(answer(environ["wsgi.input"].read())).encode()
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(told)))]
        start("200 OK", headers)
        return [told]

    return application


def _asgi(answer: Answer) -> Any:
    async def application(_scope: Any, receive: Any, send: Any) -> None:
        told = json.dumps(answer((await receive())["body"])).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(told)).encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": told})

    return application


def _django(answer: Answer) -> Any:
    import django
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application
    from django.http import HttpRequest, JsonResponse
    from django.urls import path

    def predict(request: HttpRequest) -> JsonResponse:
        return JsonResponse(answer(request.body))

    settings.configure(
        SECRET_KEY="x" * 40,
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=(path("predict", predict),),
        # What contrib's middleware is put into.
        MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
        LOGGING_CONFIG=None,
    )
    if sys.argv[1].endswith("contrib"):
        from opentelemetry.instrumentation.django import DjangoInstrumentor

        DjangoInstrumentor().instrument()
    django.setup()
    return get_wsgi_application()


def _fastapi(answer: Answer) -> Any:
    from fastapi import FastAPI, Request

    app = FastAPI()

    async def predict(request: Request) -> dict[str, Any]:
        return answer(await request.body())

    predict.__annotations__["request"] = Request
    app.post("/predict")(predict)
    return app


_APPS = {"django": _django, "fastapi": _fastapi, "wsgi": _wsgi, "asgi": _asgi}


# --- variants -----------------------------------------------------------------------------------


def _contrib(framework: str) -> Any:
    os.environ.update(CONTRIB)
    from opentelemetry import metrics, trace
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    metrics.set_meter_provider(MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())]))
    app = _APPS[framework](_plain)
    if framework == "fastapi":
        from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

        # Else each request has two more spans, of its receive and its send.
        FastAPIInstrumentor.instrument_app(app, exclude_spans=["receive", "send"])
    elif framework == "wsgi":
        from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware

        app = OpenTelemetryMiddleware(app)
    elif framework == "asgi":
        from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware as OfAsgi

        app = OfAsgi(app, exclude_spans=["receive", "send"])
    return app


def _prediction(framework: str) -> Any:
    import otelml
    import otelml.asgi
    import otelml.wsgi

    only = [framework]  # no model library: the service starts sooner
    otelml.init("service", model="loan", model_version="3", system=False, instrument=only)
    app = _APPS[framework](_predicting)
    wrap = {"wsgi": otelml.wsgi.middleware, "asgi": otelml.asgi.middleware}.get(framework)
    return app if wrap is None else wrap(app)


_VARIANTS: dict[str, Callable[[str], Any]] = {
    "bare": lambda framework: _APPS[framework](_plain),
    "contrib": _contrib,
    "prediction": _prediction,
}


def _call_asgi(app: Any, loop: asyncio.AbstractEventLoop) -> None:
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": BODY, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    loop.run_until_complete(app({**_SCOPE, "headers": list(_SCOPE["headers"])}, receive, send))
    if statuses != [200]:
        raise RuntimeError(f"the service answered {statuses}")


def main() -> None:
    """Serve the commands of standard input."""
    out, sys.stdout = sys.stdout, open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - for good
    framework, variant = sys.argv[1].split("-")
    app = _VARIANTS[variant](framework)
    if framework in {"fastapi", "asgi"}:
        loop = asyncio.new_event_loop()
        serve(lambda: _call_asgi(app, loop), out)
    else:
        serve(lambda: call_wsgi(app), out)


if __name__ == "__main__":
    main()
