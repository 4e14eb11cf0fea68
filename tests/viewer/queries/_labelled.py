"""A service that gets labels, as OTLP with known values, into a store."""

from __future__ import annotations

import json
import time

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

from otelml import semconv
from otelml._metric import Kind
from otelml.viewer.decode import decode_metrics, decode_traces

NS = 1_000_000_000
T0 = (time.time_ns() // (300 * NS) - 3) * 300 * NS
CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE


def _fill(target, values) -> None:
    for key, value in values.items():
        found = target.add(key=key).value
        if isinstance(value, float):
            found.double_value = value
        elif isinstance(value, int):
            found.int_value = value
        else:
            found.string_value = value


class Service:
    """One process of a service."""

    def __init__(self, store, instance="a", model="loan", version="3"):
        self.store, self.instance, self.model = store, instance, model
        self.identity = {semconv.ML_MODEL_NAME: model, semconv.ML_MODEL_VERSION: version}
        self.number = 0

    def _resource(self, group) -> None:
        _fill(
            group.resource.attributes,
            {"service.name": "s", "service.instance.id": self.instance},
        )

    def send(self, metric, at, values) -> None:
        """Send points at a second: a dict of (further attribute pairs) to value."""
        request = ExportMetricsServiceRequest()
        group = request.resource_metrics.add()
        self._resource(group)
        found = group.scope_metrics.add().metrics.add(name=metric.name, unit=metric.unit)
        counts = metric.kind is Kind.COUNTER
        histogram = metric.kind is Kind.HISTOGRAM
        data = found.histogram if histogram else found.sum if counts else found.gauge
        if counts or histogram:
            data.aggregation_temporality = CUMULATIVE
        if counts:
            data.is_monotonic = True
        for pairs, value in values.items():
            point = data.data_points.add(
                time_unix_nano=T0 + int(at * NS), start_time_unix_nano=T0 - NS
            )
            if histogram:
                point.explicit_bounds.extend(metric.buckets)
                point.bucket_counts.extend(value)
                point.count, point.sum = sum(value), 1.0
            else:
                point.as_double = value
            _fill(point.attributes, {**self.identity, **dict(pairs)})
        self.store.submit(decode_metrics(request)).result(10)

    def labels(self, at, counts, source="crm") -> None:
        """Send how many labels came since the start, by (actual, predicted)."""
        self.send(
            semconv.ML_FEEDBACK,
            at,
            {
                (
                    (semconv.ML_LABEL_ACTUAL, actual),
                    (semconv.ML_LABEL_PREDICTED, predicted),
                    (semconv.ML_FEEDBACK_SOURCE, source),
                ): float(n)
                for (actual, predicted), n in counts.items()
            },
        )

    def predict(self, at, label=None, *, error=False, **more) -> tuple[str, str]:
        """Send the span of a prediction; return its ids."""
        self.number += 1
        ids = self.number.to_bytes(16, "big"), self.number.to_bytes(8, "big")
        said = {} if label is None else {semconv.ML_PREDICTION_LABEL: label}
        attributes = {semconv.ML_PREDICTION_ROWS_ATTRIBUTE: 1, **said, **more}
        if error:
            attributes[semconv.ERROR_TYPE] = "ValueError"
        self._span(at, ids, semconv.SPAN_PREDICT, attributes, error=error)
        return ids[0].hex(), ids[1].hex()

    def label(self, at, prediction, actual, predicted=None, source="crm") -> None:
        """Send the span of a label."""
        self.number += 1
        ids = (self.number + 2**64).to_bytes(16, "big"), self.number.to_bytes(8, "big")
        said = {} if predicted is None else {semconv.ML_LABEL_PREDICTED: predicted}
        attributes = {
            semconv.ML_LABEL_ACTUAL: actual,
            semconv.ML_FEEDBACK_SOURCE: source,
            semconv.ML_FEEDBACK_DELAY_ATTRIBUTE: 2.5,
            semconv.ML_FEEDBACK_OUTCOME: "correct" if actual == predicted else "wrong",
            **said,
        }
        link = bytes.fromhex(prediction[0]), bytes.fromhex(prediction[1])
        self._span(at, ids, semconv.SPAN_FEEDBACK, attributes, link=link)

    def _span(self, at, ids, name, attributes, *, error=False, link=None) -> None:
        request = ExportTraceServiceRequest()
        group = request.resource_spans.add()
        self._resource(group)
        start = T0 + int(at * NS)
        span = group.scope_spans.add().spans.add(
            trace_id=ids[0], span_id=ids[1], start_time_unix_nano=start,
            end_time_unix_nano=start + NS // 100, name=name.format(model=self.model),
        )  # fmt: skip
        span.status.code = 2 if error else 0
        _fill(span.attributes, {**self.identity, **attributes})
        if link is not None:
            span.links.add(trace_id=link[0], span_id=link[1])
        self.store.submit(decode_traces(request)).result(10)


def ask(store, query, *, name="loan", seconds=600, **params):
    """Return what a query answers, which must be JSON."""
    window = {"from": str(T0 / 1e6), "to": str(T0 / 1e6 + seconds * 1000)}
    with store.reader() as connection:
        found = query(connection, {"name": name, **window, **params})
    json.dumps(found, allow_nan=False)
    return found
