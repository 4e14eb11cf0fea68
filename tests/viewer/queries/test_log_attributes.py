"""Log records by any attribute: of the record, of its scope, of its resource."""

from __future__ import annotations

import time

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from otelml.viewer.decode import decode_logs
from otelml.viewer.queries import BadParameterError, list_logs
from otelml.viewer.queries.window import Window
from otelml.viewer.store import Store

MS = 1_000_000
T0 = time.time_ns() - 60_000 * MS


def value_of(value):
    name = {bool: "bool_value", int: "int_value", float: "double_value"}.get(
        type(value), "string_value"
    )
    return AnyValue(**{name: value})


def put(store, resource, *records, scope="app"):
    """Store (body, attributes, severity) of one sender."""
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add()
    for key, value in resource.items():
        group.resource.attributes.add(key=key).value.CopyFrom(value_of(value))
    logs = group.scope_logs.add()
    logs.scope.name = scope
    for at, (body, pairs, *severity) in enumerate(records):
        record = logs.log_records.add(
            time_unix_nano=T0 + at * MS, severity_number=severity[0] if severity else 9
        )
        record.body.string_value = body
        for key, value in pairs.items():
            record.attributes.add(key=key).value.CopyFrom(value_of(value))
    store.submit(decode_logs(request)).result(10)


@pytest.fixture
def store(tmp_path):
    opened = Store(tmp_path / "l.db")
    put(opened, {"service.name": "web", "region": "eu", "shard": 1},
        ("a", {"user": "Ann", "code": 200, "ok": True, "took": 0.5}),
        ("b", {"user": "Bob", "code": 503, "ok": False, "region": "us"}, 17),
        ("c", {"text": "first line\nsecond line"}))  # fmt: skip
    put(opened, {"service.name": "db", "region": "us"}, ("d", {"user": "Ann"}, 13), scope="driver")
    put(
        opened,
        {"service.name": "db", "region": "us"},
        ("long", {"fill": "x" * 9000, "user": "Zoe"}),
    )
    yield opened
    opened.close()


def ask(store, *where, **params):
    with store.reader() as connection:
        return list_logs(connection, {"from": "0", "where": "\n".join(where), **params})


@pytest.mark.parametrize(
    ("where", "bodies"),
    [
        (["user=Ann"], "ad"),
        (["user=ann"], ""),  # a value is what it is, unlike the text of the search
        (["user=Ann", "user=Bob"], "abd"),  # of one key alternatives
        (["user=Ann", "service.name=db"], "d"),
        (["code=503"], "b"),
        (["ok=true"], "a"),
        (["took=0.5"], "a"),
        (["region=eu"], "ac"),  # the record's own attribute comes before its resource's
        (["region=us"], ["b", "d", "long"]),
        (["shard=1"], "abc"),
        (["otel.scope.name=driver"], "d"),
        (["level=error"], "b"),
        (["user!=Ann"], ["b", "c", "long"]),  # one that is missing is not Ann either
        (["user!=Ann", "user!=Bob", "level=info"], ["c", "long"]),
        (["user="], "c"),
        (["text=first line second line"], "c"),
        (["user=Zoe"], ["long"]),  # its searched text was cut before this
        (["nobody=has it"], ""),
    ],
)
def test_records_by_any_attribute(store, where, bodies):
    """Strings, numbers, booleans, texts of several lines; equal, unequal, missing."""
    found = ask(store, *where)
    assert sorted(log["body"] for log in found["logs"]) == sorted(bodies)
    assert found["total"] == len(bodies)
    assert sum(map(sum, found["histogram"]["levels"].values())) == len(bodies)


@pytest.mark.parametrize("ns", [0, 1, 999_699, 999_950, 999_999])
def test_the_range_of_all_begins_with_the_oldest(tmp_path, monkeypatch, ns):
    """Wherever in its millisecond it lies: as a float that time may be rounded to the next one."""
    monkeypatch.setattr(f"{__name__}.T0", T0 // MS * MS + ns)
    opened = Store(tmp_path / "edge.db")
    put(opened, {"service.name": "web"}, ("first", {}), ("second", {}))
    found = ask(opened)
    opened.close()
    assert [log["body"] for log in found["logs"]] == ["second", "first"]
    assert found["total"] == 2


def test_filters_hold_together_and_pages_go_on(store):
    """Beside level, text and service; the next page has the rest."""
    assert [log["body"] for log in ask(store, "region=us", level="warn")["logs"]] == ["b", "d"] or [
        log["body"] for log in ask(store, "region=us", level="warn")["logs"]
    ] == ["d", "b"]
    assert [log["body"] for log in ask(store, "user=Ann", service="web")["logs"]] == ["a"]
    first = ask(store, "user!=", limit="2")
    rest = ask(store, "user!=", limit="2", before=str(first["next_before"]))
    assert {log["body"] for log in first["logs"] + rest["logs"]} == {"a", "b", "d", "long"}


def test_values_of_an_attribute_are_counted(store):
    """By value as a whole and over time; what has none is counted as such."""
    groups = ask(store, by="user")["groups"]
    counted = {each["value"]: each["count"] for each in groups["values"]}
    assert counted == {"Ann": 2, "Bob": 1, "Zoe": 1, "": 1}
    assert all(sum(each["counts"]) == each["count"] for each in groups["values"])
    assert (groups["counted"], groups["capped"], groups["other"]["values"]) == (5, False, 0)
    by_level = ask(store, "region=us", by="level")["groups"]["values"]
    assert {each["value"]: each["count"] for each in by_level} == {"error": 1, "warn": 1, "info": 1}


def test_more_values_than_are_shown_are_one_of_the_rest(store):
    """The most frequent are named; nothing is left out of the sum."""
    put(store, {"service.name": "x"}, *((f"r{n}", {"key": f"v{n % 20}"}) for n in range(40)))
    groups = ask(store, "service.name=x", by="key")["groups"]
    assert len(groups["values"]) == 8
    assert groups["other"]["values"] == 12
    assert sum(groups["other"]["counts"]) + sum(v["count"] for v in groups["values"]) == 40


@pytest.mark.parametrize("where", ["nothing", "=x", "!=x"])
def test_a_filter_that_is_none_is_refused(store, where):
    """With the form that is expected."""
    with pytest.raises(BadParameterError, match="key=value"):
        ask(store, where)


def test_whole_milliseconds_are_exact():
    """A float's product would be up to 128 ns off, so that a range begins after its oldest item."""
    first = T0 // MS
    for ms in range(first, first + 500):
        assert Window(float(ms), ms + 1.0).from_ns == ms * MS
