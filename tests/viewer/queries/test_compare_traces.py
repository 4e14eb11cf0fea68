"""Two traces laid over each other: counts, times, what is added, missing and changed."""

from __future__ import annotations

import time

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otelml.viewer.decode import decode_traces
from otelml.viewer.queries import BadParameterError, NotFoundError, compare_traces
from otelml.viewer.store import Store

MS = 1_000_000
T0 = time.time_ns() - 60_000 * MS
A, B = "0a" * 16, "0b" * 16


@pytest.fixture
def store(tmp_path):
    opened = Store(tmp_path / "t.db")
    yield opened
    opened.close()


def put(store, trace_id, *spans, version="1"):
    """Store (id, parent, service, name, from ms, to ms, attributes)."""
    for own, parent, service, name, start, end, pairs in spans:
        request = ExportTraceServiceRequest()
        group = request.resource_spans.add()
        for key, value in (("service.name", service), ("service.version", version)):
            group.resource.attributes.add(key=key).value.string_value = value
        span = group.scope_spans.add().spans.add(
            trace_id=bytes.fromhex(trace_id), span_id=own.encode().ljust(8, b"."), name=name,
            parent_span_id=parent.encode().ljust(8, b".") if parent else b"",
            start_time_unix_nano=T0 + start * MS, end_time_unix_nano=T0 + end * MS,
        )  # fmt: skip
        for key, value in pairs.items():
            span.attributes.add(key=key).value.string_value = value
        store.submit(decode_traces(request)).result(10)


def compare(store, a=A, b=B):
    with store.reader() as connection:
        found = compare_traces(connection, {"a": a, "b": b})
    return {row["name"]: row for row in found["rows"]}, found


def test_one_query_that_became_three_is_one_row(store):
    """Counts and sums of each side, and the difference."""
    put(store, A, ("r", "", "s", "root", 0, 50, {}), ("q", "r", "db", "query", 10, 30, {}))
    put(store, B, ("r", "", "s", "root", 0, 90, {}),
        *((f"q{n}", "r", "db", "query", 10 + 25 * n, 30 + 25 * n, {}) for n in range(3)))  # fmt: skip
    rows, found = compare(store)
    query = rows["query"]
    assert (query["a"]["count"], query["b"]["count"]) == (1, 3)
    assert (query["a"]["duration"], query["b"]["duration"], query["difference"]) == (20, 60, 40)
    assert rows["root"]["difference"] == 40
    assert rows["root"]["self_difference"] == (90 - 60) - (50 - 20)
    assert [row["depth"] for row in found["rows"]] == [0, 1]


def test_what_only_one_has_is_added_or_missing_with_all_below_it(store):
    """A branch of one trace alone keeps its tree; matching is by the path, not by the name alone."""
    put(store, A, ("r", "", "s", "root", 0, 50, {}), ("o", "r", "s", "old", 1, 9, {}),
        ("x", "o", "s", "leaf", 2, 3, {}))  # fmt: skip
    put(store, B, ("r", "", "s", "root", 0, 60, {}), ("n", "r", "s", "new", 1, 19, {}),
        ("x", "n", "s", "leaf", 2, 4, {}))  # fmt: skip
    _, found = compare(store)
    shown = [(r["name"], r["a"] is not None, r["b"] is not None) for r in found["rows"]]
    assert sorted(shown) == [
        ("leaf", False, True), ("leaf", True, False), ("new", False, True), ("old", True, False),
        ("root", True, True),
    ]  # fmt: skip
    assert (found["added"], found["missing"]) == (2, 2)
    assert [r["depth"] for r in found["rows"]] == [0, 1, 2, 1, 2]


def test_changed_attributes_are_named_with_both_values(store):
    """Of spans and, by service, of what sends them; the same values are not listed."""
    put(store, A, ("r", "", "s", "root", 0, 50, {"same": "1", "code": "200", "gone": "x"}))
    put(store, B, ("r", "", "s", "root", 0, 50, {"same": "1", "code": "503"}), version="2")
    rows, found = compare(store)
    changed = {
        each["key"]: (each["a"]["values"], each["b"]["values"]) for each in rows["root"]["changed"]
    }
    assert changed == {"code": (["200"], ["503"]), "gone": (["x"], [])}
    assert found["changed"] == 1
    assert [each["key"] for each in found["resources"][0]["changed"]] == ["service.version"]


def test_two_roots_match_whatever_they_are_called(store):
    """A route that was renamed is still the same request."""
    put(store, A, ("r", "", "s", "POST /score", 0, 50, {}))
    put(store, B, ("r", "", "s", "POST /v2/score", 0, 70, {}))
    _, found = compare(store)
    (row,) = found["rows"]
    assert (row["name_before"], row["name"], row["difference"]) == (
        "POST /score",
        "POST /v2/score",
        20,
    )


def test_a_trace_beside_itself_differs_in_nothing(store):
    """No difference, nothing added, missing or changed."""
    put(store, A, ("r", "", "s", "root", 0, 50, {"k": "v"}), ("c", "r", "s", "child", 5, 9, {}))
    rows, found = compare(store, A, A)
    assert {row["difference"] for row in rows.values()} == {0}
    assert (found["added"], found["missing"], found["changed"], found["resources"]) == (0, 0, 0, [])


def test_what_is_missing_is_said(store):
    """No second id, a wrong one, or one that is not stored."""
    put(store, A, ("r", "", "s", "root", 0, 50, {}))
    with store.reader() as connection:
        with pytest.raises(BadParameterError, match="b is missing"):
            compare_traces(connection, {"a": A})
        with pytest.raises(BadParameterError, match="32 hexadecimal"):
            compare_traces(connection, {"a": A, "b": "xyz"})
        with pytest.raises(NotFoundError, match="not stored"):
            compare_traces(connection, {"a": A, "b": B})
