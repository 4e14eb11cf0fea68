"""JSON lines, the same records over OTLP, and the application's own logging as it was."""

from __future__ import annotations

import datetime as dt
import decimal
import io
import json
import logging
import logging.config
import os
import sys
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.context import attach, detach, set_value
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from otelml.config import Config, LogOptions
from otelml.instrumentors._json_logs import JsonLineFormatter
from otelml.instrumentors.logging import instrument_logging, uninstrument_logging

ROOT = logging.getLogger()
RESOURCE = Resource({"service.name": "loans"})


class Hostile:
    """Raises whatever it is asked."""

    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


class HostileError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")


def without_pytest() -> None:
    """Take away the handlers that pytest has on the root logger for as long as a test runs."""
    ROOT.handlers[:] = [h for h in ROOT.handlers if not type(h).__module__.startswith("_pytest")]


class Sink:
    """What was exported, and the provider to export by."""

    def __init__(self) -> None:
        self.exporter = InMemoryLogRecordExporter()
        self.provider = LoggerProvider(resource=RESOURCE, shutdown_on_exit=False)
        self.provider.add_log_record_processor(SimpleLogRecordProcessor(self.exporter))

    @property
    def records(self):
        return [data.log_record for data in self.exporter.get_finished_logs()]

    @property
    def bodies(self):
        return [record.body for record in self.records]

    def start(self, **options):
        without_pytest()
        instrument_logging(Config(logs=LogOptions(**options)), self.provider, RESOURCE)


@pytest.fixture
def sink() -> Iterator[Sink]:
    """A root logger as Python starts with, restored afterwards."""
    handlers, level = list(ROOT.handlers), ROOT.level
    ROOT.handlers[:] = []
    ROOT.setLevel(logging.WARNING)
    yield Sink()
    uninstrument_logging()
    ROOT.handlers[:] = handlers
    ROOT.setLevel(level)


@pytest.fixture
def log(request) -> Iterator[logging.Logger]:
    logger = logging.getLogger(f"app.{request.node.name}")
    yield logger
    logger.handlers.clear()
    logger.setLevel(logging.NOTSET)
    logger.propagate = True


def lines(capsys) -> list[dict]:
    return [
        json.loads(line, parse_constant=pytest.fail)
        for line in capsys.readouterr().out.splitlines()
    ]


def messages(capsys) -> list[str]:
    return [line["message"] for line in lines(capsys)]


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


class Plain(logging.StreamHandler):
    """A handler of the application."""

    def __init__(self, stream=None):
        super().__init__(stream or io.StringIO())


def test_app_handlers_print_what_they_printed(sink, log, capsys):
    """At the default root level an application's handler gets no INFO, before and after."""
    before, after = Plain(), Plain()
    ROOT.addHandler(before)
    sink.start()
    log.addHandler(after)
    log.info("info")
    log.warning("warning")
    assert before.stream.getvalue() == after.stream.getvalue() == "warning\n"
    assert messages(capsys) == sink.bodies == ["info", "warning"]


def test_a_level_that_the_app_sets_later_counts(sink, log, capsys):
    """Set on the root logger, or on its own."""
    handler = Plain()
    ROOT.addHandler(handler)
    sink.start()
    ROOT.setLevel(logging.INFO)
    log.info("one")
    ROOT.setLevel(logging.ERROR)
    log.warning("hidden")
    log.setLevel(logging.INFO)
    log.info("two")
    assert handler.stream.getvalue() == "one\ntwo\n"
    assert messages(capsys) == sink.bodies == ["one", "two"]


def test_a_level_that_the_app_set_before_is_kept(sink, log, capsys):
    """The root logger is only lowered from Python's default."""
    ROOT.setLevel(logging.ERROR)
    sink.start()
    log.warning("hidden")
    assert (ROOT.level, messages(capsys), sink.bodies) == (logging.ERROR, [], [])


@pytest.mark.parametrize("when", ["before", "after"])
def test_stdout_belongs_to_the_apps_handler(sink, log, capsys, when):
    """A root handler of the application on stdout: no second line there; OTLP as ever."""
    if when == "before":
        ROOT.addHandler(Plain(sys.stdout))
    sink.start()
    if when == "after":
        logging.basicConfig(stream=sys.stdout, format="%(message)s")
    capsys.readouterr()
    log.warning("m")
    assert capsys.readouterr().out == "m\n"
    assert sink.bodies[-1:] == ["m"]


def test_a_loggers_own_stdout_handler_is_not_doubled(sink, log, capsys):
    """Its records are written by it; those of others are JSON."""
    log.addHandler(Plain(sys.stdout))
    sink.start()
    log.warning("mine")
    logging.getLogger("other").warning("other")
    first, second = capsys.readouterr().out.splitlines()
    assert (first, json.loads(second)["message"]) == ("mine", "other")


@pytest.mark.parametrize("level", [None, logging.INFO])
def test_basic_config_after_init_works(sink, log, capsys, level):
    """The application's handler is added, and ours stays, once."""
    sink.start()
    stream = io.StringIO()
    logging.basicConfig(
        stream=stream, format="%(message)s", **({} if level is None else {"level": level})
    )
    log.info("info")
    log.warning("warning")
    assert stream.getvalue() == ("warning\n" if level is None else "info\nwarning\n")
    assert messages(capsys) == sink.bodies == ["info", "warning"]


def test_basic_config_with_force_keeps_us(sink, log, capsys):
    """force=True removes the application's handlers only."""
    sink.start()
    logging.basicConfig(force=True, stream=io.StringIO())
    log.warning("m")
    assert messages(capsys) == sink.bodies == ["m"]


def test_dict_config_after_init_works(sink, log, capsys):
    """The application's handlers and level, and ours beside them, once."""
    sink.start()
    stream = io.StringIO()
    handlers = {"h": {"class": "logging.StreamHandler", "stream": stream}}
    root = {"level": "INFO", "handlers": ["h"]}
    logging.config.dictConfig(
        {"version": 1, "disable_existing_loggers": False, "handlers": handlers, "root": root}
    )
    log.info("m")
    assert stream.getvalue() == "m\n"
    assert messages(capsys) == sink.bodies == ["m"]


def test_file_config_after_init_works(sink, log, capsys, tmp_path):
    """As with dictConfig."""
    sink.start()
    path = tmp_path / "logging.ini"
    path.write_text(
        "[loggers]\nkeys=root\n[handlers]\nkeys=h\n[formatters]\nkeys=\n[logger_root]\nlevel=INFO\nhandlers=h\n"
        "[handler_h]\nclass=StreamHandler\nargs=(sys.stderr,)\n"
    )
    logging.config.fileConfig(path, disable_existing_loggers=False)
    log.info("m")
    captured = capsys.readouterr()
    assert (captured.err, json.loads(captured.out)["message"], sink.bodies) == ("m\n", "m", ["m"])


def test_an_otel_handler_of_the_app_is_used(sink, log):
    """With OpenTelemetry's handler on the root logger a record is exported by it, once."""
    sink.start(json=False)
    ROOT.addHandler(LoggingHandler(logger_provider=sink.provider))
    log.warning("m")
    assert sink.bodies == ["m"]


def test_without_json_warnings_still_reach_stderr(sink, log, capsys):
    """With no handler at all Python prints warnings; export does not change that."""
    sink.start(json=False)
    log.warning("m")
    assert capsys.readouterr().err == "m\n"
    assert (ROOT.handlers, sink.bodies) == ([], ["m"])


def test_a_logger_that_does_not_propagate_is_left_alone(sink, log, capsys):
    """Its own handlers are all that get its records."""
    sink.start()
    handler = Plain()
    log.addHandler(handler)
    log.propagate = False
    log.warning("m")
    assert (handler.stream.getvalue(), messages(capsys), sink.bodies) == ("m\n", [], [])


def test_records_about_exporting_are_not_exported(sink, log, capsys):
    """Neither OpenTelemetry's own, nor any made while instrumentation is suppressed."""
    sink.start()
    logging.getLogger("opentelemetry.exporter").warning("its own")
    token = attach(set_value("suppress_instrumentation", True))
    log.warning("suppressed")
    detach(token)
    assert (messages(capsys), sink.bodies) == (["its own", "suppressed"], [])


def test_a_record_made_by_the_exporter_does_not_loop(sink, log, capsys):
    """A processor that logs is heard on stdout, and not exported again."""

    class Talker(SimpleLogRecordProcessor):
        def on_emit(self, log_record):
            log.warning("from the processor")
            super().on_emit(log_record)

    sink.provider = LoggerProvider(shutdown_on_exit=False)
    sink.provider.add_log_record_processor(Talker(sink.exporter))
    sink.start()
    log.warning("m")
    assert (messages(capsys), sink.bodies) == (["m", "from the processor"], ["m"])


@pytest.mark.filterwarnings("error")
def test_too_many_extras_are_folded(sink, log, capsys):
    """More extras than a log record may have: none is lost, and nobody complains."""
    extras = {f"k{i}": i for i in range(300)}
    sink.start()
    log.info("m", extra=extras)
    (record,) = sink.records
    attributes = dict(record.attributes)
    folded = dict(attributes.pop("extra"))
    assert (attributes | folded, len(attributes)) == (extras, 127)
    assert messages(capsys) == ["m"]


def test_a_smaller_limit_does_not_warn_over_and_over(sink, log, capsys, monkeypatch):
    """The SDK's complaint about its own limit is not logged with every record."""
    monkeypatch.setenv("OTEL_ATTRIBUTE_COUNT_LIMIT", "2")
    sink.start()
    for _ in range(2):
        log.info("m", extra={f"k{i}": i for i in range(5)})
    assert messages(capsys) == sink.bodies == ["m", "m"]


def test_twice_instrumented_is_once(sink, log, capsys):
    """A second call starts afresh."""
    sink.start()
    sink.start()
    log.warning("m")
    assert messages(capsys) == sink.bodies == ["m"]


def test_uninstrument_restores_everything(sink, log, capsys):
    """Handlers, level, functions and methods are what they were."""

    def state():
        return (
            list(ROOT.handlers),
            ROOT.level,
            logging.Logger.callHandlers,
            logging.basicConfig,
            logging.config.dictConfig,
            logging.config.fileConfig,
        )

    without_pytest()
    before = state()
    sink.start()
    assert state() != before
    uninstrument_logging()
    uninstrument_logging()
    assert state() == before
    log.info("m")
    assert (messages(capsys), sink.bodies) == ([], [])


def test_a_wrapper_around_us_survives_uninstrument(sink, log, capsys, monkeypatch):
    """Who wrapped our method keeps a working one."""
    sink.start()
    ours = logging.Logger.callHandlers
    seen = []

    def wrapper(self, record):
        seen.append(record.getMessage())
        ours(self, record)

    logging.Logger.callHandlers = wrapper
    try:
        uninstrument_logging()
        log.warning("a")
        sink.start()
        log.warning("b")
        assert (seen, messages(capsys), sink.bodies) == (["a", "b"], ["b"], ["b"])
    finally:
        logging.Logger.callHandlers = ours
        uninstrument_logging()


def test_a_forked_child_can_log(sink, log, capfd):
    """Even when another thread held the handlers' locks at the moment of the fork."""
    sink.start(otlp=False)
    stop = threading.Event()

    def busy():
        while not stop.is_set():
            log.info("parent")

    thread = threading.Thread(target=busy)
    thread.start()
    codes = []
    for _ in range(10):
        pid = os.fork()
        if pid == 0:
            log.info("child")
            os._exit(0)
        codes.append(os.waitpid(pid, 0)[1])
    stop.set()
    thread.join()
    out = capfd.readouterr().out.splitlines()
    assert codes == [0] * 10
    assert sum(json.loads(line)["message"] == "child" for line in out) == 10
