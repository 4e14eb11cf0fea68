"""Whatever is done to logging's configuration after ``init``: no line, no event is lost or doubled."""

from __future__ import annotations

import io
import logging
import logging.config
import logging.handlers
import socket
import struct
from logging import basicConfig
from logging.config import dictConfig, fileConfig  # bound before init, as in many settings modules

import pytest

from tests.instrumentors._logs import EVENTS, ROOT, config, event, lines, messages, without_pytest

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


_formats: list[tuple[logging.Handler, logging.Formatter | None]] = []


def formats_set() -> None:
    """Give every handler another format; the test runner's are among them, and get theirs back."""
    for handler in ROOT.handlers:
        _formats.append((handler, handler.formatter))
        handler.setFormatter(logging.Formatter("%(name)s"))


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
    "formats set": formats_set,
    "shutdown": logging.shutdown,
    "warnings": lambda: logging.captureWarnings(True),
    "no last resort": lambda: setattr(logging, "lastResort", None),
}


@pytest.fixture(params=WAYS)
def reconfigure(request, monkeypatch):
    monkeypatch.setattr(logging, "lastResort", logging.lastResort)
    yield WAYS[request.param]
    while _formats:
        handler, formatter = _formats.pop()
        handler.setFormatter(formatter)
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
