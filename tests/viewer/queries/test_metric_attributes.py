"""Metrics filtered and grouped by any attribute: of points, of their resource, of their scope."""

from __future__ import annotations

import time

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

from otelml.viewer.decode import decode_metrics
from otelml.viewer.queries import BadParameterError, list_metrics, query_metric
from otelml.viewer.store import Store

NS = 1_000_000_000
T0 = (time.time_ns() // (60 * NS) - 5) * 60 * NS


def put(store, resource, scope, points):
    """Store delta counts of (attributes, value), one minute after T0."""
    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add()
    for key, value in resource.items():
        group.resource.attributes.add(key=key).value.string_value = value
    scoped = group.scope_metrics.add()
    scoped.scope.name = scope
    total = scoped.metrics.add(name="jobs", unit="{job}").sum
    total.is_monotonic = True
    total.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
    for pairs, value in points:
        point = total.data_points.add(time_unix_nano=T0 + 60 * NS, as_int=value)
        for key, text in pairs.items():
            point.attributes.add(key=key).value.string_value = text
    store.submit(decode_metrics(request)).result(10)


@pytest.fixture
def store(tmp_path):
    opened = Store(tmp_path / "m.db")
    put(opened, {"service.name": "web", "host.name": "h1", "region": "eu"}, "lib.a",
        [({"kind": "x"}, 1), ({"kind": "y"}, 2)])  # fmt: skip
    put(
        opened,
        {"service.name": "web", "host.name": "h2", "region": "eu"},
        "lib.b",
        [({"kind": "x"}, 4)],
    )
    put(opened, {"service.name": "db", "host.name": "h3"}, "lib.b",
        [({"kind": "z", "region": "us"}, 8)])  # fmt: skip
    yield opened
    opened.close()


def ask(store, *where, by=""):
    with store.reader() as connection:
        found = query_metric(connection, {
            "name": "jobs", "agg": "sum", "from": str(T0 / 1e6), "to": str(T0 / 1e6 + 240_000),
            "step": "60000", "where": "\n".join(where), "by": by})  # fmt: skip
    sums = {
        tuple(each["labels"].values()): sum(v for v in each["values"] if v is not None)
        for each in found["series"]
    }
    return sums, found


@pytest.mark.parametrize(
    ("where", "total"),
    [
        (["kind=x"], 5),
        (["kind=x", "kind=y"], 7),
        (["kind!=x"], 10),
        (["host.name=h2"], 4),
        (["region=eu"], 7),
        (["region=us"], 8),
        (["region!=eu", "kind=z"], 8),
        (["otel.scope.name=lib.b"], 12),
        (["service.name=web", "otel.scope.name=lib.a", "kind=y"], 2),
        (["zone="], 15),
    ],
)
def test_filters_by_any_attribute(store, where, total):
    """Of the points, the resource, and the scope."""
    sums, _ = ask(store, *where)
    assert sum(sums.values()) == total


def test_groups_by_any_attribute(store):
    """One series a value; what has none is a group of its own."""
    assert ask(store, by="host.name")[0] == {("h1",): 3, ("h2",): 4, ("h3",): 8}
    assert ask(store, by="otel.scope.name")[0] == {("lib.a",): 3, ("lib.b",): 12}
    assert ask(store, by="region,kind")[0] == {
        ("eu", "x"): 5, ("eu", "y"): 2, ("us", "z"): 8,
    }  # fmt: skip
    assert ask(store, by="zone")[0] == {("",): 15}


def test_the_list_names_what_can_be_asked_for(store):
    """Apart: of points, of resources, of scopes."""
    with store.reader() as connection:
        (found,) = list_metrics(connection, {})["metrics"]
    assert {"kind", "region", "service.name"} <= set(found["attributes"])
    assert found["resource_attributes"] == ["host.name"]
    assert "host.name" not in found["attributes"]


def test_the_answer_says_its_query_and_the_values_to_choose_from(store):
    """Filters and groups as they were understood, in PromQL too, and what that needs."""
    _, found = ask(store, "host.name=h1", "kind!=x", by="kind,host.name")
    assert found["by"] == ["kind", "host.name"]
    assert found["where"] == [
        {"key": "host.name", "value": "h1", "equal": True},
        {"key": "kind", "value": "x", "equal": False},
    ]
    assert found["values"] == {"kind": ["x", "y", "z"], "host.name": ["h1", "h2", "h3"]}
    assert found["promql"] == (
        'sum by (kind, host_name) (increase(jobs_total{kind!="x"}[1m])'
        ' * on (job, instance) group_left (host_name) target_info{host_name="h1"})'
    )
    assert found["promql_needs"] == []


def test_a_scope_needs_a_setting_of_prometheus(store):
    """Where the scope's name is no label yet, the answer says which setting makes it one."""
    _, found = ask(store, "otel.scope.name=lib.a")
    assert found["promql_needs"] == ["otlp.promote_scope_metadata"]


def test_a_filter_that_is_none_is_refused(store):
    """With the form that is expected."""
    with pytest.raises(BadParameterError, match="key=value"):
        ask(store, "host.name")
