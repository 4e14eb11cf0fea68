"""Metric points of every kind become right rates, sums and quantiles."""

from __future__ import annotations

import time

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

from otelml.viewer.decode import decode_metrics
from otelml.viewer.queries import list_metrics, query_metric
from otelml.viewer.store import Store

NS = 1_000_000_000
T0 = (time.time_ns() // (60 * NS) - 5) * 60 * NS
CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA


@pytest.fixture
def store(tmp_path):
    opened = Store(tmp_path / "m.db")
    yield opened
    opened.close()


def metric(kind, *points, temporality=CUMULATIVE, monotonic=True, instance="a", name="m", **more):
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    for key, value in (("service.name", "s"), ("service.instance.id", instance)):
        resource.resource.attributes.add(key=key).value.string_value = value
    data = getattr(resource.scope_metrics.add().metrics.add(name=name, unit="s", **more), kind)
    if kind not in {"gauge", "summary"}:
        data.aggregation_temporality = temporality
    if kind == "sum":
        data.is_monotonic = monotonic
    for at, started, values in points:
        data.data_points.add(
            time_unix_nano=T0 + at * NS, start_time_unix_nano=T0 + started * NS, **values
        )
    return request


def put(store, *requests):
    for request in requests:
        store.submit(decode_metrics(request)).result(10)


def ask(store, agg, name="m", **params):
    with store.reader() as connection:
        found = query_metric(connection, {
            "name": name, "agg": agg, "from": str(T0 / 1e6), "to": str(T0 / 1e6 + 240_000),
            "step": "60000", **params})  # fmt: skip
    return [series["values"] for series in found["series"]]


def number(at, value, started=0):
    return at, started, {"as_double": value}


def test_a_cumulative_counter_is_right_across_a_restart(store):
    """The new process begins at zero again: nothing is lost and nothing is negative."""
    put(store, metric("sum", number(10, 6), number(70, 18)))
    put(store, metric("sum", number(130, 5, started=120), number(190, 11, started=120)))
    assert ask(store, "sum") == [[6, 12, 5, 6]]
    assert ask(store, "rate") == [[0.1, 0.2, 5 / 60, 0.1]]


def test_a_reset_without_a_start_time_is_seen_by_its_value(store):
    """A smaller value can only be a restart."""
    put(
        store,
        metric(
            "sum", *((at, -T0 // NS, {"as_int": v}) for at, v in ((10, 50), (70, 60), (130, 4)))
        ),
    )
    assert ask(store, "sum") == [[0, 10, 4, None]]


def test_replicas_add_up(store):
    """Each has a counter of its own."""
    for instance, values in (("a", (6, 12)), ("b", (60, 90))):
        put(store, metric("sum", number(10, values[0]), number(70, values[1]), instance=instance))
    assert ask(store, "sum") == [[66, 36, None, None]]
    by = ask(store, "sum", by="service.instance.id")
    assert by == [[60, 30, None, None], [6, 6, None, None]]


def test_an_old_counter_s_first_point_is_only_a_baseline(store):
    """What it counted before the viewer saw it belongs to no step."""
    put(store, metric("sum", number(10, 1000, started=-86_400), number(70, 1007, started=-86_400)))
    assert ask(store, "sum") == [[0, 7, None, None]]


def test_delta_points_are_increases(store):
    """And the same point sent twice counts once."""
    request = metric("sum", number(10, 6), number(70, 18), temporality=DELTA)
    put(store, request, request)
    assert ask(store, "sum") == [[6, 18, None, None]]


def test_a_delta_up_down_counter_has_a_level(store):
    """The level is the sum of its changes."""
    put(store, metric("sum", number(10, 6), number(70, -2), temporality=DELTA, monotonic=False))
    assert ask(store, "last") == [[6, 4, None, None]]


def test_gauges_are_averaged_or_summed_over_replicas(store):
    """Last values only."""
    put(store, metric("gauge", number(10, 1), number(50, 3)))
    put(store, metric("gauge", number(20, 9), instance="b"))
    assert ask(store, "last") == [[6, None, None, None]]
    assert ask(store, "sum") == [[12, None, None, None]]


def explicit(at, counts, total):
    return at, 0, {"bucket_counts": counts, "explicit_bounds": [1, 2, 4], "count": sum(counts),
                   "sum": total}  # fmt: skip


def test_quantiles_of_explicit_histograms_are_those_of_the_step(store):
    """As Prometheus interpolates; the unbounded bucket answers its edge."""
    put(store, metric("histogram", explicit(10, [0, 10, 0, 0], 15),
                      explicit(70, [0, 10, 20, 0], 75), explicit(130, [0, 10, 20, 5], 200)))  # fmt: skip
    assert ask(store, "p50") == [[1.5, 3.0, 4.0, None]]
    assert ask(store, "avg") == [[1.5, 3.0, 25.0, None]]
    assert ask(store, "rate") == [[10 / 60, 20 / 60, 5 / 60, None]]


def exponential(at, scale, offset, counts):
    return at, 0, {"scale": scale, "count": sum(counts), "sum": 1.0,
                   "positive": {"offset": offset, "bucket_counts": counts}}  # fmt: skip


def test_exponential_histograms_may_change_their_scale(store):
    """Differences are taken at the coarser one."""
    put(store, metric("exponential_histogram", exponential(10, 1, 0, [4, 4]),
                      exponential(70, 0, 0, [8, 10])))  # fmt: skip
    assert ask(store, "rate") == [[8 / 60, 10 / 60, None, None]]
    assert ask(store, "p50")[0][1] == pytest.approx(3.0)


def test_a_high_scale_is_merged_not_lost(store):
    """Buckets finer than a ninth keep their counts."""
    put(store, metric("exponential_histogram", exponential(10, 20, 0, [1] * 160)))
    assert ask(store, "rate") == [[160 / 60, None, None, None]]


def test_summaries_are_tolerated(store):
    """Their sum and count are kept."""
    put(
        store,
        metric("summary", (10, 0, {"count": 4, "sum": 8.0}), (70, 0, {"count": 6, "sum": 18.0})),
    )
    assert ask(store, "avg") == [[2.0, 5.0, None, None]]


def test_a_histogram_whose_counts_do_not_match_is_rejected():
    """The rest of the request is kept."""
    batch = decode_metrics(metric("histogram", (1, 0, {"bucket_counts": [1], "explicit_bounds": [1]}),
                                  explicit(2, [1, 0, 0, 0], 1)))  # fmt: skip
    assert (batch.rejected, len(batch)) == (1, 1)


def test_the_long_range_reads_the_same_sums(store):
    """Five-minute sums and points agree."""
    put(store, metric("sum", number(10, 6), number(70, 18), number(130, 21)))
    day = {"from": str(T0 / 1e6 - 86_400_000), "to": str(T0 / 1e6 + 300_000)}
    (values,) = ask(store, "sum", **day)
    assert sum(v for v in values if v is not None) == 21


def test_the_list_describes_each_metric(store):
    """From the data itself."""
    put(store, metric("sum", number(10, 6), description="Requests."))
    with store.reader() as connection:
        (found,) = list_metrics(connection, {})["metrics"]
    found.pop("last_seen")
    assert found == {
        "name": "m", "unit": "s", "kind": "counter", "description": "Requests.",
        "attributes": ["service.instance.id", "service.name"], "resource_attributes": [],
        "scope_attributes": [], "series": 1, "services": ["s"],
        "aggs": ["rate", "sum", "last"], "default_agg": "rate", "temporality": "cumulative",
    }  # fmt: skip
