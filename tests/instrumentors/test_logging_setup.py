"""Logging beside what the application has set up itself."""

from __future__ import annotations

import io
import json
import logging
import logging.config
import os
import sys
import threading

import pytest
from opentelemetry.context import attach, detach, set_value
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor

from otelml.instrumentors.logging import uninstrument_logging
from tests._contrib import LoggingHandler
from tests.instrumentors._logs import (
    ROOT,
    messages,
    without_pytest,
)


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
