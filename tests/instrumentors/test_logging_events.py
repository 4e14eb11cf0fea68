"""Events of predictions from templates are the lines and records that log records give."""

from __future__ import annotations

import io
import json
import logging
import random
import sys
import time

import pytest
from opentelemetry.sdk.resources import Resource

import otelml
from otelml import _fast_paths
from otelml._providers.resource import update_resource
from otelml._worker import event_writer
from otelml._worker.events import EventLines, log_prediction
from otelml._worker.processor import Processor
from otelml.config import LogOptions
from tests._otlp_server import OtlpServer
from tests.instrumentors._logs import ROOT, without_pytest

EVENTS = logging.getLogger("otelml.prediction")
LABELS = ["approved", 'say "no"', "ß", "", "l" * 1200, "a\\b"]


@pytest.fixture
def server(monkeypatch):
    with OtlpServer() as one:
        for name, value in one.environment().items():
            monkeypatch.setenv(name, value)
        yield one


@pytest.fixture
def written(monkeypatch):
    """Whether each event took a template."""
    found = []
    write = EventLines.write

    def noted(self, *args):
        found.append(write(self, *args))
        return found[-1]

    monkeypatch.setattr(EventLines, "write", noted)
    return found


@pytest.fixture
def service(logging_state, server, written, monkeypatch):
    """Start a service that logs every prediction."""
    started = []
    handlers, level = list(ROOT.handlers), ROOT.level

    def start(**options):
        if not isinstance(sys.stdout, io.StringIO):  # not in the fixture: pytest has its own then
            monkeypatch.setattr(sys, "stdout", io.StringIO())
        without_pytest()
        logs = LogOptions(sample_ratio=1.0, **options)
        telemetry = otelml.init("loans", logs=logs, instrument=["logging"], system=False)
        started.append(telemetry)
        return telemetry

    yield start
    for telemetry in started:
        telemetry.shutdown()
    EVENTS.filters.clear()
    ROOT.handlers[:] = handlers
    ROOT.setLevel(level)


def predict(label="approved", count=1, **features):
    for _ in range(count):
        with otelml.prediction("loan", version="3", features=features or {"a": 1}) as p:
            with p.stage("inference"):
                pass
            p.set_result(label=label, confidence=random.random())


def listen(logger):
    """Have an application's handler get the events of a logger, whatever the root's level is."""
    logger.addHandler(logging.StreamHandler(io.StringIO()))
    logger.setLevel(logging.INFO)


def lines():
    return [json.loads(line) for line in sys.stdout.getvalue().splitlines()]


def events():
    return [line for line in lines() if line.get("event_name") == "ml.prediction"]


def test_same_line_and_same_record(service, server, written, monkeypatch):
    """Each event is logged both ways, and both ways give the same bytes."""
    log = Processor._log

    def both(self, record, results, id_text, plan):
        before = len(written)
        log(self, record, results, id_text, plan)
        if any(written[before:]):
            attributes = otelml._spans.prediction_attributes(record, results, id_text)
            log_prediction(record, attributes, self.logs)

    monkeypatch.setattr(Processor, "_log", both)
    telemetry = service()
    rng = random.Random(4)
    for _ in range(150):
        predict(rng.choice(LABELS))
    telemetry.force_flush()
    assert sum(written) == 150 - len(LABELS)
    seen = [line for line in sys.stdout.getvalue().splitlines() if '"ml.prediction"' in line]
    assert len(seen) == 300 - len(LABELS)
    pairs = {}
    for line in seen:
        pairs.setdefault(json.loads(line)["span_id"], []).append(line)
    assert sum(len(pair) == 2 for pair in pairs.values()) == sum(written)
    assert all(len(set(pair)) == 1 for pair in pairs.values())
    records = {}
    for record in server.logs:
        if record.event_name == "ml.prediction":
            assert record.observed_time_unix_nano
            record.observed_time_unix_nano = 0
            records.setdefault(record.span_id, []).append(record.SerializeToString())
    assert all(len(set(pair)) == 1 for pair in records.values())
    assert sum(map(len, records.values())) == len(seen)
    exported = telemetry.status()["signals"]["logs"]["exported"]
    assert exported == len(server.logs)


@pytest.mark.parametrize(
    "meddle",
    [
        lambda: EVENTS.addFilter(lambda _: True),
        lambda: listen(EVENTS),
        lambda: listen(logging.getLogger("otelml")),
        lambda: logging.setLogRecordFactory(type("Record", (logging.LogRecord,), {})),
        lambda: logging.basicConfig(level="INFO", stream=io.StringIO()),
        lambda: logging.basicConfig(stream=sys.stdout),
    ],
    ids=["filter", "handler", "handler above", "factory", "basicConfig", "own stdout"],
)
def test_who_wants_records_gets_them(service, server, written, meddle):
    """From then on, and no event is lost or doubled."""
    telemetry = service()
    predict(count=5)
    telemetry.force_flush()
    assert sum(written) == 4
    meddle()
    predict(count=5)
    telemetry.force_flush()
    assert sum(written) == 4
    sent = [record for record in server.logs if record.event_name == "ml.prediction"]
    assert len(sent) == 10


def test_a_wrapped_logger_gets_records(service, written, monkeypatch):
    """Who wraps logging's method, as error trackers do, sees each record."""
    telemetry = service()
    predict(count=3)
    telemetry.force_flush()
    seen = []
    original = logging.Logger.callHandlers

    def wrapped(self, record):
        seen.append(record)
        original(self, record)

    monkeypatch.setattr(logging.Logger, "callHandlers", wrapped)
    predict(count=3)
    telemetry.force_flush()
    assert sum(written) == 2
    assert len([record for record in seen if record.name == "otelml.prediction"]) == 3


def test_hidden_from_the_applications_handlers(service, written):
    """A root logger at WARNING with a handler of its own: only our line is written."""
    theirs = io.StringIO()
    without_pytest()
    logging.basicConfig(stream=theirs)
    telemetry = service()
    predict(count=5)
    telemetry.force_flush()
    assert sum(written) == 4
    assert len(events()) == 5
    assert "prediction of" not in theirs.getvalue()


@pytest.mark.parametrize("way", ["level", "disabled", "disable"])
def test_silenced(service, server, written, way):
    """What silences the logger silences templates; logging.disable is the application's."""
    telemetry = service()
    predict(count=3)
    telemetry.force_flush()
    if way == "level":
        EVENTS.setLevel(logging.ERROR)
    elif way == "disabled":
        EVENTS.disabled = True
    else:
        logging.disable(logging.CRITICAL)
    predict(count=3)
    telemetry.force_flush()
    logging.disable(logging.NOTSET)
    assert len(events()) == (6 if way == "disable" else 3)
    sent = [record for record in server.logs if record.event_name == "ml.prediction"]
    assert len(sent) == len(events())


def test_lines_stand_in_their_order(service):
    """An event that needs a record comes after those before it, and before those after it."""
    telemetry = service()
    for number in range(12):
        with otelml.prediction("loan", features={"a": 1}) as p:
            if number % 4 == 3:
                otelml._prediction.current_open().span.set_attribute("mine", 1)
            p.set_result(label=f"{number:02}")  # not told by time: a system's clock can go back
    telemetry.force_flush()
    found = [line["ml.prediction.label"] for line in events()]
    assert found == [f"{number:02}" for number in range(12)]


def test_without_otlp_and_without_json(service, server, written):
    """Each sink alone."""
    telemetry = service(otlp=False)
    predict(count=4)
    telemetry.force_flush()
    assert (len(events()), sum(written)) == (4, 3)
    telemetry.shutdown()
    service(json=False)
    predict(count=4)
    otelml.shutdown()
    assert (len(events()), sum(written)) == (4, 6)
    sent = [record for record in server.logs if record.event_name == "ml.prediction"]
    assert len(sent) == 4


def test_stdout_that_logs_gets_line_by_line(service, written, monkeypatch):
    """A stream that is more than a file gets each line by itself."""
    taken = []

    class Stream:
        def write(self, text):
            taken.append(text)

        def flush(self):
            pass

    telemetry = service()
    monkeypatch.setattr(sys, "stdout", Stream())
    predict(count=6)
    telemetry.force_flush()
    assert sum(written) == 5
    assert len([text for text in taken if '"ml.prediction"' in text]) == 6
    assert all(text.count("\n") == 1 for text in taken)


def test_off_with_the_templates(service, written, monkeypatch):
    """Without templates of spans there are none of events."""
    monkeypatch.setitem(_fast_paths._off, _fast_paths.TEMPLATES, "as a test")
    telemetry = service()
    predict(count=3)
    telemetry.force_flush()
    assert not written
    assert len(events()) == 3


def test_time_is_told_once_a_chunk(service):
    """No line waits for longer than the run of predictions it is of."""
    service()
    predict(count=3)
    until = time.monotonic() + 10
    while len(events()) < 3 and time.monotonic() < until:
        time.sleep(0.01)
    assert len(events()) == 3
    assert ROOT.level == logging.INFO


def test_records_are_of_the_process_that_they_say(service, written):
    """A child's resource is another, with the first event after the fork."""
    telemetry = service()
    predict(count=3)
    telemetry.force_flush()
    signal = telemetry._providers.signals["logs"]
    update_resource(signal.provider, Resource({"service.instance.id": "child"}))
    predict(count=3)
    telemetry._pipeline.worker.flush(time.monotonic() + 10)
    assert sum(written) == 5
    [batcher] = signal.pipes
    assert batcher._like.resource.attributes["service.instance.id"] == "child"


def test_a_child_writes_no_lines_of_its_parent(service):
    """What waited at the fork is the parent's."""
    telemetry = service()
    predict(count=3)
    telemetry.force_flush()
    writer = event_writer.value
    writer._lines.append("a line of the parent")
    telemetry._pipeline.processor.after_fork()
    writer.flush()
    assert "of the parent" not in sys.stdout.getvalue()


def test_what_must_not_leave_is_hidden(service, server, written):
    """No template, and no line with the value."""
    telemetry = service(redact=("ml.prediction.label",))
    predict(count=3)
    telemetry.force_flush()
    assert not written
    assert [line["ml.prediction.label"] for line in events()] == ["[redacted]"] * 3
