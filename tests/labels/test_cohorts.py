"""Cohorts of labels outlive a process: one that is restarted, and one that is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from otelml._quality.concept import Concept
from otelml._quality.saved import Changes
from otelml._quality.verdicts import Verdicts
from otelml.config import DriftOptions
from otelml.labels import LabelStore
from tests.concept._labels import EVERY_S, START_S, Stream, reference, right, soon

_WAIT_S = 60


# --- what is saved ------------------------------------------------------------------------------


def _moved(stream, given, **options):
    """Let another process go on with what a stream has gathered, from the texts alone."""
    changed, _ = Changes().of([stream.concept])
    verdicts = Verdicts(stream.options, lambda *_: None, clock=lambda: stream.now)
    if given is not None:
        old = stream.concept
        made = Concept(
            old.model, old.version, stream.options, given, is_value=old.is_value,
            now_s=stream.now, **options,
        )  # fmt: skip
        verdicts._concepts[old.model, old.version] = made
    verdicts.load(changed)
    (stream.concept,) = verdicts.concepts()
    return stream


def _judged(stream):
    return [
        (one.rows, one.value, one.loss, one.evidence, one.degraded, one.event)
        for one in stream.judged
    ]


@pytest.mark.parametrize("restarts", [(3,), (1, 2, 7, 20, 21)])
@pytest.mark.parametrize("given", [reference(0.9), None], ids=["reference", "first labels"])
def test_judgements_are_those_of_a_process_that_was_never_restarted(given, restarts):
    whole, parts = Stream(given, mature_s=600.0), Stream(given, mature_s=600.0)
    for place in range(40):
        share = 0.9 if place < 20 else 0.6
        for stream in (whole, parts):
            stream.run(1, 60, right(share), soon(120.0))
        if place in restarts:
            _moved(parts, given, mature_s=600.0)
            parts.concept._mature_s = 600.0

    assert any(one.event == "alarm" for one in whole.judged)
    assert _judged(parts) == _judged(whole)


def test_what_is_learned_of_lags_is_not_learned_anew():
    given = reference(0.9)
    stream = Stream(given)
    stream.run(80, 60, right(0.9), soon(120.0))
    before = stream.concept.mature(stream.now)
    assert before.age_s < float("inf")

    _moved(stream, given)

    assert stream.concept.mature(stream.now) == before


def test_only_what_has_changed_is_written():
    stream = Stream(reference(0.9), mature_s=600.0)
    stream.run(30, 60, right(0.9), soon(60.0))
    changes = Changes()
    first, _ = changes.of([stream.concept])
    assert len(first) > 10
    assert changes.of([stream.concept])[0] == first, "nothing was said to be in the store yet"
    changes.written()

    assert changes.of([stream.concept]) == ({}, [])

    changes.written()
    stream.run(1, 60, right(0.9), soon(60.0))
    again, _ = changes.of([stream.concept])
    assert 0 < len(again) < 8


def test_parts_that_were_joined_are_no_more():
    stream = Stream(reference(0.9), mature_s=1e9)
    changes = Changes()
    known = set()
    for _ in range(90):  # more than there may be
        stream.run(1, 4, right(0.9), soon(60.0))
        changed, gone = changes.of([stream.concept])
        changes.written()
        known = (known | set(changed)) - set(gone)

    assert {int(part) for _, part in known if part != "state"} == {
        cohort.start_ms for cohort in stream.concept.cohorts.all()
    }


def test_what_two_had_is_joined_and_no_label_counts_twice():
    first, second = (Stream(reference(0.9), seed=place) for place in range(2))
    for place, stream in enumerate((first, second)):
        stream._number = iter(range(place * 10_000, 10**9))
        stream.run(70 + 20 * place, 30, right(0.9), soon(60.0))
    lags = sum(c.lags.sum() for one in (first, second) for c in one.concept.cohorts.all())
    options = DriftOptions(every=EVERY_S)
    verdicts = Verdicts(options, lambda *_: None, clock=lambda: START_S)
    for stream in (first, second):
        verdicts.load(Changes().of([stream.concept])[0])

    (both,) = verdicts.concepts()
    spans = [(one.start_ms, one.end_ms) for one in both.cohorts.all()]
    assert sum(one.lags.sum() for one in both.cohorts.all()) == lags
    assert spans == sorted(spans)
    assert all(end <= start for (_, end), (start, _) in zip(spans, spans[1:], strict=False))
    assert len(spans) <= 64


# --- the store ----------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path):
    made = LabelStore(f"sqlite:///{tmp_path}/labels.db")
    yield made
    made.close()


def _dead(*names):
    return lambda text: text in names


def test_what_a_living_process_has_is_not_taken(store):
    store.cohorts.save("a", {("m", "state"): "1"}, (), 60)

    assert store.cohorts.take_over("b", 60, _dead()) == ([], False)
    assert store.cohorts.take_over("a", 60, _dead()) == ([], True)


@pytest.mark.parametrize(("seconds", "dead"), [(60, ("a",)), (0, ())], ids=["dead", "given back"])
def test_what_one_had_that_ended_is_taken_once(store, seconds, dead):
    store.cohorts.save("a", {("m", "state"): "1", ("m", "5"): "2"}, (), seconds)

    (found,), alone = store.cohorts.take_over("b", 60, _dead(*dead))

    assert found.parts == {("m", "state"): "1", ("m", "5"): "2"}
    assert alone
    assert store.cohorts.take_over("c", 60, _dead(*dead)) == ([], False)
    store.cohorts.save("b", {("m", "state"): "3"}, (), 0)
    (found,), _ = store.cohorts.take_over("c", 60, _dead())
    assert found.parts == {("m", "state"): "3"}, "what was taken over went with the first write"


def test_what_was_taken_and_not_written_is_taken_again(store):
    store.cohorts.save("a", {("m", "state"): "1"}, (), 0)
    store.cohorts.take_over("b", 60, _dead())

    (found,), _ = store.cohorts.take_over("c", 60, _dead("b"))

    assert found.parts == {("m", "state"): "1"}


def test_parts_are_replaced_and_removed(store):
    store.cohorts.save("a", {("m", "state"): "1", ("m", "5"): "2"}, (), 60)
    store.cohorts.save("a", {("m", "state"): "3"}, [("m", "5")], 0)

    (found,), _ = store.cohorts.take_over("b", 60, _dead())

    assert found.parts == {("m", "state"): "3"}


# --- a service ----------------------------------------------------------------------------------


class Service:
    """One process, asked by lines."""

    def __init__(self, url):
        command = [sys.executable, "-m", "tests.labels._cohorts_service", url]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._process = subprocess.Popen(command, **pipes)
        self.pid = json.loads(self._process.stdout.readline())["pid"]

    def ask(self, **what):
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def until(self, holds):
        end = time.monotonic() + _WAIT_S
        while not holds(found := self.ask()):
            assert time.monotonic() < end, found
            time.sleep(0.1)
        return found

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        self._process.wait(_WAIT_S)

    def end(self):
        self._process.stdin.close()
        self._process.wait(_WAIT_S)


@contextmanager
def _service(url):
    one = Service(url)
    try:
        yield one
    finally:
        if one._process.poll() is None:
            one.kill()


def _labels(ids):
    return [(one, "yes" if place % 3 else "no") for place, one in enumerate(ids)]


def test_a_restart_and_a_kill_lose_no_acknowledged_label(tmp_path):
    url = f"sqlite:///{tmp_path}/labels.db"
    with _service(url) as first:
        ids = first.ask(predict=60)["ids"]
        first.ask(labels=_labels(ids[:20]))
        before = first.until(lambda found: found and found["loan 1"]["lags"] == 20)["loan 1"]
        first.end()
    with _service(url) as second:
        after = second.until(lambda found: found and found["loan 1"]["lags"] == 20)["loan 1"]
        assert after["started_s"] == before["started_s"], "the cohorts count as watched"
        assert after["rows"] == before["rows"]
        second.ask(labels=_labels(ids)[20:40])
        second.until(lambda found: found["loan 1"]["lags"] == 40)
        time.sleep(0.5)
        second.ask(hold=True)
        second.ask(labels=_labels(ids)[40:50])  # acknowledged, and in no cohort that is kept
        second.kill()
    with _service(url) as third:
        found = third.until(lambda found: found and found["loan 1"]["lags"] == 50)["loan 1"]
        assert found["rows"] == sorted(float(what == "yes") for _, what in _labels(ids)[:50])
        assert third.ask(labels=_labels(ids)[:50]) == {"acknowledged": 50}
        assert third.ask()["loan 1"]["lags"] == 50, "the same labels again change nothing"
