"""Levels, logger classes, record factories and handlers of the application: what they decide."""

from __future__ import annotations

import io
import logging
from logging.config import dictConfig

import pytest

from tests.instrumentors._logs import EVENTS, ROOT, config, event, lines, messages

pytestmark = pytest.mark.usefixtures("logging_state")


@pytest.mark.parametrize("keep", [True, False])
def test_a_disabled_logger_of_the_app_stays_silent(sink, log, capsys, keep):
    """That is what a configuration asks for that does not keep existing loggers."""
    sink.start()
    dictConfig(config(disable_existing_loggers=not keep))
    log.warning("m")
    assert messages(capsys) == sink.bodies == (["m"] if keep else [])


@pytest.mark.parametrize(
    "level", [logging.DEBUG, logging.WARNING, logging.CRITICAL, logging.NOTSET]
)
def test_the_root_level_is_for_the_apps_records(sink, log, capsys, level):
    """Its own are hidden as ever; a prediction's event is for us alone then."""
    sink.start()
    stream = io.StringIO()
    ROOT.addHandler(logging.StreamHandler(stream))
    ROOT.setLevel(level)
    log.info("line")
    event()
    shown = ["line"] if level < logging.INFO else []
    assert messages(capsys) == sink.bodies == [*shown, "event 1"]
    assert stream.getvalue().split("\n")[:-1] == ([*shown, "event 1"] if shown else [])


def test_logging_disable_is_for_the_apps_records(sink, log, capsys):
    """`logging.disable` silences the application's log, not the telemetry of its model."""
    sink.start()
    stream = io.StringIO()
    ROOT.addHandler(logging.StreamHandler(stream))
    logging.disable(logging.CRITICAL)
    log.critical("line")
    event(1)
    logging.disable(logging.NOTSET)
    log.critical("again")
    event(2)
    assert messages(capsys) == sink.bodies == ["event 1", "again", "event 2"]
    assert stream.getvalue() == "again\n"


@pytest.mark.parametrize("name", ["otelml", "otelml.prediction"])
def test_what_is_set_on_our_loggers_holds(sink, capsys, name):
    """A level or `disabled` on otelml's own logger says that its events are not wanted."""
    sink.start()
    ours = logging.getLogger(name)
    ours.setLevel(logging.WARNING)
    event(1)
    ours.setLevel(logging.NOTSET)
    EVENTS.disabled = True
    event(2)
    EVENTS.disabled = False
    event(3)
    assert messages(capsys) == sink.bodies == ["event 3"]


def test_a_handler_on_our_logger_takes_no_event_away(sink, capsys):
    """A file for otelml's messages, as a configuration sets it up: events are exported too."""
    sink.start()
    ours = {"otelml": {"handlers": ["h"], "propagate": False, "level": "INFO"}}
    dictConfig(config(loggers=ours))
    event()
    captured = capsys.readouterr()
    assert (captured.err, sink.bodies) == ("event 1\n", ["event 1"])
    assert '"message": "event 1"' in captured.out


def test_a_filter_on_our_logger_is_asked(sink, capsys):
    """Also about an event that the root level hides from the application's handlers."""
    sink.start()
    ROOT.setLevel(logging.ERROR)
    EVENTS.addFilter(lambda record: "2" not in record.getMessage())
    event(1)
    event(2)
    EVENTS.filters.clear()
    assert messages(capsys) == sink.bodies == ["event 1"]


def test_a_root_logger_that_does_not_propagate(sink, log, capsys, monkeypatch):
    """What stands above the root logger is not needed for a line."""
    sink.start()
    monkeypatch.setattr(ROOT, "propagate", False)
    log.warning("m")
    event()
    assert messages(capsys) == sink.bodies == ["m", "event 1"]


class Loud(logging.Logger):
    """A logger class of the application."""

    def handle(self, record):
        record.msg = f"{record.msg}!"
        super().handle(record)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_logger_class_of_the_app_is_used(sink, capsys, when):
    """Set before or after; what it does to a record is seen."""
    if when == "before":
        logging.setLoggerClass(Loud)
    sink.start()
    logging.setLoggerClass(Loud)
    logging.getLogger(f"loud.{when}").warning("m")
    event()
    assert messages(capsys) == sink.bodies == ["m!", "event 1"]


def test_our_loggers_may_be_of_a_class_of_the_app(sink, capsys, monkeypatch):
    """Where it was set before otelml was imported: restored as they were."""
    monkeypatch.setattr(EVENTS, "__class__", Loud)
    sink.start()
    dictConfig(config())
    event()
    sink.stop()
    assert messages(capsys) == ["event 1!"]
    assert (type(EVENTS), EVENTS.disabled) == (Loud, False)


class Own(logging.Logger):
    """A logger class that does all by itself."""

    def callHandlers(self, record):  # noqa: N802 - the name it replaces
        at = self
        while at is not None:
            for handler in at.handlers:
                handler.handle(record)
            at = at.parent


def test_a_logger_that_calls_its_handlers_itself(sink, capsys):
    """Our handler is found where the handlers of a record are looked for."""
    sink.start()
    logging.setLoggerClass(Own)
    logging.getLogger("calls.itself").warning("m")
    assert messages(capsys) == sink.bodies == ["m"]


class Record(logging.LogRecord):
    """A record of the application."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.tenant = "t1"


def broken_factory(*_args, **_kwargs):
    raise RuntimeError("no")


def test_a_record_factory_set_later_is_used(sink, log, capsys):
    """Its fields are in lines and in events."""
    sink.start()
    logging.setLogRecordFactory(Record)
    log.warning("m")
    event()
    assert [(line["message"], line["tenant"]) for line in lines(capsys)] == [
        ("m", "t1"),
        ("event 1", "t1"),
    ]
    assert [record.attributes["tenant"] for record in sink.records] == ["t1", "t1"]


def test_a_broken_record_factory_costs_no_event(sink, capsys):
    """The worker makes a plain record where the application's cannot be made."""
    sink.start()
    logging.setLogRecordFactory(broken_factory)
    event()
    assert messages(capsys) == sink.bodies == ["event 1"]


def test_a_handler_that_raises_costs_no_line(sink, log, capsys):
    """The application gets its error, and we the record."""

    class Raises(logging.Handler):
        def emit(self, record):
            raise RuntimeError("no")

    sink.start()
    ROOT.addHandler(Raises())
    with pytest.raises(RuntimeError, match="no"):
        log.warning("m")
    assert messages(capsys) == sink.bodies == ["m"]


def test_stdlib_functions_add_no_handler(sink, capsys):
    """`logging.warning` sets up a handler only where there is none."""
    sink.start()
    logging.warning("m")  # noqa: LOG015 - what is tested
    captured = capsys.readouterr()
    assert (captured.err, ROOT.handlers, sink.bodies) == ("", [], ["m"])
