"""Missing, zero and false are three things."""

from __future__ import annotations

import time

import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as trace_pb

from otelml import semconv
from otelml.viewer.queries import trace as trace_query

TRACE = bytes(range(1, 17))
MS = 1_000_000


def send(post, *fields, attributes=()):
    message = trace_pb.ExportTraceServiceRequest()
    scope = message.resource_spans.add().scope_spans.add()
    for each in fields:
        span = scope.spans.add(**({"trace_id": TRACE, "name": "x"} | each))
        for key, value in attributes:
            pair = span.attributes.add(key=key)
            kind = {
                bool: "bool_value",
                int: "int_value",
                float: "double_value",
                str: "string_value",
            }
            setattr(pair.value, kind[type(value)], value)
    answer = post("/v1/traces", message.SerializeToString())
    assert answer.status == 200
    return trace_pb.ExportTraceServiceResponse.FromString(answer.body).partial_success


def ids(number):
    return {"span_id": number.to_bytes(8, "big")}


@pytest.mark.parametrize("timed_first", [False, True])
def test_a_span_without_times_is_neither_of_1970_nor_of_half_a_century(post, api, timed_first):
    """It stands at its trace's start and stretches nothing."""
    start = time.time_ns() - 3600 * 10**9
    timed = ids(1) | {"start_time_unix_nano": start, "end_time_unix_nano": start + 5 * MS}
    bare = ids(2) | {"parent_span_id": (1).to_bytes(8, "big")}
    send(post, *((timed, bare) if timed_first else (bare, timed)))
    found = api(f"/api/traces/{TRACE.hex()}")
    assert found["duration"] == pytest.approx(5.0)
    by_id = {span["span_id"]: span for span in found["spans"]}
    untimed = by_id[(2).to_bytes(8, "big").hex()]
    assert (untimed["offset"], untimed["duration"]) == (0, 0)
    assert (untimed["no_start"], untimed["no_end"]) == (True, True)
    (listed,) = api("/api/traces?from=0")["traces"]
    assert listed["duration"] == pytest.approx(5.0)


def test_a_trace_without_any_time_is_of_when_it_came(post, api):
    """And so is what has an end alone."""
    before = time.time() * 1000
    send(post, ids(1))
    found = api(f"/api/traces/{TRACE.hex()}")
    assert (found["duration"], found["start"] >= before - 1) == (0, True)


def test_a_duration_of_zero_was_sent(post, api):
    """It is no missing end."""
    now = time.time_ns()
    send(post, ids(1) | {"start_time_unix_nano": now, "end_time_unix_nano": now},
         ids(2) | {"start_time_unix_nano": now})  # fmt: skip
    spans = api(f"/api/traces/{TRACE.hex()}")["spans"]
    assert sorted((s["duration"], s["no_end"]) for s in spans) == [(0, False), (0, True)]


def test_a_confidence_of_zero_version_zero_and_a_false_label_are_kept(post, api):
    """In the list of traces, of predictions and of models."""
    now = time.time_ns()
    base = {"start_time_unix_nano": now, "end_time_unix_nano": now + MS, "name": "predict m"}
    for number, confidence in enumerate((0.0, 0.5), 1):
        send(post, base | ids(number), attributes=[
            (semconv.ML_MODEL_NAME, "m"), (semconv.ML_MODEL_VERSION, 0),
            (semconv.ML_PREDICTION_LABEL, False), (semconv.ML_PREDICTION_ROWS_ATTRIBUTE, 0),
            (semconv.ML_PREDICTION_CONFIDENCE_ATTRIBUTE, confidence)])  # fmt: skip
    (listed,) = api("/api/traces?from=0")["traces"]
    assert (listed["confidence"], listed["version"], listed["label"]) == (0.0, "0", "False")
    (model,) = api("/api/models?from=0")["models"]
    assert model["version"] == "0"
    rows = api("/api/models/m/predictions?from=0")["predictions"]
    assert sorted(row["confidence"] for row in rows) == [0.0, 0.5]


@pytest.mark.parametrize("bad", [{"kind": 9}, {"status": {"code": 7}}])
def test_an_enum_out_of_range_costs_its_span(post, api, bad):
    """The one beside it is kept."""
    now = time.time_ns()
    partial = send(post, ids(1) | {"start_time_unix_nano": now},
                   ids(2) | {"start_time_unix_nano": now} | bad)  # fmt: skip
    assert partial.rejected_spans == 1
    assert api("/api/status")["spans"] == 1


def test_a_large_trace_keeps_root_and_order(post, api, monkeypatch):
    """Whatever came last; it says how many are left out."""
    monkeypatch.setattr(trace_query, "MAX_SPANS", 10)
    now = time.time_ns()
    root = (99).to_bytes(8, "big")
    spans = [ids(n) | {"parent_span_id": root, "start_time_unix_nano": now - n * MS,
                       "name": f"s{n}"} for n in range(1, 31)]  # fmt: skip
    send(post, *spans, {"span_id": root, "start_time_unix_nano": now - 40 * MS, "name": "root"})
    found = api(f"/api/traces/{TRACE.hex()}")
    assert [s["name"] for s in found["spans"]] == ["root", *(f"s{n}" for n in range(30, 21, -1))]
    assert (found["truncated"], found["total_spans"], found["left_out"]) == (True, 31, 21)


def test_all_shows_what_is_a_little_ahead(post, api):
    """Five minutes ahead: shown by "all"."""
    ahead = time.time_ns() + 300 * 10**9
    assert not send(post, ids(1) | {"start_time_unix_nano": ahead}).rejected_spans
    assert len(api("/api/traces?from=0")["traces"]) == 1
    assert not api("/api/traces")["traces"]
