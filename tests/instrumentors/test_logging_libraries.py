"""Structured-logging libraries: their message is the message, once, and nothing of theirs changes."""

from __future__ import annotations

import inspect
import io
import json
import logging
import sys
import warnings

import daiquiri
import eliot
import eliot.stdlib
import logbook
import logbook.compat
import loguru
import pytest
import structlog
from absl import flags as absl_flags
from absl import logging as absl_logging
from pythonjsonlogger.json import JsonFormatter
from rich.console import Console
from rich.logging import RichHandler

from tests.instrumentors._logs import ROOT, lines, messages

# It closes, with all handlers, the stream that was stderr when it was imported: pytest's.
absl_logging.get_absl_handler().python_handler.stream = io.StringIO()

pytestmark = pytest.mark.usefixtures("logging_state")


@pytest.fixture
def structured():
    """structlog, configured by a test and as it was afterwards."""
    yield structlog
    structlog.reset_defaults()


STDLIB = [
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso"),
]
WRAPS = structlog.stdlib.ProcessorFormatter.wrap_for_formatter
RENDERED = {
    "wrap_for_formatter": [*STDLIB, WRAPS],
    "positional": [structlog.stdlib.PositionalArgumentsFormatter(), *STDLIB, WRAPS],
    "kwargs": [
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.stdlib.render_to_log_kwargs,
    ],
    "args and kwargs": [structlog.stdlib.render_to_log_args_and_kwargs],
    "json": [
        structlog.stdlib.PositionalArgumentsFormatter(),
        *STDLIB,
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(),
    ],
    "renamed": [
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.EventRenamer("msg"),
        WRAPS,
    ],
}


def configure(processors):
    structlog.configure(
        processors=processors,
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


@pytest.mark.parametrize("name", RENDERED)
@pytest.mark.parametrize("when", ["before", "after"])
def test_structlogs_event_is_the_message(sink, capsys, structured, name, when):
    """However structlog hands it over, what was bound is in fields of its own."""
    if when == "before":
        configure(RENDERED[name])
    sink.start()
    configure(RENDERED[name])
    log = structured.get_logger("structured").bind(tenant="t1")
    log.info("scored %d", 3, rows=3, nested={"a": [1]})
    (line,) = lines(capsys)
    (record,) = sink.records
    assert line["message"] == record.body == "scored 3"
    assert line["level"] == "INFO"
    for fields in (line, json.loads(json.dumps(dict(record.attributes), default=dict))):
        assert (fields["rows"], fields["tenant"], fields["nested"]) == (3, "t1", {"a": [1]})
        assert not {"positional_args", "_logger", "_name"} & set(fields)


@pytest.mark.parametrize("name", ["wrap_for_formatter", "kwargs"])
def test_structlogs_exception_is_the_exception(sink, capsys, structured, name):
    """`log.exception` says what was raised."""
    sink.start()
    configure(RENDERED[name])
    try:
        raise ValueError("wrong")
    except ValueError:
        structured.get_logger("structured").exception("failed")
    (line,) = lines(capsys)
    (record,) = sink.records
    assert line["message"] == record.body == "failed"
    for fields in (line, record.attributes):
        assert fields["exception.type"] == "ValueError"
        assert "wrong" in fields["exception.stacktrace"]
        assert "exc_info" not in fields


def test_structlogs_exception_may_be_an_object(sink, capsys, structured):
    """An exception in place of `True`."""
    sink.start()
    configure(RENDERED["wrap_for_formatter"])
    structured.get_logger("structured").error("failed", exc_info=KeyError("k"))
    (line,) = lines(capsys)
    assert (line["message"], line["exception.type"]) == ("failed", "KeyError")
    assert sink.records[0].attributes["exception.message"] == "'…'"


def test_structlogs_formatter_prints_what_it_printed(sink, capsys, structured):
    """The application's ProcessorFormatter gets the record as it was."""

    def printed():
        stream = io.StringIO()
        handler = logging.StreamHandler(stream)
        handler.setFormatter(
            structlog.stdlib.ProcessorFormatter(
                foreign_pre_chain=[structlog.stdlib.ExtraAdder(), structlog.stdlib.add_log_level],
                processor=structlog.processors.JSONRenderer(sort_keys=True),
            )
        )
        ROOT.handlers = [handler]
        structured.get_logger("structured").warning("one", rows=3)
        logging.getLogger("foreign").warning("two", extra={"rows": 4})
        return stream.getvalue()

    configure([structlog.stdlib.add_log_level, WRAPS])
    without = printed()
    ROOT.handlers = []
    sink.start()
    configure([structlog.stdlib.add_log_level, WRAPS])
    assert printed() == without
    assert [(line["message"], line["rows"]) for line in lines(capsys)] == [("one", 3), ("two", 4)]
    assert sink.bodies == ["one", "two"]


def test_structlogs_print_logger_is_left_alone(sink, capsys, structured):
    """What does not go through logging is printed as it was, and not exported."""
    sink.start()
    structured.configure(
        processors=[structlog.processors.JSONRenderer()],
        logger_factory=structlog.PrintLoggerFactory(),
    )
    structured.get_logger().info("m", rows=3)
    assert capsys.readouterr().out == '{"rows": 3, "event": "m"}\n'
    assert sink.bodies == []


@pytest.mark.parametrize(
    ("given", "message", "rest"),
    [
        ({"event": "m", "rows": 1}, "m", {"rows": 1}),
        ({"message": "m", "event": "e"}, "m", {"event": "e"}),
        ({"event": "e", "msg": "m"}, "e", {"msg": "m"}),
        ({"rows": 1}, "", {"rows": 1}),
        ({"event": {"a": 1}}, "{'a': 1}", {}),
        ({"event": "m", "level": "info"}, "m", {"extra.level": "info"}),
        ({"event": "m", "exc_info": None}, "m", {"exc_info": None}),
        ({"event": "100 %", "positional_args": (1,)}, "100 %", {"positional_args": [1]}),
        ({}, "", {}),
        ({1: 2, "event": "m"}, "m", {"1": 2}),
    ],
)
def test_a_mapping_as_message(sink, log, capsys, given, message, rest):
    """Its message, and its other fields whole; the mapping itself stays as it was."""
    before = dict(given)
    sink.start()
    log.info(given)
    (line,) = lines(capsys)
    standard = {"timestamp", "level", "logger", "message", "service.name"}
    assert line["message"] == sink.bodies[0] == message
    assert {key: value for key, value in line.items() if key not in standard} == rest
    assert given == before


@pytest.mark.parametrize(
    "text",
    ['{"a": 1}', "{not json}", '{"event": 3}', "{}", '{"event"', "[1]", '"event"', "{" * 9000],
)
def test_other_json_as_message_is_text(sink, log, capsys, text):
    """What is no rendered event stays the message that it is."""
    sink.start()
    log.info(text)
    assert messages(capsys) == sink.bodies == [text]


@pytest.fixture
def guru():
    """A loguru without sinks, and with its own again."""
    loguru.logger.remove()
    yield loguru.logger
    loguru.logger.remove()
    loguru.logger.add(sys.stderr)


class Propagate(logging.Handler):
    """The recipe of loguru for handing its records to logging."""

    def emit(self, record):
        logging.getLogger(record.name).handle(record)


class Intercept(logging.Handler):
    """The recipe of loguru for taking the records of logging."""

    def emit(self, record):
        level = record.levelname
        frame, depth = inspect.currentframe(), 0
        while frame and (depth == 0 or frame.f_code.co_filename == logging.__file__):
            frame = frame.f_back
            depth += 1
        loguru.logger.opt(depth=depth, exception=record.exc_info).log(level, record.getMessage())


def test_logurus_message_is_the_message(sink, capsys, guru):
    """With its fields."""
    sink.start()
    guru.add(Propagate(), format="{message}")
    guru.bind(rows=3).info("scored {}", "it")
    (line,) = lines(capsys)
    assert (line["message"], line["extra"], sink.bodies) == (
        "scored it",
        {"rows": 3},
        ["scored it"],
    )


@pytest.mark.parametrize("arguments", [("wrong",), ("two\nlines",), ()])
@pytest.mark.parametrize("raised", [True, False])
def test_logurus_traceback_is_not_in_the_message(sink, capsys, guru, arguments, raised):
    """It is the exception's; loguru appends it to what it hands over."""
    error = ValueError(*arguments)
    sink.start()
    guru.add(Propagate(), format="{message}")
    if raised:
        try:
            raise error
        except Exception:
            guru.exception("failed")
    else:
        guru.opt(exception=error).error("failed")
    (line,) = lines(capsys)
    assert line["message"] == sink.bodies[0] == "failed"
    assert line["exception.type"] == type(error).__name__
    assert ("Traceback" in line["exception.stacktrace"]) is raised


def test_loguru_names_the_caller_that_it_named(sink, log, capsys, guru):
    """Its recipe looks for the first frame that is not logging's: ours does not count either."""
    written = []
    guru.add(lambda text: written.append(text.record), format="{message}")
    ROOT.addHandler(Intercept())
    sink.start()
    log.warning("m %d", 1)
    assert [(r["message"], r["function"], r["file"].path) for r in written] == [
        ("m 1", "test_loguru_names_the_caller_that_it_named", __file__)
    ]
    assert messages(capsys) == sink.bodies == ["m 1"]


def test_loguru_takes_everything(sink, log, capsys, guru):
    """Its recipe by basicConfig, after init."""
    written = []
    guru.add(written.append, format="{message}")
    sink.start()
    logging.basicConfig(handlers=[Intercept()], level=0, force=True)
    log.info("m")
    assert (written, messages(capsys), sink.bodies) == (["m\n"], ["m"], ["m"])


@pytest.mark.parametrize("stream", ["stderr", "stdout"])
def test_python_json_logger(sink, log, capsys, stream):
    """Its own lines stay as they are; on stdout they are the only ones."""
    handler = logging.StreamHandler(getattr(sys, stream))
    handler.setFormatter(JsonFormatter())
    ROOT.addHandler(handler)
    sink.start()
    capsys.readouterr()
    log.warning({"message": "m", "rows": 1}, extra={"tenant": "t1"})
    log.warning("n")
    captured = capsys.readouterr()
    theirs, ours = captured.out, ""
    if stream == "stderr":
        theirs, ours = captured.err, captured.out
        assert [json.loads(line)["message"] for line in ours.splitlines()] == ["m", "n"]
    assert [json.loads(line) for line in theirs.splitlines()] == [
        {"message": "m", "rows": 1, "tenant": "t1"},
        {"message": "n"},
    ]
    assert sink.bodies[-2:] == ["m", "n"]


@pytest.mark.parametrize("stderr", [True, False])
def test_rich(sink, log, capsys, stderr):
    """The handler of rich on stdout owns it; on stderr it has no say."""
    sink.start()
    ROOT.addHandler(RichHandler(console=Console(stderr=stderr, width=200)))
    log.warning("m")
    captured = capsys.readouterr()
    assert " m " in (captured.err if stderr else captured.out)
    assert ('"message": "m"' in captured.out, sink.bodies) == (stderr, ["m"])


@pytest.mark.parametrize("stream", ["stderr", "stdout"])
def test_absl(sink, capsys, monkeypatch, stream):
    """The handler of absl writes where it is told to; its message is the message."""
    sink.start()
    absl_flags.FLAGS.mark_as_parsed()
    python_handler = absl_logging.get_absl_handler().python_handler
    monkeypatch.setattr(python_handler, "stream", getattr(sys, stream))
    absl_logging.use_absl_handler()
    absl_logging.warning("m %d", 1)
    ROOT.handlers = []
    absl_flags.FLAGS.unparse_flags()
    captured = capsys.readouterr()
    assert "m 1" in getattr(captured, {"stderr": "err", "stdout": "out"}[stream])
    assert ('"message": "m 1"' in captured.out, sink.bodies) == (stream == "stderr", ["m 1"])


def test_daiquiri(sink, capsys):
    """Its keywords are fields, and how it finds them again is none."""
    sink.start()
    daiquiri.setup(level=logging.INFO, outputs=[daiquiri.output.Stream(io.StringIO())])
    daiquiri.getLogger("d").info("m", rows=3)
    (line,) = lines(capsys)
    assert (line["message"], line["rows"], "_daiquiri_extra_keys" in line) == ("m", 3, False)
    assert (sink.bodies, dict(sink.records[0].attributes)) == (["m"], {"rows": 3})


def test_logbook_takes_the_records_of_logging(sink, log, capsys):
    """Its redirection clears the root logger's handlers."""
    sink.start()
    with logbook.TestHandler() as theirs:
        logbook.compat.redirect_logging()
        log.warning("m %d", 1)
        assert [record.message for record in theirs.records] == ["m 1"]
    ROOT.handlers = []
    assert messages(capsys) == sink.bodies == ["m 1"]


def test_logbook_hands_over_its_records(sink, capsys):
    """The other way round."""
    sink.start()
    with logbook.compat.LoggingHandler():
        logbook.Logger("book").warning("m {}", 1)
    assert messages(capsys) == sink.bodies == ["m 1"]


def test_eliot_takes_the_records_of_logging(sink, log, capsys):
    """Beside us."""
    sink.start()
    seen = []
    eliot.add_destinations(seen.append)
    ROOT.addHandler(eliot.stdlib.EliotHandler())
    log.warning("m")
    eliot.remove_destination(seen.append)
    assert [message["message"] for message in seen] == ["m"]
    assert messages(capsys) == sink.bodies == ["m"]


def test_warnings(sink, capsys):
    """`captureWarnings` before or after: a line each, with its text."""
    sink.start()
    logging.captureWarnings(True)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logging.captureWarnings(True)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    logging.captureWarnings(False)
    (message,) = messages(capsys)
    assert "DeprecationWarning: old" in message
    assert sink.bodies == [message]
