"""A trace's answer has all that its sender said of a span, and what it says was left out."""

from __future__ import annotations

import time

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

TRACE, OWN, PARENT = b"\x0c" * 16, b"own-span", b"a-parent"
REMOTE = 0x300


def _request(seed, **more):
    now = time.time_ns()
    message = ExportTraceServiceRequest()
    group = message.resource_spans.add()
    group.resource.attributes.extend(seed.of({"service.name": "shop"}))
    group.resource.dropped_attributes_count = 6
    scope = group.scope_spans.add()
    scope.scope.name, scope.scope.version = "lib", "2.1"
    scope.scope.attributes.extend(seed.of({"build": "fast"}))
    scope.scope.dropped_attributes_count = 5
    span = scope.spans.add(
        trace_id=TRACE, span_id=OWN, parent_span_id=PARENT, name="pay", trace_state="a=1,b=2",
        flags=REMOTE, start_time_unix_nano=now - 10**6, end_time_unix_nano=now,
        dropped_attributes_count=1, dropped_events_count=2, dropped_links_count=3, **more,
    )  # fmt: skip
    span.events.add(
        name="retry",
        time_unix_nano=now,
        attributes=seed.of({"attempt": 2}),
        dropped_attributes_count=4,
    )
    span.links.add(
        trace_id=b"\x0f" * 16, span_id=b"far-away", trace_state="c=3",
        attributes=seed.of({"why": "batch"}), dropped_attributes_count=7,
    )  # fmt: skip
    return message.SerializeToString()


def test_everything_of_a_span_is_answered(post, api, seed):
    """Scope, trace state, parent, links, events, and each count of what was dropped."""
    assert post("/v1/traces", _request(seed)).status == 200
    (span,) = api(f"/api/traces/{TRACE.hex()}")["spans"]
    assert span["scope"] == {
        "name": "lib", "version": "2.1", "attributes": {"build": "fast"}, "dropped": 5,
    }  # fmt: skip
    assert span["trace_state"] == "a=1,b=2"
    assert (span["parent_id"], span["missing_parent"], span["parent_remote"]) == (
        PARENT.hex(), True, True,
    )  # fmt: skip
    assert span["dropped"] == {"attributes": 1, "events": 2, "links": 3}
    assert span["resource_dropped"] == 6
    (event,), (link,) = span["events"], span["links"]
    assert (event["name"], event["attributes"], event["dropped"]) == ("retry", {"attempt": 2}, 4)
    assert (link["trace_state"], link["attributes"], link["dropped"]) == (
        "c=3", {"why": "batch"}, 7,
    )  # fmt: skip


def test_a_sender_that_says_nothing_of_the_parent_is_not_taken_to_say_it_is_local(post, api):
    """Flags without the bit that says so leave the question open."""
    message = ExportTraceServiceRequest()
    message.resource_spans.add().scope_spans.add().spans.add(
        trace_id=TRACE, span_id=OWN, name="x", start_time_unix_nano=time.time_ns()
    )
    post("/v1/traces", message.SerializeToString())
    (span,) = api(f"/api/traces/{TRACE.hex()}")["spans"]
    assert span["parent_remote"] is None
    assert span["missing_parent"] is False


def test_a_log_record_has_its_observed_time_and_what_was_dropped(post, api):
    """Both are in the record that a page opens."""
    now = time.time_ns()
    message = ExportLogsServiceRequest()
    message.resource_logs.add().scope_logs.add().log_records.add(
        time_unix_nano=now, observed_time_unix_nano=now + 5 * 10**6, dropped_attributes_count=9
    )
    post("/v1/logs", message.SerializeToString())
    (log,) = api("/api/logs?from=0")["logs"]
    assert log["dropped_attributes"] == 9
    assert abs(log["observed"] - log["time"] - 5) < 0.01


def test_a_histogram_without_buckets_says_why_it_has_no_quantile(post, api):
    """Its mean is known; a quantile is not, and that is not an empty range."""
    now = time.time_ns()
    message = ExportMetricsServiceRequest()
    metric = message.resource_metrics.add().scope_metrics.add().metrics.add(name="h", unit="s")
    metric.histogram.aggregation_temporality = 1
    metric.histogram.data_points.add(
        start_time_unix_nano=now - 10**9, time_unix_nano=now, count=4, sum=10.0, min=1.0, max=4.0
    )
    post("/v1/metrics", message.SerializeToString())
    quantile = api("/api/metrics/query?name=h&from=0&agg=p95")
    assert quantile["no_buckets"] is True
    mean = api("/api/metrics/query?name=h&from=0&agg=avg")
    assert mean["no_buckets"] is False
    assert [v for v in mean["series"][0]["values"] if v is not None] == [2.5]
    assert (quantile["details"][0]["min"], quantile["details"][0]["max"]) == (1.0, 4.0)


def test_a_model_may_be_named_with_lines_of_its_own(post, api, seed):
    """Its page is found, whatever stands in the path."""
    now = time.time_ns()
    message = ExportTraceServiceRequest()
    message.resource_spans.add().scope_spans.add().spans.add(
        trace_id=TRACE, span_id=OWN, name="predict x", start_time_unix_nano=now - 10**6,
        end_time_unix_nano=now, attributes=seed.of({"ml.model.name": "two\nlines\n"}),
    )  # fmt: skip
    post("/v1/traces", message.SerializeToString())
    assert api("/api/models/two%0Alines%0A?from=0")["totals"]["predictions"] == 1
    assert api("/api/models/two%0Alines%0A/predictions?from=0")["total"] == 1


def test_a_long_service_is_found_by_the_name_that_the_filter_offers(post, api, seed):
    """Sets of names are cut where they are stored, so the question is cut as well."""
    name = "s" * 5_000
    message = ExportTraceServiceRequest()
    group = message.resource_spans.add()
    group.resource.attributes.extend(seed.of({"service.name": name}))
    group.scope_spans.add().spans.add(
        trace_id=TRACE, span_id=OWN, name="x", start_time_unix_nano=time.time_ns()
    )
    post("/v1/traces", message.SerializeToString())
    assert api("/api/traces?from=0")["facets"]["services"] == [name]
    assert api(f"/api/traces?from=0&service={name}")["total"] == 1
    assert api(f"/api/traces?from=0&service={name[:100]}")["total"] == 0
