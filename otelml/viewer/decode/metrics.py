"""OTLP metric points to rows."""

from __future__ import annotations

import math
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
from otelml.viewer.decode.weight import HEAVY, MAX_ITEM_PARTS
from otelml.viewer.records import (
    COUNTER,
    EXCESSIVE,
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
_TEMPORALITIES = frozenset(AggregationTemporality.values())
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
        points = 0 if which is None else len(getattr(metric, which).data_points)
        batch.reject("a metric has no name or no data", count=max(points, 1))
        return
    data: Any = getattr(metric, which)
    temporality = 0 if which in {"gauge", "summary"} else data.aggregation_temporality
    if temporality not in _TEMPORALITIES:
        message = f"the temporality of {metric.name} is none: {temporality}"
        batch.reject(message, count=len(data.data_points))
        return
    delta = which not in {"gauge", "summary"} and data.aggregation_temporality == _DELTA
    kind = _kind(which, data)
    rows = MetricRows(metric.name, metric.unit, metric.description, kind, delta, origin, [])
    for point in data.data_points:
        if point.flags & _NO_VALUE:
            continue
        row = _read(which, point, metric.name, batch)
        if row is None:
            continue
        if kind in {COUNTER, UPDOWN} and not math.isfinite(row.value or 0.0):
            batch.reject(f"a point of {metric.name}, which is a sum, is not a number")
            continue
        row.time_ns = row.time_ns if 0 < row.time_ns <= MAX_INT64 else received_ns
        row.start_ns = row.start_ns if row.start_ns <= row.time_ns else 0
        row.count = min(row.count, MAX_INT64)
        if row.value is not None and math.isnan(row.value):
            row.value = None
        if row.exemplars:
            row.exemplars = [
                e if e.time_ns else e._replace(time_ns=row.time_ns) for e in row.exemplars
            ]
        rows.points.append(row)
    if rows.points:
        batch.metrics.append(rows)


def _read(which: str, point: Any, name: str, batch: Batch) -> PointRow | None:
    """Return a point's row; where it is none, it is counted as refused."""
    if any(len(getattr(point, each)) > MAX_ITEM_PARTS for each in _LISTS[which]):
        batch.reject(HEAVY, EXCESSIVE)
        return None
    row: PointRow | None = _POINTS[which](point)
    if row is None:
        batch.reject(f"a point of {name} has no value, or its buckets do not fit together")
    return row


def _kind(which: str, data: Any) -> str:
    if which == "sum":
        return COUNTER if data.is_monotonic else UPDOWN
    if which == "exponential_histogram":
        return HISTOGRAM
    return which


def _number(point: NumberDataPoint) -> PointRow | None:
    which = point.WhichOneof("value")
    if which is None:
        return None
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
    if (
        any(map(math.isnan, bounds))
        or any(low >= high for low, high in pairwise(bounds))
        or sum(counts) > MAX_INT64
    ):
        return None
    return PointRow(
        point.time_unix_nano,
        point.start_time_unix_nano,
        _optional(point, "sum"),
        point.count,
        attribute_key(point.attributes),
        Buckets(counts or (point.count,), bounds),
        _exemplars(point.exemplars),
        (_optional(point, "min"), _optional(point, "max")),
    )


def _exponential(point: ExponentialHistogramDataPoint) -> PointRow | None:
    shift = max(0, point.scale - _MAX_SCALE)
    if max(map(len, (point.positive.bucket_counts, point.negative.bucket_counts))) > MAX_ITEM_PARTS:
        return None
    if not -_MAX_SHIFT <= point.scale <= _MAX_SHIFT or (
        point.zero_count + sum(point.positive.bucket_counts) > MAX_INT64
    ):
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
        _optional(point, "sum"),
        point.count,
        attribute_key(point.attributes),
        buckets,
        _exemplars(point.exemplars),
        (_optional(point, "min"), _optional(point, "max")),
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
        quantiles=tuple((each.quantile, each.value) for each in point.quantile_values),
    )


def _optional(point: Any, name: str) -> float | None:
    """Return an optional number; what was not sent is not 0, NaN and infinity are none."""
    value = float(getattr(point, name)) if point.HasField(name) else math.nan
    return value if math.isfinite(value) else None


_POINTS: dict[str, Any] = {
    "gauge": _number,
    "sum": _number,
    "histogram": _histogram,
    "exponential_histogram": _exponential,
    "summary": _summary,
}


# What a point may have many of.
_LISTS = {
    "gauge": ("attributes", "exemplars"),
    "sum": ("attributes", "exemplars"),
    "histogram": ("attributes", "exemplars", "bucket_counts", "explicit_bounds"),
    "exponential_histogram": ("attributes", "exemplars"),
    "summary": ("attributes", "quantile_values"),
}


def _exemplars(messages: Iterable[ExemplarMessage]) -> list[Exemplar] | None:
    found = [
        Exemplar(
            min(each.time_unix_nano, MAX_INT64),
            float(each.as_int if each.WhichOneof("value") == "as_int" else each.as_double),
            *(
                (each.trace_id, each.span_id)
                if valid_ids(each.trace_id, each.span_id)
                else (b"", b"")
            ),
        )
        for each in messages
        if each.WhichOneof("value")
    ]
    return [each for each in found if math.isfinite(each.value)] or None
