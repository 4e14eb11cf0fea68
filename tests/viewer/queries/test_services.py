"""Rate, errors and durations of services and operations, and who calls whom, against a plain count."""

from __future__ import annotations

import random
import statistics
import time

import numpy as np
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otelml.viewer.decode import decode_traces
from otelml.viewer.queries import NotFoundError, get_calls, get_service, has_models, list_services
from otelml.viewer.queries.red_sums import Lines
from otelml.viewer.queries.window import Slots
from otelml.viewer.store import Store

NS = 1_000_000_000
TRACES = 400


@pytest.fixture
def store(tmp_path):
    opened = Store(tmp_path / "t.db")
    yield opened
    opened.close()


def put(store, request):
    store.submit(decode_traces(request)).result(10)


def ask(store, query, **params):
    with store.reader() as connection:
        return query(connection, {"from": "0", **{k: str(v) for k, v in params.items()}})


@pytest.fixture
def filled(store, scene):
    """Return the store and when the look-up got slower."""
    now = time.time_ns()
    start, slower = now - 1800 * NS, now - 600 * NS
    made = scene.Scene(slower_ns=slower, deadlocks=40)
    spans = []
    for part in range(4):
        begin = start + part * 450 * NS
        request = made.request(begin, begin + 440 * NS, TRACES // 4)
        put(store, request)
        for group in request.resource_spans:
            spans += [
                (group.resource.attributes[0].value.string_value, x)
                for x in group.scope_spans[0].spans
            ]
    return store, spans, slower


def ms(span):
    return (span.end_time_unix_nano - span.start_time_unix_nano) / 1e6


def test_each_service_has_its_requests_errors_and_durations(filled):
    """Only what it is asked to do: its calls to others are none of its requests."""
    store, spans, _ = filled
    found = {row["name"]: row for row in ask(store, list_services)["services"]}
    assert set(found) == {"gateway", "loan-api", "feature-store", "audit"}
    for name, row in found.items():
        mine = [x for service, x in spans if service == name and x.kind in {2, 5}]
        assert (row["spans"], row["basis"]) == (len(mine), "entries")
        assert row["errors"] == sum(x.status.code == 2 for x in mine)
        assert sum(row["sparkline"]) == len(mine)
        durations = sorted(ms(x) for x in mine)
        for key, q in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
            assert row[key] == pytest.approx(np.quantile(durations, q), rel=0.1)


def test_each_operation_too_and_a_service_alone(filled):
    store, spans, _ = filled
    everything = ask(store, list_services)
    assert everything["total_operations"] == len(everything["operations"]) == 8
    for row in everything["operations"]:
        mine = [x for s, x in spans if (s, x.name) == (row["service"], row["name"])]
        assert row["spans"] == len(mine)
        assert row["errors"] == sum(x.status.code == 2 for x in mine)
        assert row["p50"] == pytest.approx(statistics.median(map(ms, mine)), rel=0.1)
    one = ask(store, get_service, name="feature-store")
    assert [row["name"] for row in one["operations"]] == ["GET /features/{id}", "SELECT features"]
    step = one["step"] / 1000
    assert sum(one["rate_line"]) * step == pytest.approx(TRACES)
    assert sum(one["error_line"]) * step == pytest.approx(TRACES // 40)
    late = [v for v in one["quantile_lines"]["p95"][-20:] if v is not None]
    early = [v for v in one["quantile_lines"]["p95"][:20] if v is not None]
    assert min(late) > max(early)
    with pytest.raises(NotFoundError, match="nobody"):
        ask(store, get_service, name="nobody")


def test_an_operation_that_got_slower_says_since_when(filled):
    """The look-up and what waits for it, by how much, and nothing else."""
    store, _, slower = filled
    step = ask(store, list_services)["step"]
    changes = {
        (row["service"], row["name"]): row["change"]
        for row in ask(store, list_services)["operations"]
    }
    changed = changes["feature-store", "GET /features/{id}"]
    assert abs(changed["since"] - slower / 1e6) <= 2 * step
    assert changed["ratio"] == pytest.approx(4, rel=0.25)
    assert changed["p50"][1] / changed["p50"][0] == pytest.approx(4, rel=0.25)
    assert changes["audit", "process decisions"] is None
    assert changes["loan-api", "send decisions"] is None
    assert changes["gateway", "POST /loans"]["ratio"] > 1.3


def test_what_only_varies_is_no_change():
    """Of 300 steady operations none is said to have changed."""
    draw = np.random.default_rng(5)
    said = 0
    for _ in range(300):
        lines = Lines(120)
        for slot in range(120):
            for bucket in draw.normal(100, 12, draw.poisson(4)).astype(int):
                lines.latency[slot, bucket] += 1
        said += lines.change(Slots(0, 30, 120)) is not None
    assert said == 0


def test_a_short_range_reads_the_fine_sums_and_agrees(filled):
    store, spans, _ = filled
    now = time.time() * 1000
    ends = {"from": int(now - 900_000) // 10_000 * 10_000, "to": int(now) // 10_000 * 10_000}
    found = ask(store, list_services, **ends)
    inside = [
        x for s, x in spans
        if s == "audit" and ends["from"] <= x.start_time_unix_nano / 1e6 < ends["to"]
    ]  # fmt: skip
    (row,) = (row for row in found["services"] if row["name"] == "audit")
    assert row["spans"] == len(inside) > 50


def test_a_service_without_requests_counts_all_its_spans(store, scene):
    """Such as one that only ever calls; a root is a request of its own."""
    now = time.time_ns()
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.append(scene.pair("service.name", "cron"))
    spans = group.scope_spans.add().spans
    for number in range(1, 4):
        spans.add(trace_id=b"\x01" * 16, span_id=number.to_bytes(8, "big"), name="step", kind=1,
                  parent_span_id=b"\x99" * 8, start_time_unix_nano=now)  # fmt: skip
    put(store, request)
    (row,) = ask(store, list_services)["services"]
    assert (row["basis"], row["spans"]) == ("spans", 3)
    spans[0].parent_span_id, spans[0].span_id = b"", b"\x77" * 8
    del spans[1:]
    put(store, request)
    (row,) = ask(store, list_services)["services"]
    assert (row["basis"], row["spans"]) == ("entries", 1)


def edges(found):
    return {(e["from"], e["to"], e["kind"]): (e["calls"], e["errors"]) for e in found["edges"]}


def test_who_calls_whom(filled):
    """By parents, by links of messages, and by what is said of those that send no spans."""
    store, _, _ = filled
    found = ask(store, get_calls)
    bad = TRACES // 40
    assert edges(found) == {
        ("gateway", "loan-api", "call"): (TRACES, bad),
        ("loan-api", "feature-store", "call"): (TRACES, bad),
        ("loan-api", "audit", "message"): (TRACES, 0),
        ("feature-store", "postgresql", "external"): (TRACES, bad),
    }
    assert found["complete"]
    assert {n["name"]: n["external"] for n in found["nodes"]} == {
        "audit": False, "feature-store": False, "gateway": False, "loan-api": False,
        "postgresql": True,
    }  # fmt: skip
    mean = next(e["mean"] for e in found["edges"] if e["to"] == "audit")
    assert mean == pytest.approx(2.0, rel=0.01)


def test_calls_come_in_any_order_and_batch(tmp_path, scene):
    """Children before parents, each service on its own, as real senders send."""
    now = time.time_ns()
    request = scene.Scene().request(now - 60 * NS, now - 10 * NS, 30)
    parts = []
    for group in request.resource_spans:
        for span in group.scope_spans[0].spans:
            part = ExportTraceServiceRequest()
            resource = part.resource_spans.add(resource=group.resource)
            resource.scope_spans.add().spans.append(span)
            parts.append(part)
    random.Random(3).shuffle(parts)
    whole, mixed = Store(tmp_path / "a.db"), Store(tmp_path / "b.db")
    put(whole, request)
    for part in parts:
        put(mixed, part)
    assert edges(ask(whole, get_calls)) == edges(ask(mixed, get_calls))
    assert len(edges(ask(mixed, get_calls))) == 4
    whole.close()
    mixed.close()


def test_calls_in_a_circle_and_to_oneself(store, scene):
    """A service that calls itself has no edge to itself; a calls b calls a has two."""
    now = time.time_ns()
    request = ExportTraceServiceRequest()
    parent = b""
    for number, service in enumerate(("a", "a", "b", "a"), 1):
        group = request.resource_spans.add()
        group.resource.attributes.append(scene.pair("service.name", service))
        group.scope_spans.add().spans.add(
            trace_id=b"\x01" * 16, span_id=number.to_bytes(8, "big"), parent_span_id=parent,
            name="x", kind=2, start_time_unix_nano=now,
        )  # fmt: skip
        parent = number.to_bytes(8, "big")
    put(store, request)
    assert edges(ask(store, get_calls)) == {("a", "b", "call"): (1, 0), ("b", "a", "call"): (1, 0)}


def test_more_calls_than_are_looked_at_are_said(filled, monkeypatch):
    monkeypatch.setattr("otelml.viewer.queries.calls.MAX_CALLS", 100)
    found = ask(filled[0], get_calls)
    assert found["complete"] is False
    assert sum(e["calls"] for e in found["edges"] if e["kind"] == "call") <= 100


def test_sums_go_with_their_age(tmp_path, scene, monkeypatch):
    """Operations that nobody does any more go too; those that are kept stay."""
    monkeypatch.setattr("otelml.viewer.store.store._PRUNE_EVERY_S", 1e9)  # the test does it
    store = Store(tmp_path / "t.db", retention_s=3600)
    now = time.time_ns()
    put(store, scene.Scene().request(now - 60 * NS, now, 10))
    retention = store._retention
    with store._condition:
        store._connection.execute("BEGIN IMMEDIATE")
        while any(retention.step(now + 30 * NS).values()):
            pass
        store._connection.execute("COMMIT")
    assert store._connection.execute("SELECT count(*) FROM operations").fetchone() == (8,)
    with store._condition:
        store._connection.execute("BEGIN IMMEDIATE")
        for _ in range(50):
            retention.step(now + 5000 * NS)
        store._connection.execute("COMMIT")
    for table in ("spans", "red", "operations"):
        assert store._connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)  # noqa: S608 - our tables
    store.close()


def test_the_first_page_is_models_where_there_are_predictions(store, scene, seed):
    now = time.time_ns()
    put(store, scene.Scene().request(now - 60 * NS, now, 5))
    with store.reader() as connection:
        assert has_models(connection) is False
    put(store, seed.Fleet(now - 60 * NS).period(now - 20 * NS, now - 10 * NS)[0])
    with store.reader() as connection:
        assert has_models(connection) is True
