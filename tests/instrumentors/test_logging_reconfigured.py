"""Whatever is done to logging's configuration after ``init``: no line, no event is lost or doubled."""

from __future__ import annotations

import io
import logging
import logging.config
import logging.handlers
import os
import queue
import socket
import struct
import sys
from logging import basicConfig
from logging.config import dictConfig, fileConfig  # bound before init, as in many settings modules

import pytest

from tests.instrumentors._logs import EVENTS, ROOT, event, lines, messages, without_pytest

pytestmark = pytest.mark.usefixtures("logging_state")

INI = """
[loggers]
keys=root
[handlers]
keys=h
[formatters]
keys=
[logger_root]
level=INFO
handlers=h
[handler_h]
class=StreamHandler
args=(sys.stderr,)
"""


def config(**more):
    handlers = {"h": {"class": "logging.StreamHandler", "stream": "ext://sys.stderr"}}
    return {"version": 1, "handlers": handlers, "root": {"handlers": ["h"]}, **more}


def by_listen(sent: bytes) -> None:
    """Send a configuration to `logging.config.listen` and wait until it was read."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = logging.config.listen(port)  # noqa: S612 - what is tested
    server.daemon = True
    server.start()
    server.ready.wait(5)
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(struct.pack(">L", len(sent)) + sent)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)
    logging.config.stopListening()
    server.join(5)


def replaced(handlers):
    ROOT.handlers = handlers


def cleared():
    ROOT.handlers.clear()


WAYS = {
    "dictConfig, late": lambda: logging.config.dictConfig(config()),
    "dictConfig, early": lambda: dictConfig(config()),
    "dictConfig, keeping loggers": lambda: dictConfig(config(disable_existing_loggers=False)),
    "dictConfig, incremental": lambda: dictConfig({"version": 1, "incremental": True}),
    "dictConfig, nothing": lambda: dictConfig({"version": 1}),
    "dictConfig, no handlers": lambda: dictConfig({"version": 1, "root": {"handlers": []}}),
    "the configurator's class": lambda: logging.config.DictConfigurator(config()).configure(),
    "fileConfig, late": lambda: logging.config.fileConfig(io.StringIO(INI)),
    "fileConfig, early": lambda: fileConfig(io.StringIO(INI)),
    "fileConfig, keeping loggers": lambda: fileConfig(
        io.StringIO(INI), disable_existing_loggers=False
    ),
    "listen, ini": lambda: by_listen(INI.encode()),
    "listen, dict": lambda: by_listen(b'{"version": 1, "root": {"handlers": []}}'),
    "basicConfig, early": basicConfig,
    "basicConfig, forced, early": lambda: basicConfig(force=True),
    "basicConfig, forced, late": lambda: logging.basicConfig(force=True),
    "handlers cleared": cleared,
    "handlers replaced": lambda: replaced([]),
    "handlers removed": lambda: [ROOT.removeHandler(handler) for handler in list(ROOT.handlers)],
    "formats set": lambda: [h.setFormatter(logging.Formatter("%(name)s")) for h in ROOT.handlers],
    "shutdown": logging.shutdown,
    "warnings": lambda: logging.captureWarnings(True),
    "no last resort": lambda: setattr(logging, "lastResort", None),
}


@pytest.fixture(params=WAYS)
def reconfigure(request, monkeypatch):
    monkeypatch.setattr(logging, "lastResort", logging.lastResort)
    yield WAYS[request.param]
    logging.captureWarnings(False)


def test_lines_and_events_go_on(sink, capsys, reconfigure, request):
    """One line and one exported record each, of a logger made later and of a prediction."""
    sink.start()
    reconfigure()
    logging.getLogger(f"later.{request.node.name}").warning("line")
    event()
    found = lines(capsys)
    assert [line["message"] for line in found] == sink.bodies == ["line", "event 1"]
    assert found[1]["event_name"] == sink.records[1].event_name == "ml.prediction"


def test_our_warnings_go_on(sink, capsys, reconfigure):
    """What otelml itself has to say is not silenced by a configuration that does not name it."""
    sink.start()
    reconfigure()
    logging.getLogger("otelml").warning("ours")
    assert messages(capsys) == sink.bodies == ["ours"]


def test_the_apps_handlers_get_what_they_got(capsys, reconfigure, sink):
    """The application's output is the same, byte by byte, with and without us."""

    def output(name):
        ROOT.handlers = []
        reconfigure()
        log = logging.getLogger(name)
        log.info("info")
        log.warning("warning")
        state = [type(handler).__name__ for handler in ROOT.handlers]
        return capsys.readouterr().err.replace(name, "name"), state

    without_pytest()
    without = output("without.us")
    ROOT.handlers = []
    ROOT.setLevel(logging.WARNING)
    sink.start()
    with_us = output("with.us")
    if without[1]:  # with no handler at all, Python's last resort is not needed: there is ours
        assert with_us == without
    else:
        assert with_us == ("", [])


def test_before_init(sink, capsys, reconfigure, request):
    """The same, with everything done before."""
    reconfigure()
    sink.start()
    logging.getLogger(f"before.{request.node.name}").warning("line")
    event()
    assert messages(capsys) == sink.bodies == ["line", "event 1"]


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


def test_shutdown_restores_everything(sink, reconfigure):
    """After any of it, what is ours is gone and the rest is as it would be without us."""
    methods = (
        logging.Logger.callHandlers,
        logging.basicConfig,
        logging.handlers.QueueListener.start,
    )
    kinds = (type(EVENTS), EVENTS.disabled, ROOT.parent)
    sink.start()
    reconfigure()
    left = (list(ROOT.handlers), ROOT.filters)
    sink.stop()
    assert methods == (
        logging.Logger.callHandlers,
        logging.basicConfig,
        logging.handlers.QueueListener.start,
    )
    assert (type(EVENTS), EVENTS.disabled, ROOT.parent) == kinds
    assert (list(ROOT.handlers), ROOT.filters) == left


# Who writes to stdout, and who gets a record twice.


def test_a_queues_listener_that_writes_to_stdout_owns_it(sink, log, capsys):
    """A line that another thread writes there is not written once more; export is as ever."""
    sink.start()
    passed = queue.SimpleQueue()
    ROOT.addHandler(logging.handlers.QueueHandler(passed))
    listener = logging.handlers.QueueListener(passed, logging.StreamHandler(sys.stdout))
    listener.start()
    log.warning("queued")
    listener.stop()
    log.warning("not read")
    out = capsys.readouterr().out.splitlines()
    assert (out[0], len(out)) == ("queued", 2)
    assert '"message": "not read"' in out[1]
    assert sink.bodies == ["queued", "not read"]


def test_a_listener_that_was_there_before(sink, log, capsys):
    """The same where it was started before init."""
    passed = queue.SimpleQueue()
    ROOT.addHandler(logging.handlers.QueueHandler(passed))
    listener = logging.handlers.QueueListener(passed, logging.StreamHandler(sys.stdout))
    listener.start()
    sink.start()
    capsys.readouterr()
    log.warning("queued")
    listener.stop()
    assert capsys.readouterr().out == "queued\n"
    assert sink.bodies[-1] == "queued"


def test_a_queues_listener_elsewhere_changes_nothing(sink, log, capsys):
    """Its file gets the record, stdout a line with the trace of where it was made."""
    stream, passed = io.StringIO(), queue.SimpleQueue()
    sink.start()
    ROOT.handlers = [logging.handlers.QueueHandler(passed)]
    listener = logging.handlers.QueueListener(passed, logging.StreamHandler(stream))
    listener.start()
    log.warning("m %d", 1)
    listener.stop()
    assert (stream.getvalue(), messages(capsys), sink.bodies) == ("m 1\n", ["m 1"], ["m 1"])


@pytest.mark.parametrize("copied", [True, False])
def test_a_record_that_is_logged_again_is_one_line(sink, log, capsys, copied):
    """A handler that hands its records to another logger, as listeners in recipes do."""

    class Again(logging.handlers.QueueHandler):
        def emit(self, record):
            logging.getLogger("again").handle(self.prepare(record) if copied else record)

    sink.start()
    log.addHandler(Again(None))
    log.warning("m %s", "x", extra={"rows": 1})
    (line,) = lines(capsys)
    assert (line["message"], line["rows"], sink.bodies) == ("m x", 1, ["m x"])


def test_a_record_from_another_process_is_written(sink, capsys):
    """A record that was made elsewhere, and comes as its fields, is new here."""
    fields = logging.LogRecord("there", logging.WARNING, "p", 7, "m", (), None).__dict__
    sink.start()
    logging.getLogger("there").handle(logging.makeLogRecord(fields))
    assert messages(capsys) == sink.bodies == ["m"]


def test_buffered_records_are_written_once(sink, log, capsys):
    """A MemoryHandler in front of the application's file."""
    stream = io.StringIO()
    sink.start()
    buffer = logging.handlers.MemoryHandler(2, target=logging.StreamHandler(stream))
    ROOT.addHandler(buffer)
    log.warning("one")
    log.warning("two")
    assert stream.getvalue() == "one\ntwo\n"
    assert messages(capsys) == sink.bodies == ["one", "two"]


def test_a_buffer_in_front_of_stdout_owns_it(sink, log, capsys):
    """What a handler hands on counts as what it writes."""
    sink.start()
    ROOT.addHandler(logging.handlers.MemoryHandler(1, target=logging.StreamHandler(sys.stdout)))
    log.warning("m")
    assert (capsys.readouterr().out, sink.bodies) == ("m\n", ["m"])


@pytest.mark.parametrize("handler", ["descriptor", "path"])
def test_stdout_under_another_name_is_stdout(sink, log, capfd, handler, monkeypatch):
    """A handler on its descriptor, or on /dev/stdout as in containers."""
    sink.start()
    if handler == "descriptor":
        opened = logging.StreamHandler(os.fdopen(os.dup(1), "w"))
        monkeypatch.setattr(opened.stream, "fileno", lambda: 1, raising=False)
    else:
        opened = logging.FileHandler("/dev/stdout")
    ROOT.addHandler(opened)
    log.warning("m")
    opened.flush()
    ROOT.removeHandler(opened)
    opened.close()
    assert capfd.readouterr().out == "m\n"
    assert sink.bodies == ["m"]


def test_stderr_on_the_same_file_is_not_stdout(sink, log, capfd):
    """`2>&1` makes no handler on stderr the owner of stdout."""
    sink.start()
    ROOT.addHandler(logging.StreamHandler(sys.stderr))
    log.warning("m")
    captured = capfd.readouterr()
    assert (captured.err, '"message": "m"' in captured.out) == ("m\n", True)


@pytest.mark.parametrize("target", ["stdout", "stderr"])
def test_own_handlers_and_no_propagation(sink, log, capsys, target):
    """Left to its own handlers: as with no otelml at all."""
    sink.start()
    log.addHandler(logging.StreamHandler(getattr(sys, target)))
    log.propagate = False
    log.warning("m")
    captured = capsys.readouterr()
    written = {"stdout": captured.out, "stderr": captured.err}
    assert (written[target], captured.out + captured.err) == ("m\n", "m\n")
    assert sink.bodies == []


class ToLog:
    """What redirects print to the log."""

    def __init__(self, logger):
        self.target = logger

    def write(self, text):
        if text.rstrip():
            self.target.warning(text.rstrip())

    def flush(self):
        pass


def test_a_stdout_that_logs_does_not_loop(sink, log, capsys, monkeypatch):
    """Lines go to the real stdout then, once, and what is printed is a line as well."""
    sink.start()
    real = sys.stdout
    monkeypatch.setattr(sys, "__stdout__", real)
    monkeypatch.setattr(sys, "stdout", ToLog(logging.getLogger("printed")))
    log.warning("m")
    print("hello")  # noqa: T201 - what is tested
    monkeypatch.setattr(sys, "stdout", real)
    assert messages(capsys) == sink.bodies == ["m", "hello"]
