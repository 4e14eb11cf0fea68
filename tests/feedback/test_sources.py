"""Sources that a service fetches labels from, who is trusted, and what a restart keeps."""

from __future__ import annotations

import os
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

import otelml
from otelml import _guard
from otelml._feedback import follower
from otelml._state import ProcessState
from otelml.config import Config, FeedbackOptions, LogOptions, RestLabels, SqlLabels
from otelml.exceptions import ConfigurationError
from otelml.labels import LabelStore
from otelml.testing import capture
from tests._ids import SECRET

WAIT_S = 60.0


def until(question):
    deadline = time.monotonic() + WAIT_S
    while not (answer := question()):
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.02)
    return answer


def test_threads_agree_who_the_process_is(monkeypatch):
    """Each source has a thread; none takes another for a process that reads its source."""
    started, at_once = follower.psutil.Process, Barrier(4)

    def slow(pid):
        at_once.wait(30)
        return started(pid)

    monkeypatch.setattr(follower, "_OWNERS", ProcessState({}))
    monkeypatch.setattr(follower.psutil, "Process", slow)
    with ThreadPoolExecutor(4) as threads:
        first = list(threads.map(lambda _: follower.owner(), range(4)))
    assert {*first, follower.owner()} == {first[0]}


def _points(captured, metric):
    return {tuple(p.attributes.values()): p.value for p in captured.metric(metric).points}


def _config(tmp_path, *sources, **more):
    feedback = FeedbackOptions(
        store=f"sqlite:///{tmp_path}/labels.db", secret=SECRET, sources=sources, **more
    )
    return Config(feedback=feedback, logs=LogOptions(json=False))


def _core(tmp_path, *rows):
    with sqlite3.connect(tmp_path / "core.db") as database:
        database.execute("create table if not exists outcomes (loan text, actual, changed int)")
        database.executemany("insert into outcomes values (?, ?, ?)", rows)
    query = "select loan as key, actual, changed from outcomes"
    return SqlLabels(
        name="core", url=f"sqlite:///{tmp_path}/core.db", query=query, watermark="changed",
        overlap=0, every=0.05,
    )  # fmt: skip


def _predict(key=None, label="yes"):
    with otelml.prediction("loan", version="1") as p:
        p.set_result(label=label, confidence=0.9)
    if key is not None:
        assert otelml.register_key(key, p.id)
    return p.id


def _accuracy(captured):
    points = captured.metric("ml.quality").points
    found = [
        p.value for p in points
        if p.attributes["ml.quality.metric"] == "accuracy"
        and p.attributes.get("ml.quality.window") == "1000"
        and p.attributes["ml.quality.estimated"] == "false"
    ]  # fmt: skip
    return found[0] if found else None


def test_labels_arrive_by_themselves(tmp_path):
    """With span, counters, quality; what is no label is counted with its reason."""
    core = _core(tmp_path)
    with capture(_config(tmp_path, core)) as captured:
        for number in range(4):
            _predict(f"loan-{number}")
        captured.flush()
        until(lambda: LabelStore(f"sqlite:///{tmp_path}/labels.db").counts()["keys"] == 4)
        _core(tmp_path, ("loan-0", "yes", 1), ("loan-1", "no", 1), ("none", "no", 2), ("loan-0", "yes", 3), ("loan-1", "yes", 4))  # fmt: skip
        until(lambda: sum(_points(captured, "ml.feedback.source.rows").values()) == 5)
        assert _points(captured, "ml.feedback.source.rows") == {
            ("core", "accepted"): 2, ("core", "duplicate"): 1,
            ("core", "conflict"): 1, ("core", "refused"): 1,
        }  # fmt: skip
        rejected = captured.metric("ml.feedback.rejected").points
        assert {p.attributes["ml.feedback.reason"]: p.value for p in rejected} == {
            "duplicate": 1, "conflict": 1, "key": 1,
        }  # fmt: skip
        spans = captured.spans("feedback loan")
        assert {span.attributes["ml.feedback.source"] for span in spans} == {"core"}
        assert all(span.links for span in spans)
        assert until(lambda: _accuracy(captured)) == 1.0
        assert _points(captured, "ml.feedback.source.errors") == {}
        assert 0 <= _points(captured, "ml.feedback.source.lag")["core",] < WAIT_S


def test_a_source_that_fails_harms_nothing(tmp_path):
    """It is counted and tried again, less and less often; the others go on; its lag grows."""
    core = _core(tmp_path)
    away = RestLabels(name="away", url="http://127.0.0.1:1/labels", every=0.01)
    before = _guard.errors["labels"]
    with capture(_config(tmp_path, core, away)) as captured:
        _predict("loan-0")
        captured.flush()
        until(lambda: LabelStore(f"sqlite:///{tmp_path}/labels.db").counts()["keys"] == 1)
        _core(tmp_path, ("loan-0", "yes", 1))
        until(lambda: _points(captured, "ml.feedback.source.rows"))
        errors = until(lambda: _points(captured, "ml.feedback.source.errors"))
        assert set(errors) == {("away", "ConnectionError")}
        lags = _points(captured, "ml.feedback.source.lag")
        assert lags["away",] > 0
    assert _guard.errors["labels"] > before


def test_trust_decides_what_quality_is_of(tmp_path):
    """The most trusted source's label counts, whenever it comes; that sources differ is counted."""
    with capture(_config(tmp_path, trust=("officer", "core"))) as captured:
        first, second = _predict(), _predict()
        otelml.feedback(first, "no", source="api")
        otelml.feedback(second, "yes", source="officer")
        assert until(lambda: _accuracy(captured)) == 0.5
        otelml.feedback(first, "yes", source="core")
        otelml.feedback(second, "no", source="api")
        otelml.feedback(first, "no", source="api")
        assert until(lambda: captured.flush() or _accuracy(captured)) == 1.0
        points = captured.metric("ml.feedback.disagreements").points
        found = {
            (p.attributes["ml.feedback.source"], p.attributes["ml.feedback.decided_by"]): p.value
            for p in points
        }
        assert found == {("core", "core"): 1, ("api", "officer"): 1}


@pytest.mark.parametrize("has_store", [True, False])
@pytest.mark.parametrize("trust", [(), ("officer",)])
def test_trust_is_the_same_without_a_store(tmp_path, has_store, trust):
    """Without trust the newest label counts, by its time and not by when it arrives."""
    store = f"sqlite:///{tmp_path}/labels.db" if has_store else None
    options = FeedbackOptions(store=store, secret=SECRET, trust=trust)
    with capture(Config(feedback=options, logs=LogOptions(json=False))) as captured:
        made, now = _predict(), time.time()
        otelml.feedback(made, "yes", source="officer", timestamp=now)
        otelml.feedback(made, "no", source="api", timestamp=now + 9)
        otelml.feedback(made, "yes", source="batch", timestamp=now + 5)
        captured.flush()
        assert _accuracy(captured) == (1.0 if trust else 0.0)


def test_quality_goes_on_after_a_restart(tmp_path):
    """The last labels of the store are what it is of, until new ones come."""
    config = _config(tmp_path, trust=("officer",))
    with capture(config) as captured:
        made = [_predict() for _ in range(10)]
        for number, one in enumerate(made):
            otelml.feedback(one, "yes" if number < 7 else "no", source="officer")
            otelml.feedback(one, "no", source="api")
        captured.flush()
        assert _accuracy(captured) == 0.7
    with capture(config) as captured:
        assert until(lambda: _accuracy(captured)) == 0.7
        assert captured.metric("ml.feedback").points == ()
        assert captured.spans() == []
        for _ in range(50):  # ids of this test repeat; the last ones are new
            made = _predict(label="no")
        otelml.feedback(made, "yes", source="officer")
        captured.flush()
        assert _accuracy(captured) == 7 / 11


def test_what_a_source_needs_is_said_by_init(tmp_path, monkeypatch):
    """A store, a variable, a driver."""
    source = RestLabels(name="a", url="http://127.0.0.1:1/", token="${env:NO_SUCH_TOKEN}")
    with pytest.raises(ConfigurationError, match=r"sources needs FeedbackOptions\.store"):
        otelml.init("labels", feedback=FeedbackOptions(sources=(source,)))
    with pytest.raises(ConfigurationError, match="NO_SUCH_TOKEN"):
        otelml.init("labels", feedback=_config(tmp_path, source).feedback)
    with pytest.raises(ConfigurationError, match=r"review_below needs FeedbackOptions\.store"):
        otelml.init("labels", feedback=FeedbackOptions(review_below=0.5))


def test_sources_may_be_named_in_pyproject(tmp_path, monkeypatch):
    """As tables with a kind."""
    from otelml._startup import resolve

    (tmp_path / "pyproject.toml").write_text(
        '[tool.otelml.feedback]\nstore = "sqlite:///labels.db"\ntrust = ["core"]\n'
        '[[tool.otelml.feedback.sources]]\nkind = "sql"\nname = "core"\nurl = "sqlite:///core.db"\n'
        'query = "select 1"\nfields = {key = "loan"}\n'
    )
    options = resolve({}, environ={"OTELML_REVIEW_BELOW": "0.4"}, folder=tmp_path).feedback
    (source,) = options.sources
    assert isinstance(source, SqlLabels)
    assert (source.name, source.fields, options.trust) == ("core", {"key": "loan"}, ("core",))
    assert options.review_below == 0.4


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_child_follows_too(tmp_path, monkeypatch):
    """The parent ends, and its child goes on where the parent was."""
    core = _core(tmp_path, ("x", "yes", 1))
    url = f"sqlite:///{tmp_path}/labels.db"
    monkeypatch.setenv("OTEL_SDK_DISABLED", "")
    for name in ("TRACES", "METRICS", "LOGS"):
        monkeypatch.setenv(f"OTEL_{name}_EXPORTER", "none")
    telemetry = otelml.init(
        "labels", feedback=_config(tmp_path, core).feedback, system=False, instrument="none",
        logs=LogOptions(json=False),
    )  # fmt: skip
    with telemetry:
        until(lambda: LabelStore(url).positions.get("core")[1].done == 1)
        read, write = os.pipe()
        pid = os.fork()
        if not pid:  # pragma: no cover - in the child
            code = 1
            try:
                os.read(read, 1)
                until(lambda: LabelStore(url).positions.get("core")[1].done == 2)
                code = 0
            finally:
                os._exit(code)
        telemetry._pipeline.sources.stop(time.monotonic() + 30)
        _core(tmp_path, ("y", "yes", 2))
        os.write(write, b"x")
        assert os.waitpid(pid, 0)[1] == 0
