"""Predictions at a fixed pace in a process of its own, driven over its standard input.

``python -m benchmarks.paced_service VARIANT`` makes one of three: ``bare`` (the pace alone),
``hand`` (telemetry by hand with OpenTelemetry) and ``otelml``; exporters are real. Each line on
standard input is ``pace N RATE``; the answer is a line of JSON: microseconds of CPU a prediction,
of this thread and of the process, its exporters' included. Between predictions the thread sleeps
and the caches go cold, as between requests.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.handwritten import ROW

Predict = Callable[[], object]
Flush = Callable[[], object]
_WARM_UP = 300


def _nothing() -> None:
    """Take no time."""


def _bare() -> tuple[Predict, Flush]:
    return _nothing, _nothing


def _otelml() -> tuple[Predict, Flush]:
    import otelml

    telemetry = otelml.init(
        "loan-api", instrument=["logging"], system=False, logs=otelml.LogOptions(sample_ratio=1.0)
    )

    def predict() -> None:
        with otelml.prediction("loan", version="3", features=ROW) as p:
            with p.stage("feature_extraction"):
                pass
            with p.stage("inference"):
                pass
            with p.stage("post_processing"):
                pass
            p.set_result(label="approved", confidence=0.9)

    return predict, lambda: telemetry.force_flush(30)


def _hand() -> tuple[Predict, Flush]:
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.logging.handler import LoggingHandler
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from benchmarks.handwritten import HandWritten

    tracers = TracerProvider()
    tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    meters = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())])
    loggers = LoggerProvider()
    loggers.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
    service = HandWritten(tracers, meters)
    service.log.addHandler(LoggingHandler(logger_provider=loggers))

    def predict() -> None:
        service.predict(ROW)
        service.stream.stream.seek(0)

    def flush() -> None:
        for provider in (tracers, meters, loggers):
            provider.force_flush(30_000)

    return predict, flush


def _pace(predict: Predict, flush: Flush, count: int, rate: float) -> dict[str, float]:
    on_thread = 0.0
    process = time.process_time()
    start = time.perf_counter()
    for number in range(count):
        wait = start + number / rate - time.perf_counter()
        if wait > 0:
            time.sleep(wait)
        began = time.thread_time()
        predict()
        on_thread += time.thread_time() - began
    flush()
    process = time.process_time() - process
    return {"thread": on_thread / count * 1e6, "process": process / count * 1e6}


def main() -> None:
    """Serve the commands of standard input."""
    out, sys.stdout = sys.stdout, open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - for good
    makers: dict[str, Any] = {"bare": _bare, "hand": _hand, "otelml": _otelml}
    predict, flush = makers[sys.argv[1]]()
    for _ in range(_WARM_UP):
        predict()
    flush()
    print("ready", file=out, flush=True)
    for line in sys.stdin:
        _, count, rate = line.split()
        found = _pace(predict, flush, int(count), float(rate))
        print(json.dumps(found), file=out, flush=True)


if __name__ == "__main__":
    main()
