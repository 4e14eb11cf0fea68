"""Seeded OTLP like a fleet of instrumented services sends it: spans, metrics with exemplars, logs.

Run it against a viewer: ``python seed.py --http http://127.0.0.1:4318 --minutes 15 --live``.
"""

from __future__ import annotations

import argparse
import base64
import bisect
import math
import random
import time
import urllib.request
from dataclasses import dataclass, field

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from otelml import semconv

NS = 1_000_000_000
CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE


@dataclass
class Model:
    """How one model version behaves."""

    service: str
    instance: str
    name: str
    version: str
    framework: str
    rate: float
    stages_ms: tuple[float, float, float]
    labels: dict[str, float]
    errors: float
    confidence: float
    features: tuple[str, ...]


FLEET = (
    Model("loan-api", "loan-api-0", "loan", "3", "sklearn", 4.0, (6.0, 3.0, 0.6),
          {"approved": 0.7, "denied": 0.3}, 0.004, 0.87, ("loan_amount", "income", "age")),
    Model("loan-api", "loan-api-1", "loan", "2", "sklearn", 1.0, (5.0, 6.0, 0.6),
          {"approved": 0.62, "denied": 0.38}, 0.03, 0.8, ("loan_amount", "income", "age")),
    Model("fraud-scorer", "fraud-0", "fraud", "2026-10", "xgboost", 2.5, (1.2, 0.8, 0.2),
          {"legit": 0.96, "fraud": 0.04}, 0.001, 0.95, ("amount", "country")),
    Model("churn-batch", "churn-0", "churn", "7", "lightgbm", 0.6, (40.0, 90.0, 4.0),
          {"stay": 0.8, "leave": 0.2}, 0.14, 0.71, ("tenure", "plan")),
)  # fmt: skip


def attribute(key: str, value: object) -> KeyValue:
    """Return one attribute of any plain type."""
    field_name = {bool: "bool_value", int: "int_value", float: "double_value"}.get(
        type(value), "string_value"
    )
    return KeyValue(key=key, value=AnyValue(**{field_name: value}))


def attributes(**values: object) -> list[KeyValue]:
    """Return attributes; dots of the names are written as double underscores."""
    return [attribute(key.replace("__", "."), value) for key, value in values.items()]


def of(pairs: dict[str, object]) -> list[KeyValue]:
    """Return attributes from a mapping."""
    return [attribute(key, value) for key, value in pairs.items()]


@dataclass
class Streams:
    """The cumulative state of one model's metrics."""

    start_ns: int
    predictions: dict[tuple[str, str], int] = field(default_factory=dict)
    histograms: dict[tuple[str, str, str], list] = field(default_factory=dict)
    feedback: dict[tuple[str, str], int] = field(default_factory=dict)
    exemplars: dict[tuple[str, str, str], tuple] = field(default_factory=dict)

    def observe(self, key, value, bounds, exemplar=None):
        state = self.histograms.setdefault(key, [[0] * (len(bounds) + 1), 0, 0.0])
        state[0][bisect.bisect_left(bounds, value)] += 1
        state[1] += 1
        state[2] += value
        if exemplar is not None and value >= self.exemplars.get(key, (0.0,))[0]:
            self.exemplars[key] = (value, *exemplar)


class Fleet:
    """Generates the telemetry of one period after another."""

    def __init__(self, start_ns: int, seed: int = 7, models: tuple[Model, ...] = FLEET) -> None:
        self.random = random.Random(seed)
        self.models = models
        self.streams = [Streams(start_ns) for _ in models]
        self.counts = {"spans": 0, "predictions": 0, "logs": 0}
        self.recent: list[tuple[Model, bytes, bytes, str]] = []

    def period(self, from_ns: int, to_ns: int, scale: float = 1.0):
        """Return the three requests of a period."""
        traces = ExportTraceServiceRequest()
        metrics = ExportMetricsServiceRequest()
        logs = ExportLogsServiceRequest()
        for model, streams in zip(self.models, self.streams, strict=True):
            resource = of(
                {
                    "service.name": model.service,
                    "service.instance.id": model.instance,
                    "service.version": "1.4.0",
                    "deployment.environment.name": "demo",
                    "telemetry.sdk.language": "python",
                }
            )
            spans = traces.resource_spans.add()
            spans.resource.attributes.extend(resource)
            scope_spans = spans.scope_spans.add()
            scope_spans.scope.name, scope_spans.scope.version = semconv.SCOPE, "0.1.0"
            records = logs.resource_logs.add()
            records.resource.attributes.extend(resource)
            scope_logs = records.scope_logs.add()
            scope_logs.scope.name = f"{model.name}.app"
            expected = model.rate * scale * (to_ns - from_ns) / NS
            wave = 1 + 0.3 * math.sin(from_ns / NS / 120)
            count = int(expected * wave + self.random.random())
            for moment in sorted(self.random.randrange(from_ns, to_ns) for _ in range(count)):
                self._request(model, streams, scope_spans, scope_logs, moment)
            if count and self.random.random() < 0.8:
                self._feedback(model, streams, scope_spans, to_ns - 1)
            self._metrics(model, streams, metrics, resource, to_ns)
        return traces, metrics, logs

    def _request(self, model, streams, scope_spans, scope_logs, start):
        rng = self.random
        trace_id, root_id = rng.randbytes(16), rng.randbytes(8)
        failed = rng.random() < model.errors
        spike = 6.0 if rng.random() < 0.01 else 1.0
        parts = [ms * rng.lognormvariate(0, 0.35) * spike for ms in model.stages_ms]
        label = rng.choices(list(model.labels), list(model.labels.values()))[0]
        confidence = min(0.999, max(0.5, rng.gauss(model.confidence, 0.09)))
        total = int(sum(parts) * 1e6)
        before, after = int(rng.uniform(0.2e6, 0.6e6)), int(rng.uniform(0.1e6, 0.3e6))
        root = scope_spans.spans.add(
            trace_id=trace_id, span_id=root_id, name="POST /predict", kind=Span.SPAN_KIND_SERVER,
            start_time_unix_nano=start, end_time_unix_nano=start + before + total + after,
            attributes=of({
                "http.request.method": "POST", "url.path": "/predict", "http.route": "/predict",
                "http.response.status_code": 500 if failed else 200, "server.port": 5000,
            }),
        )  # fmt: skip
        identity = {semconv.ML_MODEL_NAME: model.name, semconv.ML_MODEL_VERSION: model.version}
        predict_id = rng.randbytes(8)
        token = base64.urlsafe_b64encode(b"\x01" + trace_id + predict_id + rng.randbytes(20))
        found = {
            **identity,
            semconv.ML_MODEL_FRAMEWORK: model.framework,
            semconv.ML_PREDICTION_ROWS_ATTRIBUTE: 1,
            semconv.ML_FEATURE_COUNT: len(model.features),
            semconv.ML_PREDICTION_ID: token.decode().rstrip("="),
        }
        if failed:
            found[semconv.ERROR_TYPE] = "ValueError"
        else:
            found[semconv.ML_PREDICTION_LABEL] = label
            found[semconv.ML_PREDICTION_CONFIDENCE_ATTRIBUTE] = confidence
        begin = start + before
        predict = scope_spans.spans.add(
            trace_id=trace_id, span_id=predict_id, parent_span_id=root_id,
            name=semconv.SPAN_PREDICT.format(model=model.name), kind=Span.SPAN_KIND_INTERNAL,
            start_time_unix_nano=begin, end_time_unix_nano=begin + total, attributes=of(found),
        )  # fmt: skip
        moment = begin
        for stage, part in zip(semconv.STAGES, parts, strict=True):
            end = moment + int(part * 1e6)
            span = scope_spans.spans.add(
                trace_id=trace_id, span_id=rng.randbytes(8), parent_span_id=predict_id, name=stage,
                kind=Span.SPAN_KIND_INTERNAL, start_time_unix_nano=moment, end_time_unix_nano=end,
                attributes=of({
                    **identity, semconv.ML_STAGE_NAME: stage,
                    semconv.ML_STAGE_INFERRED: model.name == "fraud",
                }),
            )  # fmt: skip
            if failed and stage == semconv.STAGE_INFERENCE:
                span.status.code = Status.STATUS_CODE_ERROR
            streams.observe(
                (semconv.ML_STAGE_DURATION.name, stage, ""), part / 1e3, semconv.DURATION_BUCKETS_S,
                (trace_id, span.span_id, end),
            )  # fmt: skip
            moment = end
        if failed:
            for span in (root, predict):
                span.status.code = Status.STATUS_CODE_ERROR
                span.status.message = "ValueError: could not convert string to float: 'n/a'"
        self.counts["spans"] += 5
        self.counts["predictions"] += 1
        error = "ValueError" if failed else ""
        key = ("" if failed else label, error)
        streams.predictions[key] = streams.predictions.get(key, 0) + 1
        exemplar = (trace_id, predict_id, begin + total)
        streams.observe(
            (semconv.ML_PREDICTION_DURATION.name, "", error), total / NS,
            semconv.DURATION_BUCKETS_S, exemplar,
        )  # fmt: skip
        if not failed:
            streams.observe(
                (semconv.ML_PREDICTION_CONFIDENCE.name, label, ""), confidence,
                semconv.RATIO_BUCKETS, exemplar,
            )  # fmt: skip
            self.recent = [*self.recent[-200:], (model, trace_id, predict_id, label)]
        self._log(model, scope_logs, start + before + total, trace_id, predict_id,
                  failed, label, confidence)  # fmt: skip

    def _log(self, model, scope_logs, moment, trace_id, span_id, failed, label, confidence):
        low = confidence < 0.6
        number, word = (17, "ERROR") if failed else (13, "WARN") if low else (9, "INFO")
        text = (
            "prediction failed: could not convert string to float: 'n/a'"
            if failed
            else f"low confidence {confidence:.2f} for {label}" if low
            else f"predicted {label} with confidence {confidence:.2f}"
        )  # fmt: skip
        record = scope_logs.log_records.add(
            time_unix_nano=moment, observed_time_unix_nano=moment, severity_number=number,
            severity_text=word, trace_id=trace_id, span_id=span_id,
            event_name=semconv.EVENT_EXCEPTION if failed else semconv.EVENT_PREDICTION,
            attributes=of({semconv.ML_MODEL_NAME: model.name, "customer.segment": "retail"}),
        )  # fmt: skip
        record.body.string_value = text
        if failed:
            record.attributes.extend(
                of(
                    {
                        semconv.EXCEPTION_TYPE: "ValueError",
                        semconv.EXCEPTION_MESSAGE: "could not convert string to float: 'n/a'",
                        semconv.EXCEPTION_STACKTRACE: 'Traceback (most recent call last):\n  File "app.py"',
                    }
                )
            )
        self.counts["logs"] += 1

    def _feedback(self, model, streams, scope_spans, moment):
        mine = [each for each in self.recent if each[0] is model]
        if not mine:
            return
        _, trace_id, span_id, predicted = self.random.choice(mine)
        others = [label for label in model.labels if label != predicted]
        right = self.random.random() < 0.9
        actual = predicted if right else self.random.choice(others)
        span = scope_spans.spans.add(
            trace_id=self.random.randbytes(16), span_id=self.random.randbytes(8),
            name=semconv.SPAN_FEEDBACK.format(model=model.name), kind=Span.SPAN_KIND_INTERNAL,
            start_time_unix_nano=moment, end_time_unix_nano=moment + 300_000,
            attributes=of({
                semconv.ML_MODEL_NAME: model.name, semconv.ML_MODEL_VERSION: model.version,
                semconv.ML_LABEL_ACTUAL: actual, semconv.ML_LABEL_PREDICTED: predicted,
                semconv.ML_FEEDBACK_SOURCE: "officer",
                semconv.ML_FEEDBACK_OUTCOME:
                    semconv.OUTCOME_CORRECT if right else semconv.OUTCOME_WRONG,
            }),
        )  # fmt: skip
        span.links.add(trace_id=trace_id, span_id=span_id)
        self.counts["spans"] += 1
        streams.feedback[actual, predicted] = streams.feedback.get((actual, predicted), 0) + 1

    def _metrics(self, model, streams, request, resource, now):
        group = request.resource_metrics.add()
        group.resource.attributes.extend(resource)
        scope = group.scope_metrics.add()
        scope.scope.name = semconv.SCOPE
        identity = {semconv.ML_MODEL_NAME: model.name, semconv.ML_MODEL_VERSION: model.version}
        times = {"start_time_unix_nano": streams.start_ns, "time_unix_nano": now}

        def metric(declared) -> Metric:
            return scope.metrics.add(
                name=declared.name, unit=declared.unit, description=declared.description
            )

        total = metric(semconv.ML_PREDICTIONS).sum
        total.is_monotonic, total.aggregation_temporality = True, CUMULATIVE
        for (label, error), count in streams.predictions.items():
            extra = {semconv.ERROR_TYPE: error} if error else {semconv.ML_PREDICTION_LABEL: label}
            total.data_points.add(as_int=count, attributes=of({**identity, **extra}), **times)
        if streams.feedback:
            total = metric(semconv.ML_FEEDBACK).sum
            total.is_monotonic, total.aggregation_temporality = True, CUMULATIVE
            for (actual, predicted), count in streams.feedback.items():
                labels = {
                    semconv.ML_LABEL_ACTUAL: actual,
                    semconv.ML_LABEL_PREDICTED: predicted,
                    semconv.ML_FEEDBACK_SOURCE: "officer",
                }
                total.data_points.add(as_int=count, attributes=of({**identity, **labels}), **times)
        self._histograms(streams, metric, identity, times)
        gauge = metric(semconv.ML_FEATURE_LAST).gauge
        for feature in model.features:
            gauge.data_points.add(
                as_double=self.random.gauss(100, 20), time_unix_nano=now,
                attributes=of({**identity, semconv.ML_FEATURE_NAME: feature}),
            )  # fmt: skip
        active = metric(semconv.ML_PREDICTION_ACTIVE).sum
        active.aggregation_temporality = CUMULATIVE
        active.data_points.add(as_int=self.random.randrange(4), attributes=of(identity), **times)

    def _histograms(self, streams, metric, identity, times):
        for declared, key_name in (
            (semconv.ML_PREDICTION_DURATION, None),
            (semconv.ML_STAGE_DURATION, semconv.ML_STAGE_NAME),
            (semconv.ML_PREDICTION_CONFIDENCE, semconv.ML_PREDICTION_LABEL),
        ):
            mine = [item for item in streams.histograms.items() if item[0][0] == declared.name]
            if not mine:
                continue
            histogram = metric(declared).histogram
            histogram.aggregation_temporality = CUMULATIVE
            for key, (counts, count, total) in mine:
                extra = {key_name: key[1]} if key_name else {}
                if key[2]:
                    extra[semconv.ERROR_TYPE] = key[2]
                point = histogram.data_points.add(
                    bucket_counts=counts, explicit_bounds=declared.buckets, count=count, sum=total,
                    attributes=of({**identity, **extra}), **times,
                )  # fmt: skip
                exemplar = streams.exemplars.pop(key, None)
                if exemplar is not None:
                    value, trace_id, span_id, moment = exemplar
                    point.exemplars.add(
                        as_double=value, trace_id=trace_id, span_id=span_id, time_unix_nano=moment
                    )


def send(base: str, requests) -> None:
    """Send the three requests of a period."""
    for name, message in zip(("traces", "metrics", "logs"), requests, strict=True):
        request = urllib.request.Request(
            f"{base}/v1/{name}",
            message.SerializeToString(),
            {"Content-Type": "application/x-protobuf"},
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            response.read()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--http", default="http://127.0.0.1:4318")
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--live", action="store_true", help="go on sending")
    parser.add_argument("--scale", type=float, default=1.0)
    options = parser.parse_args()
    step, now = 10 * NS, time.time_ns()
    moment = now - int(options.minutes * 60 * NS)
    fleet = Fleet(moment)
    while moment + step <= now:
        send(options.http, fleet.period(moment, moment + step, options.scale))
        moment += step
    print(f"sent {fleet.counts} over {options.minutes} minutes", flush=True)  # noqa: T201 - a command's answer
    step = 2 * NS
    while options.live:
        time.sleep(max(0.0, (moment + step - time.time_ns()) / NS))
        send(options.http, fleet.period(moment, moment + step, options.scale))
        moment += step


if __name__ == "__main__":
    main()
