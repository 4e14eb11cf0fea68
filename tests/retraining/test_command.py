"""The command: its arguments as they are, its reasons, its end."""

from __future__ import annotations

import json
import sys
import time

import pytest

from otelml import environment_variables as env
from otelml._retraining import command
from tests.retraining._triggers import BODY, Telling, options, trigger


def _run(tmp_path, code, *arguments, **more):
    telling = Telling(options(command=(sys.executable, "-c", code, *arguments), **more))
    telling.tell(trigger(kind="command"))
    (found,) = telling.history.list()
    return found


def test_it_is_told_why(tmp_path, monkeypatch):
    """Arguments reach it unchanged, the reasons as JSON; our secrets do not."""
    for name in (env.OTELML_SECRET, env.OTELML_ADMIN_TOKEN, env.OTELML_RETRAINING_SECRET):
        monkeypatch.setenv(name, "hidden")
    monkeypatch.setenv("OWN", "kept")
    out = tmp_path / "out.json"
    code = (
        "import json, os, sys; json.dump([sys.argv[2:], dict(os.environ)], open(sys.argv[1], 'w'))"
    )
    odd = ("a b", "$HOME; exit 1", "ä")
    found = _run(tmp_path, code, str(out), *odd)
    assert (found.outcome, found.detail) == ("done", "exit code 0")
    arguments, environment = json.loads(out.read_text())
    assert tuple(arguments) == odd
    assert environment[env.OTELML_RETRAINING_ID] == "id-1"
    assert json.loads(environment[env.OTELML_RETRAINING_BODY]) == json.loads(BODY)
    assert environment["OWN"] == "kept"
    assert "hidden" not in environment.values()


def test_its_error_is_kept(tmp_path):
    """The exit code, and the end of what it said."""
    found = _run(tmp_path, "import sys; sys.exit('x' * 900 + 'no data')")
    assert found.outcome == "failed"
    assert found.detail.startswith("exit code 1: xxx")
    assert found.detail.endswith("no data")
    assert len(found.detail) < 600


def test_what_cannot_be_run_is_said():
    """A program that is not there."""
    telling = Telling(options(command=("/no/such/program",)))
    telling.tell(trigger(kind="command"))
    assert telling.outcomes == [("failed", 1)]
    assert "cannot be run" in telling.history.list()[0].detail


def test_it_is_ended_in_time_with_what_it_started(tmp_path, monkeypatch):
    """A command that hangs and ignores SIGTERM is killed, and so are its children."""
    monkeypatch.setattr(command, "_GRACE_S", 0.3)
    alive = tmp_path / "alive"
    child = "import sys, time\nwhile True: open(sys.argv[1], 'w').write(str(time.time())); time.sleep(0.02)"
    code = (
        "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        f"subprocess.Popen([sys.executable, '-c', {child!r}, sys.argv[1]]); time.sleep(60)"
    )
    found = _run(tmp_path, code, str(alive), command_timeout=2.0)
    assert (found.outcome, found.detail) == ("failed", "killed after 2 s")
    assert alive.exists()
    last = alive.read_text()
    time.sleep(0.3)
    assert alive.read_text() == last


@pytest.mark.parametrize("kind", ["command", "webhook"])
def test_the_end_of_the_service_ends_it(kind):
    """Stopping does not wait for it; the history says that it was cut short."""
    hang = (sys.executable, "-c", "import time; time.sleep(60)")
    chosen = (
        options(command=hang)
        if kind == "command"
        else options(webhook="http://127.0.0.1:1/", attempts=20)
    )
    telling = Telling(chosen)
    telling.triggers.ask([trigger(kind=kind)])
    for _ in range(500):
        if telling.history.list():
            break
        time.sleep(0.02)
    time.sleep(0.3)  # it has been begun
    telling.triggers.stop(10)
    assert [outcome for outcome, _ in telling.outcomes] == ["interrupted"]
