"""What is not taken is said, with its reason, and costs nothing beside itself."""

from __future__ import annotations

import json
import sqlite3
import time

import grpc
import pytest
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs_pb
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics_pb
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as trace_pb
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

JSON, PROTOBUF = "application/json", "application/x-protobuf"
TRACE, DAY = bytes(range(1, 17)), 86_400 * 10**9
SENTINEL = "SENTINEL-STRING"


def spans(*fields):
    message = trace_pb.ExportTraceServiceRequest()
    scope = message.resource_spans.add().scope_spans.add()
    now = time.time_ns()
    for each in fields:
        scope.spans.add(**({
            "trace_id": TRACE, "span_id": b"\x01" * 8, "name": "x",
            "start_time_unix_nano": now, "end_time_unix_nano": now + 1000} | each))  # fmt: skip
    return message


def points(*fields, name="m", kind="gauge", unit=""):
    message = metrics_pb.ExportMetricsServiceRequest()
    metric = message.resource_metrics.add().scope_metrics.add().metrics.add(name=name, unit=unit)
    data = getattr(metric, kind)
    if kind != "gauge":
        data.aggregation_temporality = 2
    for each in fields:
        data.data_points.add(**({"time_unix_nano": time.time_ns()} | each))
    return message


def counted(*pairs, name="m"):
    """Points of a cumulative counter, by value and time."""
    message = metrics_pb.ExportMetricsServiceRequest()
    metric = message.resource_metrics.add().scope_metrics.add().metrics.add(name=name)
    metric.sum.aggregation_temporality, metric.sum.is_monotonic = 2, True
    for value, time_ns in pairs:
        metric.sum.data_points.add(as_int=value, time_unix_nano=time_ns)
    return message


def logs(*fields):
    message = logs_pb.ExportLogsServiceRequest()
    scope = message.resource_logs.add().scope_logs.add()
    for each in fields:
        scope.log_records.add(**({"time_unix_nano": time.time_ns()} | each))
    return message


@pytest.fixture
def refused(post):
    """Send a request; returns how many items were refused, and why."""

    def send(path, body, kind=PROTOBUF):
        body = body if isinstance(body, bytes) else body.SerializeToString()
        answer = post(path, body, kind)
        assert answer.status == 200, answer.body
        response = {
            "/v1/traces": trace_pb.ExportTraceServiceResponse,
            "/v1/metrics": metrics_pb.ExportMetricsServiceResponse,
            "/v1/logs": logs_pb.ExportLogsServiceResponse,
        }[path]
        if kind == JSON:
            partial = json.loads(answer.body).get("partialSuccess", {})
            number = sum(int(v) for k, v in partial.items() if k.startswith("rejected"))
            return number, partial.get("errorMessage", "")
        partial = response.FromString(answer.body).partial_success
        (number,) = [v for f, v in partial.ListFields() if f.name != "error_message"] or [0]
        return number, partial.error_message

    return send


@pytest.mark.parametrize("ahead", [-2 * DAY, DAY])
@pytest.mark.parametrize("signal", ["traces", "metrics", "logs"])
def test_what_is_too_old_or_too_far_ahead_is_refused_with_the_reason(refused, api, ahead, signal):
    """What lies beside it is kept."""
    when = time.time_ns() + ahead
    far = {"start_time_unix_nano": when, "end_time_unix_nano": when, "span_id": b"\x02" * 8}
    message = {
        "traces": spans({}, far),
        "metrics": points({"as_int": 1}, {"as_int": 1, "time_unix_nano": when}),
        "logs": logs({}, {"time_unix_nano": when}),
    }[signal]
    number, reason = refused(f"/v1/{signal}", message)
    assert number == 1
    assert reason.startswith("1 expired: older" if ahead < 0 else "1 future: more than")
    status = api("/api/status")
    assert status["rejected"] == sum(status["reasons"].values()) == 1
    assert status["spans"] + status["points"] + status["logs"] == 1


def test_a_late_point_is_refused_and_a_repeated_one_is_not(refused, api):
    """A sender that repeats itself has lost nothing; a sum since the start needs those before it."""
    now = time.time_ns()
    sent = counted((1, now), (2, now + 1))
    assert refused("/v1/metrics", sent)[0] == 0
    assert refused("/v1/metrics", sent)[0] == 0
    late = counted((3, now - 5), (9, now))
    number, reason = refused("/v1/metrics", late)
    assert (number, reason[:7]) == (2, "2 late:")
    assert api("/api/status")["reasons"] == {"late": 2}


def test_spans_of_equal_ids_and_different_content_are_refused(refused, api):
    """In one request and over two; an equal one is a repetition."""
    first = spans({"name": "a"}, {"name": "b"})
    assert refused("/v1/traces", first)[0] == 1
    again = spans({"name": "c"})
    number, reason = refused("/v1/traces", again)
    assert (number, reason) == (1, "1 colliding: another span has the id " + "01" * 8)
    repeated = spans({"span_id": b"\x07" * 8})
    assert refused("/v1/traces", repeated) == refused("/v1/traces", repeated) == (0, "")
    assert api("/api/status")["reasons"] == {"colliding": 2}


def test_a_batch_that_comes_again_is_not_lost(viewer, post, api, monkeypatch):
    """Refused twice it counts once; taken at last it does not count."""
    store, body = viewer._store, spans({}).SerializeToString()
    with monkeypatch.context() as patch:

        def full(_batches):
            raise sqlite3.OperationalError("database or disk is full")

        patch.setattr(store, "_commit", full)
        assert [post("/v1/traces", body).status for _ in range(2)] == [503, 503]
        assert store.status()["dropped"] == 1
    assert post("/v1/traces", body).status == 200
    status = api("/api/status")
    assert (status["dropped"], status["spans"]) == (0, 1)


BAD = {
    "traces": spans({"name": "good"}, {"name": SENTINEL, "span_id": b"\x02" * 8}),
    "logs": logs({"event_name": "good"}, {"event_name": SENTINEL}),
}


def _metric(kind):
    message = points({}, {}, name="m", kind=kind)
    (metric,) = message.resource_metrics[0].scope_metrics[0].metrics
    data = getattr(metric, kind).data_points
    data[1].attributes.add(key=SENTINEL)
    for each in data:
        if kind in {"gauge", "sum"}:
            each.as_int = 1
    data[1].time_unix_nano += 1
    return message


for _kind in ("gauge", "sum", "histogram", "exponential_histogram"):
    BAD[f"metrics {_kind}"] = _metric(_kind)


@pytest.mark.parametrize("kind", [JSON, PROTOBUF])
@pytest.mark.parametrize("signal", list(BAD))
def test_an_invalid_string_costs_its_item_alone(refused, api, signal, kind):
    """For each signal and kind of metric, in protobuf and JSON."""
    raw = BAD[signal].SerializeToString()
    if kind == JSON:
        document = MessageToDict(BAD[signal])
        for each in document.get("resourceSpans", []):
            for span in each["scopeSpans"][0]["spans"]:
                span["traceId"] = TRACE.hex()
                span["spanId"] = ("01" if span["name"] == "good" else "02") * 8
        raw = json.dumps(document).encode()
    raw = raw.replace(SENTINEL.encode(), b"\xff" * len(SENTINEL))
    path = "/v1/" + signal.split()[0]
    number, reason = refused(path, raw, kind)
    assert number == 1
    assert "cannot be read" in reason
    status = api("/api/status")
    assert status["spans"] + status["points"] + status["logs"] == 1


@pytest.mark.parametrize(
    "change", [{"traceId": "zz"}, {"traceId": 5}, {"spanId": "0102"}, {"kind": []},
               {"startTimeUnixNano": "x"}, {"name": 7}, {"attributes": 1},
               {"droppedEventsCount": float("nan")}],
)  # fmt: skip
def test_a_bad_span_in_json_costs_itself_alone(refused, api, change):
    """Whatever is wrong with it."""
    now = str(time.time_ns())
    good = {"traceId": TRACE.hex(), "spanId": "01" * 8, "name": "g", "startTimeUnixNano": now}
    bad = good | {"spanId": "02" * 8} | change
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [bad, good, "no span"]}]}]}
    assert refused("/v1/traces", json.dumps(body).encode(), JSON)[0] == 2
    assert [s["name"] for s in api(f"/api/traces/{TRACE.hex()}")["spans"]] == ["g"]


def test_a_bad_resource_costs_what_it_holds(refused, api):
    """Its items are counted, and another resource's are kept."""
    message = spans({"name": "good"})
    other = message.resource_spans.add()
    other.resource.attributes.add(key=SENTINEL)
    other.scope_spans.add().spans.extend(
        spans({"span_id": b"\x02" * 8}, {"span_id": b"\x03" * 8})
        .resource_spans[0]
        .scope_spans[0]
        .spans
    )
    raw = message.SerializeToString().replace(SENTINEL.encode(), b"\xff" * len(SENTINEL))
    assert refused("/v1/traces", raw)[0] == 2
    assert api("/api/status")["spans"] == 1


def test_grpc_keeps_the_good_ones_too(viewer, api):
    """The same reading."""
    raw = BAD["traces"].SerializeToString().replace(SENTINEL.encode(), b"\xff" * len(SENTINEL))
    with grpc.insecure_channel(f"127.0.0.1:{viewer.ports.grpc}") as channel:
        export = channel.unary_unary(
            "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            response_deserializer=trace_pb.ExportTraceServiceResponse.FromString,
        )
        assert export(raw).partial_success.rejected_spans == 1
        again = TraceServiceStub(channel).Export(spans({"name": "other"}))
    assert again.partial_success.rejected_spans == 1
    assert api("/api/status")["spans"] == 1
