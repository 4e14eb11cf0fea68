"""A small Flask service in a process of its own, paced over its standard input.

``python -m benchmarks.http_service VARIANT`` makes one of: ``bare``; ``prometheus``, with
prometheus_flask_exporter; ``contrib``, with OpenTelemetry's Flask instrumentation; ``otelml``; and
``prediction``, with otelml and a prediction in each request. Each line on standard input is
``pace N RATE``; the answer is a line of JSON: CPU time of a request on its thread, and of the whole
process, in microseconds. Requests are WSGI calls at a fixed pace, so that each finds caches as cold
as those of a service, and no client competes for the processor.
"""

from __future__ import annotations

import gc
import io
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

ROW = {f"f{i}": float(i) / 11 for i in range(11)}
BODY = json.dumps(ROW).encode()
CONTRIB = {"OTEL_SEMCONV_STABILITY_OPT_IN": "http"}


def _app(view: Callable[[], dict[str, Any]]) -> Any:
    from flask import Flask, jsonify

    app = Flask("service")

    @app.post("/predict")
    def predict() -> Any:
        return jsonify(view())

    return app


def _answer() -> dict[str, Any]:
    from flask import request

    row = request.get_json()
    return {"label": "yes", "confidence": 0.5 + row["f1"] / 10}


def _bare() -> Any:
    return _app(_answer)


def _prometheus() -> Any:
    from prometheus_flask_exporter import PrometheusMetrics

    app = _app(_answer)
    PrometheusMetrics(app)
    return app


def _contrib() -> Any:
    os.environ.update(CONTRIB)
    from opentelemetry import metrics, trace
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.flask import FlaskInstrumentor
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    metrics.set_meter_provider(MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())]))
    app = _app(_answer)
    FlaskInstrumentor().instrument_app(app)
    return app


def _otelml() -> Any:
    import otelml

    otelml.init("service", model="loan", model_version="3", system=False)
    return _app(_answer)


def _prediction() -> Any:
    from flask import request

    import otelml

    otelml.init("service", model="loan", model_version="3", system=False)

    def view() -> dict[str, Any]:
        with otelml.prediction() as p:
            with otelml.stage("feature_extraction"):
                row = request.get_json()
                p.set_features(row)
            with otelml.stage("inference"):
                confidence = 0.5 + row["f1"] / 10
            with otelml.stage("post_processing"):
                p.set_result(label="yes", confidence=confidence)
        return {"label": "yes", "confidence": confidence}

    return _app(view)


def call_wsgi(app: Callable[..., Iterable[bytes]]) -> None:
    """Make one request of a WSGI application."""
    environ = {
        "REQUEST_METHOD": "POST", "PATH_INFO": "/predict", "SCRIPT_NAME": "", "QUERY_STRING": "",
        "RAW_URI": "/predict", "SERVER_NAME": "localhost", "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1", "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(BODY)), "HTTP_USER_AGENT": "python-requests/2.32",
        "wsgi.version": (1, 0), "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(BODY),
        "wsgi.errors": sys.stderr, "wsgi.multithread": True, "wsgi.multiprocess": False,
        "wsgi.run_once": False, "REMOTE_ADDR": "127.0.0.1", "REMOTE_PORT": "50000",
        "HTTP_HOST": "localhost:8000",
    }  # fmt: skip
    statuses: list[str] = []
    body = app(environ, lambda status, *_: statuses.append(status))
    b"".join(body)
    close = getattr(body, "close", None)
    if close is not None:
        close()
    if statuses != ["200 OK"]:
        raise RuntimeError(f"the service answered {statuses}")


def _pace(request: Callable[[], None], count: int, rate: float) -> dict[str, float]:
    gc.collect()
    own: list[float] = []
    start = time.perf_counter() + 0.01
    before = time.process_time()
    for i in range(count):
        wait = start + i / rate - time.perf_counter()
        if wait > 0:
            time.sleep(wait)
        began = time.thread_time()
        request()
        own.append(time.thread_time() - began)
    total = time.process_time() - before
    return {"thread": statistics.median(own) * 1e6, "process": total / count * 1e6}


def _objects(request: Callable[[], None], count: int) -> dict[str, float]:
    """Return how many objects that the collector tracks a request leaves until it is worked off."""
    gc.collect()
    gc.disable()
    before = len(gc.get_objects())
    for _ in range(count):
        request()
    left = len(gc.get_objects()) - before
    gc.enable()
    return {"objects": left / count}


def main() -> None:
    """Serve the commands of standard input."""
    out, sys.stdout = sys.stdout, open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - for good
    variants = {
        "bare": _bare, "prometheus": _prometheus, "contrib": _contrib, "otelml": _otelml,
        "prediction": _prediction,
    }  # fmt: skip
    app = variants[sys.argv[1]]()
    serve(lambda: call_wsgi(app), out)


def serve(request: Callable[[], None], out: Any) -> None:
    """Warm up, then answer each line of standard input.

    Args:
        request: Makes one request of the service.
        out: Where the answers go.
    """
    for _ in range(100):
        request()
    print("ready", file=out, flush=True)
    for line in sys.stdin:
        what, *numbers = line.split()
        if what == "pace":
            answer = _pace(request, int(numbers[0]), float(numbers[1]))
        else:
            answer = _objects(request, int(numbers[0]))
        print(json.dumps(answer), file=out, flush=True)


if __name__ == "__main__":
    main()
