"""``python -m engines.demo``: everything starts, its examples answer, everything ends."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import urllib.request
import uuid
from pathlib import Path

import pytest

from engines import demo
from engines.secrets import USER, Access
from tests._access import opened
from tests._processes import ROOT, environment
from tests.acceptance._stores import eventually, get

pytestmark = [pytest.mark.stack, pytest.mark.slow]

ENGINES = 5


def marked(mark: str) -> list[int]:
    """Return the processes that have inherited a mark."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


@pytest.fixture
def command(tmp_path, model_folder, offset):
    """Start it; return the process, its mark and the lines up to the last before it only runs."""
    mark = uuid.uuid4().hex
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--data", tmp_path, "--port-offset", str(offset), "--port", str(port)]
    child = subprocess.Popen(
        [sys.executable, "-m", "engines.demo", *options],
        cwd=ROOT,
        env=environment(DEMO_MODEL_DIR=str(model_folder), DEMO_STACK_MARK=mark),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    lines = []
    for line in child.stdout:
        lines.append(line.strip())
        if line.startswith("Ctrl-C"):
            break
    else:
        pytest.fail(f"it ended with {child.wait(60)}: {child.stderr.read()}")
    yield child, mark, lines
    if child.poll() is None:
        child.terminate()
        child.communicate(timeout=90)


def test_examples_and_end(command, tmp_path):
    """Each example answers with what it promises, and Ctrl-C leaves no process."""
    child, mark, lines = command
    told = " ".join(lines)
    assert f"user {USER}, password: cat {tmp_path}/secrets/password" in told
    access = Access(tmp_path / "secrets")
    assert access.password not in told
    addresses = re.findall(r"http://127.0.0.1:\d+", told)
    with opened(addresses, access):
        examples_answer(lines)
    # Beside the engines: the command, `otelml demo`, the service, the traffic.
    assert len(marked(mark)) == ENGINES + 4
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=90)
    assert (child.returncode, err, out) == (0, "", "stopping\nall stopped\n")
    assert marked(mark) == []


def examples_answer(lines: list[str]) -> None:
    """Ask what the command printed."""
    trace, logs, p95, exemplars = [line for line in lines if "/api/" in line or "/select/" in line]
    spans = {span["operationName"] for span in get(trace)["data"][0]["spans"]}
    assert "predict loan" in spans
    trace_id = trace.rpartition("/")[2]

    def logged():
        with urllib.request.urlopen(logs, timeout=10) as response:
            found = [json.loads(line) for line in response]
        return bool(found), {line["trace_id"] for line in found}

    eventually(logged, (True, {trace_id}))
    eventually(lambda: [float(s["value"][1]) > 0 for s in get(p95)["data"]["result"]], [True])
    eventually(lambda: bool(get(exemplars)["data"]), True)


def test_port_in_use(tmp_path, monkeypatch, capsys):
    """A taken port of the service is named before anything is started."""
    monkeypatch.setattr(demo, "wait_until_free", lambda ports, _s: ports)
    monkeypatch.setattr(demo.signal, "signal", lambda *_: None)
    assert demo.main(["--data", str(tmp_path), "--port", "4999"]) == 1
    said = capsys.readouterr()
    assert said.err == "error: port 4999 is in use; choose another with --port\n"
    assert said.out == ""
    assert list(tmp_path.iterdir()) == []
