"""Log records as JSON lines and over OTLP."""

from __future__ import annotations

import datetime as dt
import decimal
import io
import json
import logging
import logging.config
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider

from otelml.instrumentors.logging.json_lines import JsonLineFormatter
from tests.instrumentors._logs import (
    Hostile,
    HostileError,
    lines,
    messages,
)


def test_a_record_is_one_json_line(sink, log, capsys):
    """Outside a span a line has these fields and no others."""
    sink.start()
    log.info("hello %s", "you", extra={"rows": 3})
    (line,) = lines(capsys)
    moment = dt.datetime.strptime(line.pop("timestamp"), "%Y-%m-%dT%H:%M:%S.%fZ")
    assert (
        abs((dt.datetime.now(dt.timezone.utc).replace(tzinfo=None) - moment).total_seconds()) < 60
    )
    assert line == {
        "level": "INFO",
        "logger": log.name,
        "message": "hello you",
        "service.name": "loans",
        "rows": 3,
    }


def test_a_record_in_a_span_has_its_ids(sink, log, capsys):
    """The ids are those of the span that is current where the record is made."""
    sink.start()
    with TracerProvider().get_tracer("t").start_as_current_span("s") as span:
        log.info("inside")
    context = span.get_span_context()
    (line,) = lines(capsys)
    assert (line["trace_id"], line["span_id"]) == (
        f"{context.trace_id:032x}",
        f"{context.span_id:016x}",
    )
    assert [(r.trace_id, r.span_id) for r in sink.records] == [(context.trace_id, context.span_id)]


def test_an_exception_has_type_message_and_stack(sink, log, capsys):
    """Both sinks name the exception alike."""
    sink.start()
    try:
        raise ValueError("wrong")
    except ValueError:
        log.exception("failed")
    (line,) = lines(capsys)
    (record,) = sink.records
    for fields in (line, record.attributes):
        assert (fields["exception.type"], fields["exception.message"]) == ("ValueError", "wrong")
        assert fields["exception.stacktrace"].startswith("Traceback")
        assert fields["exception.stacktrace"].endswith("ValueError: wrong")


def test_the_same_record_goes_over_otlp_once(sink, log, capsys):
    """Body, severity, attributes, event name and logger arrive."""
    sink.start()
    log.warning("low %s", "confidence", extra={"rows": 3, "otel.event.name": "ml.prediction"})
    (data,) = sink.exporter.get_finished_logs()
    record = data.log_record
    assert (record.body, record.severity_text, record.severity_number.value) == (
        "low confidence",
        "WARN",
        13,
    )
    assert (dict(record.attributes), record.event_name) == ({"rows": 3}, "ml.prediction")
    assert data.instrumentation_scope.name == log.name
    (line,) = lines(capsys)
    assert (line["event_name"], "otel.event.name" in line) == ("ml.prediction", False)


VALUES = [
    (float("nan"), "NaN"),
    (float("-inf"), "-Infinity"),
    (b"\xffa", "\\xffa"),
    (np.float32(0.5), 0.5),
    (np.int64(7), 7),
    (np.float64("nan"), "NaN"),
    (np.bool_(True), True),
    (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
    (np.array(5), [5]),
    (np.datetime64("2020-01-02T03:04:05.123456789"), "2020-01-02T03:04:05.123456789"),
    (np.longdouble(1), "1.0"),
    (dt.date(2020, 1, 2), "2020-01-02"),
    (dt.datetime(2020, 1, 2, tzinfo=dt.timezone.utc), "2020-01-02T00:00:00+00:00"),
    (decimal.Decimal("1.10"), "1.10"),
    ({3}, [3]),
    ((1, None), [1, None]),
    ({1: 2, "a": 3}, {"1": 2, "a": 3}),
    ({1: "x", "1": "y"}, {"1": "x", "extra.1": "y"}),
    (Hostile(), "<unprintable Hostile>"),
    ({Hostile(): 1}, {"<unprintable Hostile>": 1}),
    (HostileError(), "<unprintable HostileError>"),
    ("a\ud800b", "a\ufffdb"),
    ("a\nb\u2028", "a\nb\u2028"),
    (2**64, str(2**64)),
    (10**5000, "<integer of 16610 bits>"),
    (logging.INFO, 20),
    (ValueError, "ValueError"),
    (ValueError("x"), "ValueError: x"),
]


@pytest.mark.parametrize(
    ("value", "shown"), VALUES, ids=[f"{type(v).__name__}{i}" for i, (v, _) in enumerate(VALUES)]
)
def test_any_value_is_shown(sink, log, capsys, value, shown):
    """Whatever an extra holds, both sinks carry one readable form of it."""
    sink.start()
    log.info("m", extra={"value": value})
    assert [line["value"] for line in lines(capsys)] == [shown]
    (record,) = sink.records
    assert json.loads(json.dumps(record.attributes["value"])) == shown


def test_a_cycle_and_deep_nesting_end(sink, log, capsys):
    """A container in itself, and one nested 5,000 deep, are cut."""
    sink.start()
    cycle: dict = {}
    cycle["again"] = [cycle]
    deep: list = []
    for _ in range(5000):
        deep = [deep]
    log.info("m", extra={"cycle": cycle, "deep": deep})
    (line,) = lines(capsys)
    assert line["cycle"] == {"again": ["<cycle>"]}
    assert "<deeper than 12: list>" in json.dumps(line["deep"])


def test_a_large_array_is_cut(sink, log, capsys):
    """A line stays far below what Loki refuses."""
    sink.start()
    log.info("m", extra={"batch": np.ones((1000, 1000)), "text": ["x" * 99_999] * 50})
    out = capsys.readouterr().out
    assert len(out) < 256 * 1024
    assert json.loads(out)["batch"][0][0] == 1.0


@pytest.mark.parametrize("name", ["timestamp", "level", "logger", "service.name", "exception.type"])
def test_an_extra_with_a_reserved_name_is_kept_apart(sink, log, capsys, name):
    """Neither the field nor the extra is lost."""
    sink.start()
    try:
        raise KeyError("k")
    except KeyError:
        log.exception("m", extra={name: "mine"})
    (line,) = lines(capsys)
    assert line[f"extra.{name}"] == "mine"
    assert line[name] != "mine"


def test_a_message_that_cannot_be_formatted_is_shown_raw(sink, log, capsys):
    """A wrong argument costs neither the record nor an exception."""
    sink.start()
    log.info("%d", "x")
    log.info("%s", Hostile())
    wanted = ['%d ["x"]', '%s ["<unprintable Hostile>"]']
    assert messages(capsys) == wanted
    assert sink.bodies == wanted


def test_a_mapping_as_message_gives_fields(sink, log, capsys):
    """As python-json-logger has it."""
    sink.start()
    log.info({"message": "m", "rows": 1})
    (line,) = lines(capsys)
    assert (line["message"], line["rows"]) == ("m", 1)


ANYTHING = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.decimals(),
        st.datetimes(), st.complex_numbers(), st.characters(codec=None), st.builds(Hostile),
        st.floats(width=32).map(np.float32), st.timedeltas(), st.uuids(),
    ),
    lambda inner: st.one_of(
        st.lists(inner), st.tuples(inner), st.dictionaries(st.one_of(st.text(), st.integers()), inner),
    ),
    max_leaves=20,
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(
    message=st.one_of(st.text(), ANYTHING),
    arguments=st.lists(ANYTHING, max_size=2),
    extras=st.dictionaries(st.text(), ANYTHING, max_size=4),
)
def test_whatever_is_logged_is_one_valid_line(message, arguments, extras):
    """Any message, arguments and extras: one line, valid JSON, readable as UTF-8."""
    record = logging.LogRecord("n", logging.INFO, "p", 1, message, tuple(arguments), None)
    record.__dict__.update({k: v for k, v in extras.items() if k not in record.__dict__})
    line = JsonLineFormatter("s").format(record)
    assert len(line.splitlines()) == 1
    fields = json.loads(line, parse_constant=pytest.fail)
    json.dumps(fields, ensure_ascii=False).encode("utf-8")
    assert (fields["level"], fields["logger"], fields["service.name"]) == ("INFO", "n", "s")


@pytest.mark.parametrize("stream", ["closed", "broken", "none", "bytes"])
def test_a_broken_stdout_is_ignored(sink, log, monkeypatch, stream):
    """The record still goes over OTLP, and nothing is raised."""
    closed = io.StringIO()
    closed.close()

    class Broken:
        def write(self, _text):
            raise BrokenPipeError

    streams = {"closed": closed, "broken": Broken(), "none": None, "bytes": io.BytesIO()}
    sink.start()
    monkeypatch.setattr(sys, "stdout", streams[stream])
    log.info("m")
    assert sink.bodies == ["m"]


def test_the_level_is_for_both_sinks(sink, log, capsys):
    """What is below LogOptions.level goes nowhere."""
    log.setLevel(logging.DEBUG)
    sink.start(level="ERROR")
    log.warning("no")
    log.error("yes")
    assert (messages(capsys), sink.bodies) == (["yes"], ["yes"])


def test_each_sink_can_be_turned_off(sink, log, capsys):
    """Each of json and otlp stands alone."""
    sink.start(json=False)
    log.info("exported")
    sink.start(otlp=False)
    log.info("written")
    assert (messages(capsys), sink.bodies) == (["written"], ["exported"])
