"""Telemetry in which everything that a sender may choose is long, odd or has lines of its own."""

from __future__ import annotations

import time
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue

from otelml import semconv
from tests.viewer.seed import NS, of, send

LENGTH = 5_000
ODD = {
    "long": "x" * LENGTH,
    "right to left": "\u202e\u0634\u0628\u0643\u0629\u0627\u0644\u0639\u0635\u0628\u064a\u0629"
    * (LENGTH // 14),
    "emoji": "👩🏽‍🚀🔥" * (LENGTH // 6),
    "lines": "first line\n\tsecond\r\n" * (LENGTH // 20),
}
STACK = "Traceback (most recent call last):\n" + "\n".join(
    f'  File "/srv/app/{"deep/" * 12}module_{n}.py", line {n}, in predict' for n in range(60)
)
TRACE = b"\x0d" * 16


def _span_id(number: int) -> bytes:
    return (number + 1).to_bytes(8, "big")


SPAN_IDS = [_span_id(number).hex() for number in range(len(ODD))]


def _spans(now: int) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    for number, text in enumerate(ODD.values()):
        group = request.resource_spans.add()
        group.resource.attributes.extend(of({"service.name": text, text: text}))
        group.resource.dropped_attributes_count = 7
        scope = group.scope_spans.add()
        scope.scope.name, scope.scope.version = text, text
        scope.scope.attributes.extend(of({text: text}))
        span = scope.spans.add(
            trace_id=TRACE, span_id=_span_id(number), name=text, trace_state=f"vendor={text}",
            parent_span_id=_span_id(0) if number else b"missing!",
            start_time_unix_nano=now - (20 - number) * 10**6, end_time_unix_nano=now,
            attributes=of({
                semconv.ML_MODEL_NAME: text, semconv.ML_MODEL_VERSION: text,
                semconv.ML_MODEL_VARIANT: text, semconv.ML_PREDICTION_LABEL: text,
                semconv.ML_PREDICTION_CONFIDENCE_ATTRIBUTE: 0.5, text: text, "short": "value",
                semconv.ERROR_TYPE: text,
            }),
            dropped_attributes_count=3, dropped_events_count=2, dropped_links_count=1,
        )  # fmt: skip
        span.attributes.append(
            KeyValue(key="list", value=AnyValue(array_value=ArrayValue(values=[AnyValue(string_value=text)])))
        )  # fmt: skip
        span.status.code, span.status.message = 2, text
        span.events.add(name=text, time_unix_nano=now, attributes=of({text: text}), dropped_attributes_count=4)  # fmt: skip
        span.events.add(
            name=semconv.EVENT_EXCEPTION, time_unix_nano=now,
            attributes=of({
                semconv.EXCEPTION_TYPE: text, semconv.EXCEPTION_MESSAGE: text,
                semconv.EXCEPTION_STACKTRACE: f"{STACK}\n{text}",
            }),
        )  # fmt: skip
        span.links.add(
            trace_id=b"\x0e" * 16, span_id=b"elsewher", trace_state=text, attributes=of({text: text}),
            dropped_attributes_count=5,
        )  # fmt: skip
    return request


def _logs(now: int) -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    for number, text in enumerate(ODD.values()):
        group = request.resource_logs.add()
        group.resource.attributes.extend(of({"service.name": text}))
        scope = group.scope_logs.add()
        scope.scope.name = text
        record = scope.log_records.add(
            time_unix_nano=now, severity_number=17, severity_text=text[:200], event_name=text,
            trace_id=TRACE, span_id=_span_id(number),
            attributes=of({text: text, semconv.EXCEPTION_STACKTRACE: f"{STACK}\n{text}"}),
        )  # fmt: skip
        record.body.string_value = text
    return request


def _metrics(now: int) -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    for text in ODD.values():
        group = request.resource_metrics.add()
        group.resource.attributes.extend(of({"service.name": text}))
        scope = group.scope_metrics.add()
        scope.scope.name = text
        for name, unit in ((text, text), (semconv.ML_DRIFT_EVIDENCE.name, semconv.ML_DRIFT_EVIDENCE.unit)):  # fmt: skip
            metric = scope.metrics.add(name=name, unit=unit, description=text)
            for age in (60, 30, 0):
                point = metric.gauge.data_points.add(
                    time_unix_nano=now - age * NS, as_double=1.5,
                    attributes=of({
                        text: text, semconv.ML_MODEL_NAME: text, semconv.ML_MODEL_VERSION: text,
                        semconv.ML_FEATURE_NAME: text,
                    }),
                )  # fmt: skip
                point.exemplars.add(
                    time_unix_nano=now, as_double=2, trace_id=TRACE, filtered_attributes=of({text: text})
                )  # fmt: skip
        counter = scope.metrics.add(name=semconv.ML_PREDICTIONS.name, unit=semconv.ML_PREDICTIONS.unit)  # fmt: skip
        counter.sum.is_monotonic, counter.sum.aggregation_temporality = True, 1
        counter.sum.data_points.add(
            time_unix_nano=now, start_time_unix_nano=now - 60 * NS, as_int=5,
            attributes=of({
                semconv.ML_MODEL_NAME: text, semconv.ML_MODEL_VERSION: text,
                semconv.ML_PREDICTION_LABEL: text,
            }),
        )  # fmt: skip
    return request


def send_odd(otlp: str) -> dict[str, Any]:
    """Sends one of each kind; returns what is stored as JSON would say."""
    now = time.time_ns()
    send(otlp, (_spans(now), _metrics(now), _logs(now)))
    return {"trace": TRACE.hex(), "spans": SPAN_IDS}


def send_refused(otlp: str) -> None:
    """Sends two log records of two days ago, and a span without ids."""
    spans, logs = ExportTraceServiceRequest(), ExportLogsServiceRequest()
    spans.resource_spans.add().scope_spans.add().spans.add(name="nobody's")
    records = logs.resource_logs.add().scope_logs.add().log_records
    for _ in range(2):
        records.add(time_unix_nano=time.time_ns() - 2 * 86_400 * NS)
    send(otlp, (spans, ExportMetricsServiceRequest(), logs))


def send_details(otlp: str) -> None:
    """Sends points that carry more, or less, than a value."""
    now = time.time_ns()
    times = {"start_time_unix_nano": now - 10 * NS, "time_unix_nano": now}
    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add()
    group.resource.attributes.extend(of({"service.name": "shop"}))
    scope = group.scope_metrics.add()
    histogram = scope.metrics.add(name="no.buckets", unit="s").histogram
    histogram.aggregation_temporality = 1
    histogram.data_points.add(count=4, sum=10.0, min=1.0, max=4.0, **times)
    summary = scope.metrics.add(name="old.summary", unit="s").summary
    point = summary.data_points.add(count=4, sum=10.0, **times)
    for quantile, value in ((0.5, 2.0), (0.99, 4.0)):
        point.quantile_values.add(quantile=quantile, value=value)
    gauge = scope.metrics.add(name="with.exemplar", unit="1").gauge
    gauge.data_points.add(time_unix_nano=now, as_double=2.0).exemplars.add(
        time_unix_nano=now, as_double=2.0
    )
    send(otlp, (ExportTraceServiceRequest(), request, ExportLogsServiceRequest()))
