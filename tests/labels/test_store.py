"""The store of labels."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from otelml.exceptions import ConfigurationError, FeedbackError
from otelml.labels import Label, LabelStore

_WRITER = """
import sys, time
from otelml.labels import Label, LabelStore
store = LabelStore(sys.argv[1])
for number in range(100_000):
    name = f"{sys.argv[2]}-{number}"
    store.put(Label(name, "api", "yes", "", time.time_ns()))
    print(name, flush=True)
"""


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/labels.db"


def _at(actual, seconds, source="api", prediction="p"):
    return Label(prediction, source, actual, "", time.time_ns() + seconds * 10**9)


def test_the_newest_of_a_source_wins(url):
    """By its time, not by when it arrives; the same again changes nothing."""
    store = LabelStore(url)
    puts = [store.put(_at(*one))[:2] for one in (("a", 0), ("a", 1), ("b", 5), ("c", 3), ("b", 6))]
    assert puts == [(None, True), ("a", True), ("a", True), ("b", False), ("b", True)]
    assert store.label("p").actual == "b"
    assert store.counts()["labels"] == 1


def test_trust_decides_between_sources(url):
    """The most trusted source counts, however old; without trust the newest."""
    store = LabelStore(url)
    store.put_many([_at("a", 0, "officer"), _at("b", 9, "api"), _at("b", 5, "batch")])
    assert store.label("p").actual == "b"
    assert store.label("p", ["officer", "api"]).actual == "a"
    assert store.label("nobody") is None
    assert store.counts()["disagree"] == 1


def test_predictions_await_labels_by_key(url):
    """A key finds its id, the newest; with a label it waits no longer."""
    store = LabelStore(url)
    store.register([("loan-1", "id-0", "q"), ("loan-1", "id-1", "p"), ("loan-2", "id-2", "r")])
    assert store.find("loan-1") == "id-1"
    assert store.find("loan-3") is None
    store.put(_at("a", 0))
    assert store.awaiting() == [("loan-2", "id-2")]


def test_the_store_is_bounded(url):
    """By age and by rows, the oldest go first."""
    store = LabelStore(url, max_days=1, max_rows=3)
    store.put_many([_at("a", number - 100, prediction=str(number)) for number in range(6)])
    store.put(_at("a", -90_000, prediction="old"))
    store.prune()
    assert [store.label(one) is not None for one in ("old", "0", "2", "3", "5")] == [
        False, False, False, True, True
    ]  # fmt: skip


def test_a_newer_store_and_a_wrong_address_are_errors(url, tmp_path):
    """They are refused in words, not used."""
    LabelStore(url).close()
    with sqlite3.connect(tmp_path / "labels.db") as database:
        database.execute("insert into otelml_labels_step values (99)")
    with pytest.raises(ConfigurationError, match="newer otelml"):
        LabelStore(url)
    with pytest.raises(ConfigurationError, match="must be a URL"):
        LabelStore("labels.db")
    with pytest.raises(FeedbackError, match="could not be stored"):
        LabelStore(f"sqlite:///{tmp_path}/no/such/labels.db")


def test_nothing_acknowledged_is_lost_when_processes_are_killed(url):
    """Two processes on one file, both killed while they write: what they said is there."""
    LabelStore(url).close()
    command = [sys.executable, "-c", _WRITER, url]
    writers = [
        subprocess.Popen([*command, name], stdout=subprocess.PIPE, text=True) for name in "ab"
    ]
    said = []
    for writer in writers:
        said += [writer.stdout.readline().strip() for _ in range(25)]
    for writer in writers:
        os.kill(writer.pid, signal.SIGKILL)
        rest, _ = writer.communicate(timeout=30)
        said += [line.rstrip("\n") for line in rest.splitlines(keepends=True) if line[-1] == "\n"]
    store = LabelStore(url)
    assert len(said) >= 50
    assert [one for one in said if store.label(one) is None] == []
