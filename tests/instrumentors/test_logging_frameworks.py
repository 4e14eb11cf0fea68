"""What web frameworks, servers and workers do to logging as they start: lines and events go on."""

from __future__ import annotations

import logging
import logging.config
import sys

import celery
import django.conf
import django.utils.log
import flask
import pytest
import uvicorn
from gunicorn.config import Config as GunicornConfig
from gunicorn.glogging import Logger as GunicornLogger

from tests.instrumentors._logs import ROOT, event, lines, messages, without_pytest

pytestmark = pytest.mark.usefixtures("logging_state")


def wsgi(config=None):
    handlers = {"wsgi": {"class": "logging.StreamHandler", "stream": "ext://sys.stderr"}}
    return {"version": 1, "handlers": handlers, "root": {"handlers": ["wsgi"]}, **(config or {})}


@pytest.mark.parametrize("when", ["before", "after"])
def test_flask_adds_no_handler(sink, capsys, when):
    """Its logger finds ours, and what it logs is one line."""
    without_pytest()
    app = flask.Flask(f"flask_{when}")
    if when == "before":
        assert app.logger.handlers, "without us Flask adds its own"
        app.logger.handlers.clear()
    sink.start()
    app.logger.warning("m")
    captured = capsys.readouterr()
    assert (captured.err, captured.out.count("\n"), sink.bodies) == ("", 1, ["m"])
    assert app.logger.handlers == []


def test_flasks_own_recipe(sink, capsys):
    """A dictConfig before the application object is made, after init."""
    sink.start()
    logging.config.dictConfig(wsgi())
    app = flask.Flask("flask_recipe")
    app.logger.warning("m")
    event()
    captured = capsys.readouterr()
    assert (captured.err, captured.out.count("\n"), sink.bodies) == ("m\n", 2, ["m", "event 1"])


def gunicorn(**settings):
    config = GunicornConfig()
    for name, value in settings.items():
        config.set(name, value)
    return GunicornLogger(config)


def test_gunicorns_logger(sink, log, capsys):
    """Its loggers do not propagate: their records stay its own; those of the application go on."""
    sink.start()
    logger = gunicorn(accesslog="-")
    logger.info("booted")
    log.warning("m")
    event()
    captured = capsys.readouterr()
    assert "booted" in captured.err
    assert captured.out.count("\n") == 2
    assert sink.bodies == ["m", "event 1"]


def test_gunicorns_logger_as_the_applications(sink, log, capsys):
    """The recipe that gives an application gunicorn's handlers: each line once on stderr, as JSON."""
    sink.start()
    logger = gunicorn()
    log.handlers = logger.error_log.handlers
    log.setLevel(logger.error_log.level)
    log.info("m")
    captured = capsys.readouterr()
    assert captured.err.count("m\n") == 1
    assert '"message": "m"' in captured.out
    assert sink.bodies == ["m"]


def test_gunicorns_logconfig(sink, log, capsys):
    """`logconfig_dict` puts a handler on stdout on the root logger: stdout is its own."""
    sink.start()
    gunicorn(logconfig_dict={"version": 1, "disable_existing_loggers": True})
    log = logging.getLogger("app.of_gunicorn")
    log.warning("m")
    event()
    out = capsys.readouterr().out
    assert (out.count("m\n"), out.count("event 1\n"), "message" in out) == (1, 1, False)
    assert sink.bodies == ["m", "event 1"]


@pytest.mark.parametrize("loggers_kept", [True, False])
def test_uvicorns_configuration(sink, capsys, loggers_kept):
    """Its loggers have their own handlers; all others go on."""
    sink.start()
    config = {**uvicorn.config.LOGGING_CONFIG, "disable_existing_loggers": not loggers_kept}
    uvicorn.Config(lambda: None, log_config=config)
    logging.getLogger("uvicorn.error").info("started")
    logging.getLogger(f"app.of_uvicorn.{loggers_kept}").warning("m")
    event()
    captured = capsys.readouterr()
    assert captured.err.count("started") == 1
    assert (captured.out.count("\n"), sink.bodies) == (2, ["m", "event 1"])


@pytest.fixture
def worker_log():
    """What a Celery worker sets up as it starts; stdout and stderr are given back."""
    out, err, showwarning = sys.stdout, sys.stderr, logging._warnings_showwarning
    app = celery.Celery("tests", set_as_current=False)
    app.log.already_setup = type(app.log)._setup = False
    yield app.log
    sys.stdout, sys.stderr = out, err
    type(app.log)._setup = app.log.already_setup = False
    logging.captureWarnings(showwarning is not None)


@pytest.mark.parametrize("redirect", [True, False])
def test_celerys_worker(sink, log, capsys, monkeypatch, worker_log, redirect):
    """It takes the root logger, and logs what is printed; a line is a line, once, on stdout."""
    sink.start()
    ROOT.addHandler(logging.NullHandler())
    monkeypatch.setattr(sys, "__stdout__", sys.stdout)
    monkeypatch.setattr(sys, "__stderr__", sys.stderr)
    worker_log.setup(loglevel="INFO", redirect_stdouts=redirect, redirect_level="WARNING")
    log.info("m")
    print("printed")  # noqa: T201 - what is tested
    event()
    captured = capsys.readouterr()
    assert [captured.err.count(text) for text in ("m\n", "event 1\n")] == [1, 1]
    wanted = ["m", "printed", "event 1"] if redirect else ["m", "event 1"]
    assert sink.bodies == wanted
    written = [line for line in captured.out.splitlines() if line != "printed"]
    assert len(written) == len(wanted)
    assert all('"message": ' in line for line in written)


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("when", ["before", "after"])
def test_djangos_logging(sink, capsys, kept, when):
    """LOGGING, as `django.setup` hands it over, disabling what exists or not."""
    if not django.conf.settings.configured:
        django.conf.settings.configure(DEBUG=False, ADMINS=[])
    config = wsgi({"disable_existing_loggers": not kept})
    if when == "before":
        django.utils.log.configure_logging("logging.config.dictConfig", config)
    sink.start()
    if when == "after":
        django.utils.log.configure_logging("logging.config.dictConfig", config)
    logging.getLogger("django.request").disabled = False
    logging.getLogger("django.request").error(
        "Internal Server Error: %s", "/", extra={"status_code": 500}
    )
    logging.getLogger(f"app.of_django.{kept}.{when}").warning("m")
    event()
    found = lines(capsys)
    assert [line["message"] for line in found] == ["Internal Server Error: /", "m", "event 1"]
    assert found[0]["status_code"] == 500
    assert sink.bodies == [line["message"] for line in found]


def test_messages_of_werkzeug_have_no_colours(sink, capsys):
    """Its request lines are for terminals."""
    sink.start()
    logging.getLogger("werkzeug").setLevel(logging.INFO)
    logging.getLogger("werkzeug").info('\x1b[36m127.0.0.1 "GET / HTTP/1.1" 304\x1b[0m')
    assert messages(capsys) == sink.bodies == ['127.0.0.1 "GET / HTTP/1.1" 304']
