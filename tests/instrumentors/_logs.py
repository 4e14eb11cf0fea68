"""What the tests of logging share: a sink for OTLP, a logger, and what went to stdout."""

from __future__ import annotations

import json
import logging
import logging.config
import time
from collections.abc import Iterator

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource

from otelml._worker.log_records import EVENT_NAME, write_record
from otelml.config import Config, LogOptions
from otelml.instrumentors.logging import instrument_logging, uninstrument_logging
from otelml.semconv import EVENT_PREDICTION

ROOT = logging.getLogger()
EVENTS = logging.getLogger("otelml.prediction")
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

    @staticmethod
    def stop() -> None:
        uninstrument_logging()


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
def logging_state() -> Iterator[None]:
    """Whatever a test does to logging is undone: loggers, their class, the factory, `disable`."""
    manager = ROOT.manager
    kept = ("disabled", "level", "propagate")
    before = {
        name: ({key: getattr(logger, key) for key in kept}, list(logger.handlers))
        for name, logger in manager.loggerDict.items()
        if isinstance(logger, logging.Logger)
    }
    kind, factory, disabled = (
        logging.getLoggerClass(),
        logging.getLogRecordFactory(),
        manager.disable,
    )
    yield
    logging.setLoggerClass(kind)
    logging.setLogRecordFactory(factory)
    logging.disable(disabled)
    for name, logger in manager.loggerDict.items():
        if isinstance(logger, logging.Logger):
            values, handlers = before.get(
                name, ({"disabled": False, "level": 0, "propagate": True}, [])
            )
            for key, value in values.items():
                setattr(logger, key, value)
            logger.handlers[:] = handlers
    manager._clear_cache()


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


def event(number: int = 1) -> None:
    """Log the event of a prediction as the worker does."""
    write_record(
        EVENTS,
        logging.INFO,
        f"event {number}",
        {EVENT_NAME: EVENT_PREDICTION},
        None,
        time.time_ns(),
    )


def messages(capsys) -> list[str]:
    return [line["message"] for line in lines(capsys)]


def config(**more):
    handlers = {"h": {"class": "logging.StreamHandler", "stream": "ext://sys.stderr"}}
    return {"version": 1, "handlers": handlers, "root": {"handlers": ["h"]}, **more}
