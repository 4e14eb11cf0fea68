"""OTLP metric points to rows."""

from __future__ import annotations

import time
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    DataPointFlags,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    SummaryDataPoint,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Exemplar as ExemplarMessage

from otelml.viewer.decode.ids import valid_ids
from otelml.viewer.decode.origin import origin_of
from otelml.viewer.records import (
    COUNTER,
    HISTOGRAM,
    MAX_INT64,
    UPDOWN,
    Batch,
    Buckets,
    Exemplar,
    MetricRows,
    Origin,
    PointRow,
    attribute_key,
)

# Factor 2^(1/8) a bucket: finer ones are merged, which is exact for exponential buckets.
_MAX_SCALE = 3
_MAX_SHIFT = 20
_DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
_NO_VALUE = DataPointFlags.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK


def decode_metrics(request: ExportMetricsServiceRequest, now_ns: int | None = None) -> Batch:
    """Return the request's points as rows; malformed points are rejected and counted."""
    batch = Batch()
    received_ns = time.time_ns() if now_ns is None else now_ns
    for resource_metrics in request.resource_metrics:
        for scope_metrics in resource_metrics.scope_metrics:
            origin = origin_of(resource_metrics.resource, scope_metrics.scope)
            for metric in scope_metrics.metrics:
                _decode_metric(metric, origin, batch, received_ns)
    return batch


def _decode_metric(metric: Metric, origin: Origin, batch: Batch, received_ns: int) -> None:
    which = metric.WhichOneof("data")
    if which is None or not metric.name:
        batch.reject("a metric has no name or no data")
        return
    data: Any = getattr(metric, which)
    delta = which not in {"gauge", "summary"} and data.aggregation_temporality == _DELTA
    kind = _kind(which, data)
    rows = MetricRows(metric.name, metric.unit, metric.description, kind, delta, origin, [])
    for point in data.data_points:
        if point.flags & _NO_VALUE:
            continue
        row = _POINTS[which](point)
        if row is None:
            batch.reject(f"a point of {metric.name} has bounds and counts that do not match")
            continue
        row.time_ns = row.time_ns if 0 < row.time_ns <= MAX_INT64 else received_ns
        row.start_ns = row.start_ns if row.start_ns <= row.time_ns else 0
        row.count = min(row.count, MAX_INT64)
        rows.points.append(row)
    if rows.points:
        batch.metrics.append(rows)


def _kind(which: str, data: Any) -> str:
    if which == "sum":
        return COUNTER if data.is_monotonic else UPDOWN
    if which == "exponential_histogram":
        return HISTOGRAM
    return which


def _number(point: NumberDataPoint) -> PointRow:
    which = point.WhichOneof("value")
    return PointRow(
        point.time_unix_nano,
        point.start_time_unix_nano,
        float(point.as_int if which == "as_int" else point.as_double),
        1,
        attribute_key(point.attributes),
        None,
        _exemplars(point.exemplars),
    )


def _histogram(point: HistogramDataPoint) -> PointRow | None:
    counts, bounds = tuple(point.bucket_counts), tuple(point.explicit_bounds)
    if (counts or bounds) and len(counts) != len(bounds) + 1:
        return None
    if any(low >= high for low, high in pairwise(bounds)) or sum(counts) > MAX_INT64:
        return None
    return PointRow(
        point.time_unix_nano,
        point.start_time_unix_nano,
        point.sum,
        point.count,
        attribute_key(point.attributes),
        Buckets(counts or (point.count,), bounds),
        _exemplars(point.exemplars),
    )


def _exponential(point: ExponentialHistogramDataPoint) -> PointRow | None:
    shift = max(0, point.scale - _MAX_SCALE)
    total = point.zero_count + sum(point.positive.bucket_counts)
    if not -_MAX_SHIFT <= point.scale <= _MAX_SHIFT or total > MAX_INT64:
        return None
    buckets = Buckets(
        scale=point.scale - shift,
        zero=point.zero_count,
        positive=_sparse(point.positive, shift),
        negative=_sparse(point.negative, shift),
    )
    return PointRow(
        point.time_unix_nano,
        point.start_time_unix_nano,
        point.sum,
        point.count,
        attribute_key(point.attributes),
        buckets,
        _exemplars(point.exemplars),
    )


def _sparse(side: ExponentialHistogramDataPoint.Buckets, shift: int) -> dict[int, int]:
    found: dict[int, int] = {}
    for position, count in enumerate(side.bucket_counts):
        if count:
            index = (side.offset + position) >> shift
            found[index] = found.get(index, 0) + count
    return found


def _summary(point: SummaryDataPoint) -> PointRow:
    return PointRow(
        point.time_unix_nano,
        point.start_time_unix_nano,
        point.sum,
        point.count,
        attribute_key(point.attributes),
    )


_POINTS: dict[str, Any] = {
    "gauge": _number,
    "sum": _number,
    "histogram": _histogram,
    "exponential_histogram": _exponential,
    "summary": _summary,
}


def _exemplars(messages: Iterable[ExemplarMessage]) -> list[Exemplar] | None:
    found = [
        Exemplar(
            min(each.time_unix_nano, MAX_INT64),
            float(each.as_int if each.WhichOneof("value") == "as_int" else each.as_double),
            each.trace_id,
            each.span_id,
        )
        for each in messages
        if valid_ids(each.trace_id, each.span_id)
    ]
    return found or None
