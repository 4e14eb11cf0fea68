"""Child processes end in one way, whichever of the two modules ends them."""

from __future__ import annotations

import os
import sys
import time

import pytest

from engines.process import STOP_GRACE_S, Process
from otelml.cli import _processes

_PROGRAMS = {
    "ends when asked": ("", -15),
    "answers with a code": ("signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))", 3),
    "ignores it": ("signal.signal(signal.SIGTERM, signal.SIG_IGN)", -9),
}
_PROGRAM = """
import os, signal, sys, time
{how}
print(os.getsid(0), sys.stdin.read() == "", flush=True)
open({ready!r}, "w").close()
for _ in range(1200):
    time.sleep(0.05)
"""


def _engine(folder, arguments, grace_s, monkeypatch):
    process = Process("one", [sys.executable, *arguments], {}, folder / "one.log", folder)
    process.start()
    return process.pid, folder / "one.log", lambda: process.stop(grace_s)


def _command(folder, arguments, grace_s, monkeypatch):
    monkeypatch.setattr(_processes, "_STOP_S", grace_s)
    group = _processes.ProcessGroup(folder)
    child = group.start("one", arguments, os.environ)

    def stop():
        group.stop()
        return child.process.returncode

    return child.process.pid, folder / "one.log", stop


@pytest.mark.parametrize("program", _PROGRAMS)
@pytest.mark.parametrize("start", [_engine, _command])
def test_end(start, program, tmp_path, monkeypatch):
    """SIGTERM, a time of grace, SIGKILL; a session of its own, no input, output in a file."""
    how, code = _PROGRAMS[program]
    ready = tmp_path / "ready"
    text = _PROGRAM.format(how=how, ready=str(ready))
    pid, log, stop = start(tmp_path, ["-c", text], 1.0 if code == -9 else 20.0, monkeypatch)
    end = time.monotonic() + 20
    while not ready.exists() and time.monotonic() < end:
        time.sleep(0.01)
    assert stop() == code
    assert log.read_text() == f"{pid} True\n"
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_grace_is_one():
    """Both wait as long before they kill."""
    assert _processes._STOP_S == STOP_GRACE_S
