"""What readers of sources yield, and what they remember."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
import threading
import time

import pytest

from otelml.config import FeedbackOptions, RestLabels, SqlLabels
from otelml.exceptions import ConfigurationError, LabelSourceError
from otelml.labels.sources import Unreadable, open_reader
from otelml.labels.sources.watermark import earlier, packed, unpacked
from tests.labels._api import Api

NOW = "2026-11-26 10:00:00"


class Place:
    """Where a reader goes on, as a store would keep it."""

    def __init__(self) -> None:
        self.position = None

    def read(self, options, batches=None):
        """Read to the end, or so many batches, with a new reader; return the rows."""
        reader = open_reader(options)
        rows = []
        for number, batch in enumerate(
            reader.read(lambda _: json.loads(json.dumps(self.position)), threading.Event()), 1
        ):
            rows += batch.rows
            self.position = batch.position
            if number == batches:
                break
        reader.close()
        return rows


@pytest.fixture
def place():
    return Place()


@pytest.fixture
def core(tmp_path):
    """A database of outcomes: what adds rows to it, and the options of its source."""
    path = tmp_path / "core.db"
    with sqlite3.connect(path) as database:
        database.execute("create table outcomes (loan text, outcome, changed)")

    def add(*rows):
        with sqlite3.connect(path) as database:
            database.executemany("insert into outcomes values (?, ?, ?)", rows)

    def options(**more):
        query = "select loan as key, outcome as actual, changed as timestamp from outcomes"
        more = {"query": query, "overlap": 0, "rows": 3, **more}
        return SqlLabels(name="core", url=f"sqlite:///{path}", **more)

    return add, options


def _keys(rows):
    return [row["key"] for row in rows]


def test_ties_on_the_watermark_are_not_lost(core, place):
    """Though a page ends among them, and though more come with the same watermark later."""
    add, options = core
    add(*((f"a{n}", "yes", 1) for n in range(2)), *((f"b{n}", "yes", 2) for n in range(20)))
    add(("c", "yes", 3))
    first = _keys(place.read(options(), batches=2))
    add(*((f"late{n}", "yes", 2) for n in range(4)))
    rest = _keys(place.read(options()))
    assert sorted(first + rest) == sorted(
        [*(f"a{n}" for n in range(2)), *(f"b{n}" for n in range(20)), "c",
         *(f"late{n}" for n in range(4))]
    )  # fmt: skip
    assert place.read(options()) == []
    add(("tie", "yes", 3))
    assert _keys(place.read(options())) == ["tie"]


def test_rows_that_appear_late_are_read_once(core, place):
    """Within the overlap; what was read before is not read again, also after a restart."""
    add, options = core
    late = options(overlap="10m")
    add(("a", "yes", NOW), ("b", "yes", "2026-11-26 10:20:00"))
    assert _keys(place.read(late)) == ["a", "b"]
    add(("within", "no", "2026-11-26 10:12:00"), ("older", "no", "2026-11-26 10:05:00"))
    assert _keys(place.read(late)) == ["within"]
    assert place.read(late) == []
    add(("b", "no", "2026-11-26 10:21:00"))
    assert _keys(place.read(late)) == ["b"]
    assert len(place.position["seen"]) == 3


@pytest.mark.parametrize(
    "marks", [(1, 2, 3), (1.5, 2.5, 9.0), ("a", "b", "c"), (NOW, "2026-11-27", "2027")]
)
def test_any_ordered_watermark(core, place, marks):
    """Numbers and texts; a row without one is not read."""
    add, options = core
    add(*((str(n), "yes", mark) for n, mark in enumerate(marks)), ("none", "yes", None))
    assert _keys(place.read(options(rows=2))) == ["0", "1", "2"]
    assert place.read(options(rows=2)) == []


@pytest.mark.parametrize(
    "value",
    [
        dt.datetime(2026, 11, 26, 10, 0, 0, 5),
        dt.datetime(2026, 11, 26, 10, tzinfo=dt.timezone.utc),
        dt.date(2026, 11, 26),
        3,
        2.5,
        "x",
        None,
    ],
)
def test_a_watermark_survives_the_store(value):
    """It is the same after JSON, type included."""
    assert unpacked(json.loads(json.dumps(packed(value)))) == value
    assert type(unpacked(packed(value))) is type(value)


def test_an_overlap_keeps_the_spelling():
    """Texts compare as texts, so that a time looks as before."""
    assert earlier(NOW, 60) == "2026-11-26 09:59:00"
    assert earlier("2026-11-26T10:00:00Z", 60) == "2026-11-26T09:59:00Z"
    assert earlier("2026-11-26", 60) == "2026-11-25"
    assert earlier(dt.date(2026, 11, 26), 60) == dt.date(2026, 11, 25)
    assert earlier(100, 60) == 40
    assert earlier("loan-7", 60) == "loan-7"
    with pytest.raises(LabelSourceError, match="bool"):
        packed(True)


def test_a_query_that_is_wrong_says_why(core, place):
    """In words, without the address."""
    _, options = core
    with pytest.raises(LabelSourceError, match="no such table") as failed:
        place.read(options(query="select 1 as timestamp from nowhere"))
    assert "core.db" not in str(failed.value)
    with pytest.raises(LabelSourceError):
        place.read(options(watermark="changed_at"))
    with pytest.raises(ConfigurationError, match="must be a URL"):
        open_reader(SqlLabels(name="a", url="nothing", query="select 1"))


def _rest(api, **more):
    more = {"records": "data.items", "cursor": "next", "fields": {"key": "n"}, **more}
    return RestLabels(name="api", **{"url": api.url, **more})


def test_an_api_by_cursor(place):
    """The last page is read again, as it may have grown; its rows are not."""
    with Api([{"n": n, "actual": "yes"} for n in range(25)], page=10) as api:
        assert _keys(place.read(_rest(api), batches=1)) == list(range(10))
        assert _keys(place.read(_rest(api))) == list(range(10, 25))
        api.rows += [{"n": n, "actual": "yes"} for n in range(25, 42)]
        assert _keys(place.read(_rest(api))) == list(range(25, 42))
        assert place.read(_rest(api)) == []
        assert [query.get("cursor") for _, query in api.asked[-1:]] == ["40"]


def test_an_api_since_a_watermark(place):
    """Ties at the end of a page are asked for again, and read once."""
    rows = [{"n": n, "at": n // 4, "actual": "yes"} for n in range(30)]
    with Api(rows, page=10) as api:
        options = _rest(api, url=f"{api.url}/since", records="", cursor="", watermark="at")
        assert _keys(place.read(options)) == list(range(30))
        api.rows.append({"n": 30, "at": 7, "actual": "no"})
        assert _keys(place.read(options)) == [30]
        assert place.read(options) == []


def test_the_token_goes_to_its_api_alone(place, monkeypatch):
    """It comes from the environment, is in no error and no repr, and follows to no other host."""
    monkeypatch.setenv("LABELS_TOKEN", "hidden-word")
    with Api([{"n": 1, "actual": "yes"}], token="hidden-word") as api, Api([]) as other:
        options = _rest(api, token="${env:LABELS_TOKEN}", headers={"X-Key": "${env:LABELS_TOKEN}"})
        assert _keys(place.read(options)) == [1]
        assert "hidden" not in repr(options)
        assert api.url not in repr(FeedbackOptions(sources=(options,)))
        for status, headers in ((302, {"Location": other.url}), (401, {}), (500, {})):
            api.refusals.append((status, headers))
            with pytest.raises(LabelSourceError) as failed:
                Place().read(options)
            assert failed.value.reason == str(status)
            assert "hidden" not in str(failed.value)
        api.rows = [{"n": 1, "actual": "yes"}] * 3
        api.answer = lambda *_: (200, json.dumps({"data": {"items": [{"n": 2}]}, "next": other.url}).encode(), {})  # fmt: skip
        with pytest.raises(LabelSourceError, match="another host"):
            Place().read(options)
        assert other.asked == []
    monkeypatch.delenv("LABELS_TOKEN")
    with pytest.raises(ConfigurationError, match="LABELS_TOKEN, which is not set"):
        open_reader(options)


@pytest.mark.parametrize(
    ("said", "least", "most"),
    [("7", 7, 7), ("999999", 3600, 3600), ("x", None, None), ("-4", 0, 0), ("nan", None, None)],
)
def test_an_api_may_ask_to_wait(place, said, least, most):
    """``Retry-After`` is heeded, within bounds."""
    with Api([]) as api:
        api.refusals.append((429, {"Retry-After": said}))
        with pytest.raises(LabelSourceError, match="429") as failed:
            place.read(_rest(api))
    assert (failed.value.wait_s, failed.value.wait_s) == (least, most)


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"data": 3}', b"[" * 100_000, b'{"data": {"items": {}}}']
)
def test_an_answer_that_is_none(place, body):
    """It is an error of the source, and no row."""
    with Api([]) as api:
        api.answer = lambda *_: (200, body, {})
        with pytest.raises(LabelSourceError):
            place.read(_rest(api))


def test_a_row_that_is_none_stops_nothing(place):
    """It is handed on as one that cannot be read."""
    with Api([{"n": 1, "actual": "yes"}, "text", None, [2], {"n": 5}]) as api:
        rows = place.read(_rest(api))
    assert [isinstance(row, Unreadable) for row in rows] == [False, True, True, True, False]
    assert rows[0] == {"key": 1, "actual": "yes"}


def test_a_silent_api_is_given_up(place):
    """The time-out is of the whole answer."""
    gate = threading.Event()
    with Api([]) as api:
        api.answer = lambda *_: gate.wait(20) and (200, b"{}", {})
        started = time.monotonic()
        with pytest.raises(LabelSourceError, match="no answer within"):
            place.read(_rest(api, timeout_s=0.2))
        gate.set()
    assert time.monotonic() - started < 15
    with pytest.raises(LabelSourceError, match="cannot be reached"):
        Place().read(_rest(api))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"kind": "sqll", "name": "a"}, "kind is one of"),
        ({"kind": "sql", "name": ""}, "SqlLabels.name"),
        ({"kind": "sql", "name": "a", "query": "q"}, "SqlLabels.url is missing"),
        ({"kind": "sql", "name": "a", "url": "u", "query": "q", "every": "soon"}, "must be seconds"),
        ({"kind": "sql", "name": "a", "url": "u", "query": "q", "rows": 0}, "at least 1"),
        ({"kind": "sql", "name": "a", "url": "u", "query": "q", "quary": "q"}, "did you mean query"),
        ({"kind": "rest", "name": "a", "url": "ftp://x"}, "must be an address"),
        ({"kind": "rest", "name": "a", "url": "http://x/", "fields": {"aktual": "b"}}, "actual"),
        ({"kind": "kafka", "name": "a", "brokers": "b"}, "KafkaLabels.topic is missing"),
        (3, "kind is one of"),
    ],
)  # fmt: skip
def test_a_wrong_option_is_named(given, said):
    """When the options are made, not when the service runs."""
    with pytest.raises(ConfigurationError, match=said):
        FeedbackOptions(sources=(given,))


def test_two_sources_have_two_names():
    """Their progress is kept by name."""
    one = {"kind": "rest", "name": "a", "url": "http://x/"}
    with pytest.raises(ConfigurationError, match="two of one name"):
        FeedbackOptions(sources=(one, one))
