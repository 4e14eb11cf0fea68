"""The history: one trigger a cooldown, whoever asks; bounded; what was cut short."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from otelml import _guard
from otelml._retraining.history import History
from tests._processes import ROOT
from tests.retraining._receiver import Receiver
from tests.retraining._triggers import SECRET, Telling, options, trigger

DAY_S = 86_400.0


def test_one_a_cooldown_and_model():
    """A second one is refused, of another model it is not, and after the cooldown neither."""
    history, now = History(None, 50), time.time()
    assert history.claim([trigger(1, at_s=now)], DAY_S, dry_run=False) == (True, now + DAY_S)
    granted, following = history.claim([trigger(2, at_s=now + 60)], DAY_S, dry_run=False)
    assert (granted, following) == (False, pytest.approx(now + DAY_S))
    assert history.claim([trigger(3, model="other", at_s=now)], DAY_S, dry_run=False)[0]
    assert not history.claim([trigger(4, at_s=now - 60)], DAY_S, dry_run=False)[0]
    assert history.claim([trigger(5, at_s=now + DAY_S)], DAY_S, dry_run=False)[0]


def test_dry_runs_keep_nothing_real_back():
    """Dry runs heed each other; what is real does not heed them."""
    history, now = History(None, 50), time.time()
    assert history.claim([trigger(1, at_s=now)], DAY_S, dry_run=True)[0]
    assert not history.claim([trigger(2, at_s=now)], DAY_S, dry_run=True)[0]
    assert history.claim([trigger(3, at_s=now)], DAY_S, dry_run=False)[0]
    assert [one.outcome for one in history.list()] == ["dry_run", "pending"]


def test_a_dry_run_tells_nobody():
    """It is in the history, and no request is made."""
    with Receiver(SECRET) as receiver:
        telling = Telling(options(webhook=receiver.url, dry_run=True))
        telling.tell(trigger())
        telling.tell(trigger(2))
    assert receiver.requests == []
    assert telling.outcomes == [("dry_run", 0)]
    assert [outcome for _, outcome, _ in telling.told] == ["dry_run"]


CLAIM = """
import sys, time
from otelml._retraining.history import History
from tests.retraining._triggers import trigger
path, number, start = sys.argv[1], sys.argv[2], float(sys.argv[3])
time.sleep(max(0.0, start - time.time()))
print(History(path, 50).claim([trigger(number)], 86400.0, dry_run=False)[0])
"""


def test_processes_share_a_cooldown(tmp_path):
    """Of four processes that ask at the same moment, one may."""
    path = str(tmp_path / "state.db")
    start = time.time() + 4
    asked = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIM, path, str(number), str(start)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    said = [process.communicate(timeout=60)[0].strip() for process in asked]
    assert sorted(said) == ["False", "False", "False", "True"]


def test_the_history_is_bounded_and_readable(tmp_path):
    """The newest stay, each with its reasons."""
    history, now = History(str(tmp_path / "state.db"), 3), time.time()
    for number in range(6):
        at_s = now + number * DAY_S
        pair = [trigger(number, kind, at_s=at_s) for kind in ("webhook", "command")]
        assert history.claim(pair, DAY_S, dry_run=False)[0]
    found = [one.to_dict() for one in History(str(tmp_path / "state.db"), 3).list()]
    assert [one["id"] for one in found] == ["id-5", "id-5", "id-4", "id-4", "id-3", "id-3"]
    assert found[0]["reasons"] == ["it is old"]
    assert found[0]["at"].endswith("+00:00")


def test_what_a_killed_process_left_undone_is_sent_with_its_id(tmp_path):
    """A webhook is sent once more when nobody is at work on it any longer; a command is not run."""
    state = str(tmp_path / "state.db")
    before, now = History(state, 50), time.time()
    pair = [trigger(1, "webhook"), trigger(1, "command")]
    assert before.claim(pair, DAY_S, dry_run=False)[0]
    for one in pair:
        before.hold(one, now + 3600)
    with Receiver(SECRET) as receiver:
        telling = Telling(options(webhook=receiver.url, state=state))
        telling.triggers.resume()
        assert telling.triggers.wait(20)
        assert receiver.requests == []
        for one in pair:
            before.hold(one, now - 1)
        telling.triggers.resume()
        telling.triggers.resume()
        assert telling.triggers.wait(20)
    assert receiver.ids == ["id-1"]
    assert {(one.kind, one.outcome) for one in before.list()} == {
        ("webhook", "done"),
        ("command", "interrupted"),
    }


def test_without_a_memory_nothing_is_triggered(tmp_path):
    """A file that cannot be written might let it trigger for ever: it is said, and nothing sent."""
    _guard.errors.pop("retraining", None)
    path = tmp_path / "state.db"
    path.write_text("this is no database, and it is long enough to be read as one" * 10)
    with Receiver(SECRET) as receiver:
        telling = Telling(options(webhook=receiver.url, state=str(path)))
        telling.tell(trigger())
    assert receiver.requests == []
    assert [outcome for _, outcome, _ in telling.told] == ["failed"]
    assert "history" in telling.told[0][2]
    assert _guard.errors["retraining"] >= 1
