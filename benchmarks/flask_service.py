"""A Flask service in a process of its own, driven over its standard input.

``python -m benchmarks.flask_service VARIANT`` makes one of three apps: ``bare``, ``hand`` (the
same app instrumented by hand with OpenTelemetry) and ``otelml``. Each line on standard input is
``run N`` (N requests as fast as it goes), ``pace N RATE`` (N requests at a fixed rate) or
``objects N`` (what N requests leave behind); the answer is a line of JSON. Requests are WSGI
calls, so that no client competes for the processor.
"""

from __future__ import annotations

import gc
import io
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

ROW = {f"f{i}": float(i) / 11 for i in range(11)}
BODY = json.dumps(ROW).encode()


def _model() -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows = np.random.default_rng(0).normal(size=(500, 11))
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, rows[:, 0] > 0)


def _bare() -> Any:
    from flask import Flask, jsonify, request

    app, model = Flask("service"), _model()

    @app.post("/predict")
    def predict() -> Any:
        row = request.get_json()
        x = np.array([[row[f"f{i}"] for i in range(11)]])
        probability = model.predict_proba(x)[0]
        return jsonify(label=str(int(probability.argmax())), confidence=float(probability.max()))

    return app


def _otelml() -> Any:
    import otelml
    from otelml import LogOptions

    otelml.init("service", model="loan", model_version="3", logs=LogOptions(sample_ratio=1.0))
    return _bare()


def _hand() -> Any:
    from opentelemetry import metrics, trace
    from opentelemetry._logs import set_logger_provider
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.flask import FlaskInstrumentor
    from opentelemetry.instrumentation.logging.handler import LoggingHandler
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from benchmarks.handwritten import HandWritten

    tracer_provider = TracerProvider()
    tracer_provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(tracer_provider)
    meter_provider = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())])
    metrics.set_meter_provider(meter_provider)
    logger_provider = LoggerProvider()
    logger_provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
    set_logger_provider(logger_provider)
    service = HandWritten(tracer_provider, meter_provider)
    service.log.addHandler(LoggingHandler(logger_provider=logger_provider))
    app = _hand_app(service)
    FlaskInstrumentor().instrument_app(app)
    return app


def _hand_app(service: Any) -> Any:
    from flask import Flask, jsonify, request

    app, model = Flask("service"), _model()

    @app.post("/predict")
    def predict() -> Any:
        state: dict[str, Any] = {}

        def extract() -> None:
            state["row"] = request.get_json()
            state["x"] = np.array([[state["row"][f"f{i}"] for i in range(11)]])

        def infer() -> None:
            state["p"] = model.predict_proba(state["x"])[0]

        def answer() -> None:
            p = state["p"]
            state["answer"] = jsonify(label=str(int(p.argmax())), confidence=float(p.max()))

        service.predict(ROW, (extract, infer, answer))
        service.stream.stream.seek(0)
        return state["answer"]

    return app


def _request(app: Callable[..., Iterable[bytes]]) -> None:
    environ = {
        "REQUEST_METHOD": "POST", "PATH_INFO": "/predict", "SCRIPT_NAME": "", "QUERY_STRING": "",
        "SERVER_NAME": "localhost", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(BODY)),
        "wsgi.version": (1, 0), "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(BODY),
        "wsgi.errors": sys.stderr, "wsgi.multithread": True, "wsgi.multiprocess": False,
        "wsgi.run_once": False, "REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "localhost",
    }  # fmt: skip
    statuses: list[str] = []
    body = app(environ, lambda status, *_: statuses.append(status))
    b"".join(body)
    if statuses != ["200 OK"]:
        raise RuntimeError(f"the service answered {statuses}")


def _run(app: Any, count: int) -> dict[str, float]:
    started = time.perf_counter()
    for _ in range(count):
        _request(app)
    return {"seconds": time.perf_counter() - started}


def _pace(app: Any, count: int, rate: float) -> dict[str, float]:
    """Send at fixed times, whatever the last one took; latency counts from the planned time."""
    latencies: list[float] = []
    start = time.perf_counter() + 0.05
    for i in range(count):
        due = start + i / rate
        wait = due - time.perf_counter()
        if wait > 0:
            time.sleep(wait)
        _request(app)
        latencies.append(time.perf_counter() - max(due, start))
    found = np.percentile(latencies, [50, 99])
    return {"p50": float(found[0]), "p99": float(found[1])}


def _objects(app: Any, count: int) -> dict[str, float]:
    """Count what requests leave behind for the worker, which is held up meanwhile."""
    import otelml._startup

    telemetry = otelml._startup.running()
    if telemetry is None:
        raise RuntimeError("only the variant with otelml keeps anything")
    telemetry.force_flush(30)
    lock = telemetry._pipeline.worker._drain_lock
    with lock:
        gc.collect()
        gc.disable()  # what a collection would stop to track counts: the next one is due by it
        before = len(gc.get_objects())
        _run(app, count)
        kept = len(gc.get_objects()) - before
        gc.enable()
    return {"objects": kept / count}


def main() -> None:
    """Serve the commands of standard input."""
    out, sys.stdout = sys.stdout, open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - for good
    logging.getLogger().setLevel(logging.WARNING)
    app = {"bare": _bare, "hand": _hand, "otelml": _otelml}[sys.argv[1]]()
    _run(app, 50)
    print("ready", file=out, flush=True)
    for line in sys.stdin:
        what, count, *rate = line.split()
        if what == "pace":
            answer = _pace(app, int(count), float(rate[0]))
        else:
            answer = (_run if what == "run" else _objects)(app, int(count))
        print(json.dumps(answer), file=out, flush=True)


if __name__ == "__main__":
    main()
