"""What each kind of metric point holds is kept and shown, and what it lacks is not made up."""

from __future__ import annotations

import math
import time

import pytest
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics_pb

TRACE, SPAN = bytes(range(1, 17)), bytes(range(1, 9))


@pytest.fixture
def send(post):
    """Send points of one metric; returns how many were refused."""

    def run(kind, *fields, unit="", scope=None, temporality=1):
        message = metrics_pb.ExportMetricsServiceRequest()
        scoped = message.resource_metrics.add().scope_metrics.add(scope=scope)
        data = getattr(scoped.metrics.add(name="m", unit=unit), kind)
        if kind not in {"gauge", "summary"}:
            data.aggregation_temporality = temporality
        for index, each in enumerate(fields):
            data.data_points.add(**({"time_unix_nano": time.time_ns() + index} | each))
        answer = post("/v1/metrics", message.SerializeToString())
        assert answer.status == 200, answer.body
        response = metrics_pb.ExportMetricsServiceResponse.FromString(answer.body)
        return response.partial_success.rejected_data_points

    return run


@pytest.fixture
def query(api):
    return lambda more="": api(f"/api/metrics/query?name=m&from=0{more}")


def values(found):
    return [v for each in found["series"] for v in each["values"] if v is not None]


def test_two_units_of_one_name_are_two_metrics(send, api, query):
    """In the list, in one query and in one for each."""
    send("gauge", {"as_double": 5.0}, unit="ms")
    send("gauge", {"as_double": 7.0}, unit="s")
    listed = api("/api/metrics")["metrics"]
    assert [(each["unit"], each["series"]) for each in listed] == [("ms", 1), ("s", 1)]
    assert {e["labels"]["unit"]: values({"series": [e]}) for e in query()["series"]} == {
        "ms": [5.0], "s": [7.0]}  # fmt: skip
    assert (query("&unit=ms")["unit"], values(query("&unit=ms"))) == ("ms", [5.0])


def test_two_kinds_of_one_name_are_both_listed(send, api, query):
    """Each can be asked for."""
    send("gauge", {"as_double": 5.0})
    send("sum", {"as_double": 7.0})
    assert [each["kind"] for each in api("/api/metrics")["metrics"]] == ["gauge", "updown"]
    assert values(query("&kind=gauge")) == [5.0]


@pytest.mark.parametrize(
    ("kind", "bad"),
    [("gauge", {}), ("sum", {}), ("sum", {"as_double": math.nan}), ("sum", {"as_double": math.inf}),
     ("histogram", {"explicit_bounds": [math.nan], "bucket_counts": [1, 1], "count": 2})],
)  # fmt: skip
def test_a_point_without_a_number_costs_itself(send, api, kind, bad):
    """It is not taken for 0."""
    good = {"as_int": 0} if kind != "histogram" else {"count": 0}
    assert send(kind, good, bad) == 1
    assert api("/api/status")["points"] == 1


def test_a_temporality_out_of_range_costs_its_points(send):
    """All that share it."""
    assert send("sum", {"as_int": 1}, {"as_int": 2}, temporality=9) == 2


def test_nan_of_a_gauge_is_a_gap_and_zero_is_zero(send, query):
    """Neither is the other."""
    send("gauge", {"as_double": math.nan})
    assert values(query()) == []
    send("gauge", {"as_double": 0.0})
    assert values(query()) == [0.0]


def test_a_point_without_time_is_of_when_it_came(send, query):
    """Not of 1970."""
    assert send("gauge", {"as_double": 3.0, "time_unix_nano": 0}) == 0
    found = query()
    assert values(found) == [3.0]
    assert found["from"] > (time.time() - 60) * 1000


@pytest.mark.parametrize("temporality", [1, 2])
def test_a_histogram_without_sum_has_no_mean(send, query, temporality):
    """One whose sum is 0 has."""
    began = {"start_time_unix_nano": time.time_ns() - 10**9, "count": 4}
    send("histogram", began, unit="a", temporality=temporality)
    send("histogram", began | {"sum": 0.0}, unit="b", temporality=temporality)
    assert values(query("&unit=a&agg=avg")) == []
    assert values(query("&unit=b&agg=avg")) == [0.0]
    assert values(query("&unit=a&agg=rate"))[0] > 0


@pytest.mark.parametrize("kind", ["histogram", "exponential_histogram"])
def test_least_and_largest_are_shown(send, query, kind):
    """A least of 0 was sent, a missing largest was not; no bucket is needed."""
    send(kind, {"count": 3, "sum": 4.0, "min": 0.0})
    (found,) = query("&agg=avg")["details"]
    assert (found["min"], found["max"], found["quantiles"]) == (0.0, None, [])


def test_the_quantiles_of_a_summary_are_shown(send, query):
    """As they were sent; NaN is none."""
    send("summary", {"count": 3, "sum": 4.0, "quantile_values": [
        {"quantile": 0.0, "value": 0.0}, {"quantile": 0.9, "value": 7.5},
        {"quantile": 1.0, "value": math.nan}]})  # fmt: skip
    (found,) = query()["details"]
    assert [(each["quantile"], each["value"]) for each in found["quantiles"]] == [
        (0.0, 0.0), (0.9, 7.5), (1.0, None)]  # fmt: skip


@pytest.mark.parametrize("kind", ["gauge", "sum", "histogram", "exponential_histogram"])
def test_exemplars_of_each_kind_are_shown(send, query, kind):
    """With a trace and without; one without a time has its point's; NaN and nothing are left."""
    now = time.time_ns()
    own = {"as_int": 1} if kind in {"gauge", "sum"} else {"count": 1, "sum": 1.0}
    send(kind, own | {"exemplars": [
        {"time_unix_nano": now, "as_double": 0.0, "trace_id": TRACE, "span_id": SPAN},
        {"as_int": 2}, {"time_unix_nano": now, "as_double": math.nan},
        {"time_unix_nano": now}]})  # fmt: skip
    found = query()["exemplars"]
    assert sorted((e["value"], e["trace_id"]) for e in found) == [(0.0, TRACE.hex()), (2.0, None)]
