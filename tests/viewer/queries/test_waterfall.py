"""The critical path and clocks that disagree, of small traces whose answers are known by hand."""

from __future__ import annotations

import random
import time

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otelml.viewer.decode import decode_logs, decode_traces
from otelml.viewer.queries import get_trace, get_trace_version
from otelml.viewer.queries.critical_path import critical_path
from otelml.viewer.store import Store

MS = 1_000_000
T0 = time.time_ns() - 60_000 * MS
TRACE = b"\x07" * 16
SERVER, CLIENT, CONSUMER = (
    Span.SPAN_KIND_SERVER,
    Span.SPAN_KIND_CLIENT,
    Span.SPAN_KIND_CONSUMER,
)


@pytest.fixture
def store(tmp_path):
    opened = Store(tmp_path / "t.db")
    yield opened
    opened.close()


def put(store, *spans, host=None):
    """Store (id, parent, service, from ms, to ms) spans."""
    for name, parent, service, start, end, *kind in spans:
        request = ExportTraceServiceRequest()
        group = request.resource_spans.add()
        pairs = {"service.name": service} | ({"host.name": host} if host else {})
        for key, value in pairs.items():
            group.resource.attributes.add(key=key).value.string_value = value
        group.scope_spans.add().spans.add(
            trace_id=TRACE, span_id=name.encode().ljust(8, b"."), name=name,
            parent_span_id=parent.encode().ljust(8, b".") if parent else b"",
            start_time_unix_nano=T0 + int(start * MS), end_time_unix_nano=T0 + int(end * MS),
            kind=kind[0] if kind else Span.SPAN_KIND_INTERNAL,
        )  # fmt: skip
        store.submit(decode_traces(request)).result(10)


def spans_of(store, **options):
    with store.reader() as connection:
        found = get_trace(connection, TRACE.hex(), **options)
    return {span["name"]: span for span in found["spans"]}, found


def path_of(spans):
    return {
        name: [(round(low, 6), round(high, 6)) for low, high in span["critical"]]
        for name, span in spans.items()
        if span["critical"]
    }


def test_of_concurrent_children_the_last_to_end_is_critical(store):
    """Of A and B side by side B held up; C began after B; the rest is the root's own."""
    put(store, ("root", "", "s", 0, 130), ("A", "root", "s", 5, 50), ("B", "root", "s", 5, 100),
        ("C", "root", "s", 102, 120))  # fmt: skip
    spans, _ = spans_of(store)
    assert path_of(spans) == {
        "root": [(0, 5), (100, 102), (120, 130)], "B": [(5, 100)], "C": [(102, 120)],
    }  # fmt: skip


def test_a_child_that_still_ran_did_not_hold_the_next_up(store):
    """A ran beyond the start of B, so B did not wait for it: that time is the root's."""
    put(store, ("root", "", "s", 0, 100), ("A", "root", "s", 0, 60), ("B", "root", "s", 40, 100))
    spans, _ = spans_of(store)
    assert path_of(spans) == {"root": [(0, 40)], "B": [(40, 100)]}


def test_what_runs_beyond_its_parent_counts_inside_only(store):
    """A child outlives its parent, and one begins after it: neither is waited for there."""
    put(store, ("root", "", "s", 0, 50), ("late", "root", "s", 10, 90), ("after", "root", "s", 60, 80),
        ("deep", "late", "s", 20, 85))  # fmt: skip
    spans, _ = spans_of(store)
    assert path_of(spans) == {"root": [(0, 10)], "late": [(10, 20)], "deep": [(20, 50)]}


def test_the_stretches_of_a_trace_cover_its_root_once():
    """For any tree: no overlap, no gap, and each stretch inside its span."""
    rng = random.Random(5)
    for _ in range(200):
        spans = [{"span_id": "0", "start_ns": 0, "end_ns": 1000}]
        children = {}
        for number in range(1, 40):
            parent = rng.choice(spans)
            start = rng.randint(-50, 1050)
            span = {
                "span_id": str(number),
                "start_ns": start,
                "end_ns": start + rng.randint(0, 600),
            }
            children.setdefault(parent["span_id"], []).append(span)
            spans.append(span)
        found = critical_path(spans[0], children)
        pieces = sorted(each for sections in found.values() for each in sections)
        assert pieces[0][0] == 0
        assert pieces[-1][1] == 1000
        assert all(left[1] == right[0] for left, right in zip(pieces, pieces[1:], strict=False))
        by_id = {span["span_id"]: span for span in spans}
        for name, sections in found.items():
            span = by_id[name]
            assert all(span["start_ns"] <= a < b <= span["end_ns"] for a, b in sections)


def test_a_child_of_another_clock_is_moved_into_its_parent(store):
    """Its clock is 200 ms ahead: it moves to its parent's middle, and what is below it moves along."""
    put(store, ("call", "", "web", 0, 100, CLIENT), ("serve", "call", "db", 230, 290, SERVER),
        ("query", "serve", "db", 240, 280))  # fmt: skip
    spans, found = spans_of(store)
    assert found["shifted"] == 2
    assert (spans["serve"]["offset"], spans["query"]["offset"]) == (20, 30)
    assert (spans["serve"]["skew"], spans["query"]["skew"]) == (-210, -210)
    assert spans["serve"]["start"] == pytest.approx((T0 + 230 * MS) / MS)
    assert found["duration"] == 100
    assert spans["call"]["self"] == 40
    assert path_of(spans)["query"] == [(30, 70)]


def test_times_as_sent_are_had_by_a_switch(store):
    """Without the adjustment the offsets are those that were sent."""
    put(store, ("call", "", "web", 0, 100, CLIENT), ("serve", "call", "db", 230, 290, SERVER))
    spans, found = spans_of(store, adjust=False)
    assert (spans["serve"]["offset"], spans["serve"]["skew"], found["shifted"]) == (230, 0, 0)
    assert found["duration"] == 290


@pytest.mark.parametrize(
    ("child", "skew"),
    [
        (("serve", "call", "db", 20, 90, SERVER), 0),  # inside
        (("serve", "call", "web", 200, 220, SERVER), 0),  # the same sender has one clock
        (("serve", "call", "db", -30, 120, SERVER), 30),  # outlasts it: only not before it
        (("serve", "call", "db", 20, 190, SERVER), 0),  # outlasts it: it may have timed out
        (("serve", "call", "db", 500, 510, CONSUMER), 0),  # a queue lay between
        (("serve", "call", "db", -10, -5, CONSUMER), 10),  # but no effect before its cause
    ],
)
def test_only_what_cannot_be_true_is_moved(store, child, skew):
    """Each case beside a parent of 0 to 100 ms."""
    put(store, ("call", "", "web", 0, 100, CLIENT), child)
    spans, _ = spans_of(store)
    assert spans["serve"]["skew"] == skew


def test_services_of_one_host_share_its_clock(store):
    """What one machine sends is not shifted, whatever service it is of."""
    put(store, ("call", "", "web", 0, 100, CLIENT), ("serve", "call", "db", 230, 290, SERVER),
        host="one")  # fmt: skip
    spans, found = spans_of(store)
    assert (spans["serve"]["offset"], found["shifted"]) == (230, 0)


def test_cycles_and_orphans_are_neither_lost_nor_followed(store):
    """Spans that are each other's parents, and one whose parent is missing, are all there."""
    put(store, ("a", "b", "x", 0, 5), ("b", "a", "y", 1, 4), ("c", "gone", "z", 2, 3))
    spans, _ = spans_of(store)
    assert set(spans) == {"a", "b", "c"}
    assert spans["c"]["missing_parent"]


def test_the_version_changes_with_each_span_and_log(store):
    """An open page asks this, so that it reads the trace again only when there is more."""

    def version():
        with store.reader() as connection:
            return get_trace_version(connection, TRACE.hex())["version"]

    seen = [version()]
    put(store, ("a", "", "x", 0, 5))
    seen.append(version())
    put(store, ("b", "a", "x", 1, 4))
    seen.append(version())
    request = ExportLogsServiceRequest()
    record = (
        request.resource_logs.add()
        .scope_logs.add()
        .log_records.add(time_unix_nano=T0, trace_id=TRACE, span_id=b"b".ljust(8, b"."))
    )
    record.body.string_value = "late"
    store.submit(decode_logs(request)).result(10)
    seen.append(version())
    assert len(set(seen)) == 4
