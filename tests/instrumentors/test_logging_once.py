"""Who writes to stdout, and what comes by twice: one record is one line."""

from __future__ import annotations

import copy
import io
import json
import logging
import logging.handlers
import multiprocessing
import os
import pickle
import queue
import sys

import pytest

from tests.instrumentors._logs import ROOT, lines, messages

pytestmark = pytest.mark.usefixtures("logging_state")


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


def test_the_mark_is_not_seen(sink, log, capsys):
    """A marked record prints, compares and pickles as it would without us."""
    kept = []
    sink.start()
    log.addFilter(lambda record: kept.append(record) or True)
    log.warning("m")
    (record,) = kept
    number = record.lineno
    assert (f"{number}", "%d" % number, json.dumps(number)) == (str(int(number)),) * 3  # noqa: UP031 - as formats do
    assert (number == int(number), hash(number)) == (True, hash(int(number)))
    fields = pickle.loads(pickle.dumps(record)).__dict__
    assert type(fields["lineno"]) is int
    assert set(fields) == set(logging.LogRecord("n", 20, "p", 1, "m", (), None).__dict__)
    assert copy.deepcopy(record).lineno == number


@pytest.mark.parametrize("propagates", [True, False])
def test_a_childs_record_is_logged_again_by_its_parent(sink, log, capfd, propagates):
    """Whoever has written a record, its line is there once: the child, or else its parent."""
    sink.start()
    reading, writing = multiprocessing.Pipe(duplex=False)

    class ToParent(logging.handlers.QueueHandler):
        def enqueue(self, record):
            self.queue.send(record)

    pid = os.fork()
    if pid == 0:
        log.addHandler(ToParent(writing))
        log.propagate = propagates
        log.warning("m %s", "x")
        os._exit(0)
    os.waitpid(pid, 0)
    record = reading.recv()
    logging.getLogger(record.name).handle(record)
    out = capfd.readouterr().out.splitlines()
    assert [json.loads(line)["message"] for line in out] == ["m x"]


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
