"""How the native runner starts, fails, restarts and ends, with the smallest real engine."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engines.process import StackError
from engines.stack import Stack
from engines.table import Ports

ROOT = Path(__file__).resolve().parents[2]
ONE = ("alertmanager",)

pytestmark = pytest.mark.stack


def test_start_and_stop(tmp_path, ports):
    """It is healthy once started, and nothing is left once stopped."""
    with Stack(tmp_path, ports, engines=ONE) as stack:
        process = stack.process("alertmanager")
        assert stack.healthy("alertmanager")
        assert stack.url("alertmanager") == "http://127.0.0.1:26093"
    assert process.exit_code == 0
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


def test_kill_and_restart(tmp_path, ports):
    """A killed engine is seen as dead, and comes back on the same data."""
    with Stack(tmp_path, ports, engines=ONE) as stack:
        first = stack.process("alertmanager").pid
        stack.kill("alertmanager")
        assert stack.process("alertmanager").exit_code == -signal.SIGKILL
        assert stack.dead().startswith("alertmanager ended with -9; the end of ")
        stack.restart("alertmanager")
        assert stack.dead() is None
        assert stack.process("alertmanager").pid != first


def test_taken_port(tmp_path, ports, monkeypatch):
    """A port in use is named with its owner, before anything is started."""
    monkeypatch.setattr("engines.stack.wait_until_free", lambda ports, _s: list(ports))
    stack = Stack(tmp_path, ports, engines=ONE)
    with pytest.raises(StackError, match=r"ports in use: 26093 \(alertmanager\.http\)"):
        stack.start()
    assert not stack.alive("alertmanager")


def test_port_is_seen_as_taken():
    """A listener makes its port taken; without it the port is free."""
    from engines.process import wait_until_free

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert wait_until_free([port], 0) == [port]
    assert wait_until_free([port], 5) == []


def test_data_in_use(tmp_path, ports):
    """Two stacks cannot write to one folder."""
    with (
        Stack(tmp_path, ports, engines=ONE),
        pytest.raises(StackError, match="is in use by another stack"),
    ):
        Stack(tmp_path, Ports(18000), engines=ONE).start()


def test_an_engine_that_cannot_start(tmp_path, ports):
    """The error says which one ended and ends with its log."""
    stack = Stack(tmp_path, ports, engines=ONE, flags={"alertmanager": ["--no-such-flag"]})
    with pytest.raises(StackError, match=r"alertmanager ended with 1(?s:.)*no-such-flag"):
        stack.start()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"offset": 60000}, "not 1 to 65535"),
        ({"overrides": {"victorialogs.htpp": 1}}, r"unknown ports \['victorialogs.htpp'\]"),
    ],
)
def test_wrong_ports(wrong, message):
    """A port that cannot be is refused where it is given."""
    with pytest.raises(ValueError, match=message):
        Ports(**wrong)


def test_port_from_environment(monkeypatch):
    """One port can be moved by its variable, and code wins over it."""
    monkeypatch.setenv("OTELML_PORT_COLLECTOR_OTLP_HTTP", "21318")
    assert Ports(100).address("collector", "otlp_http") == "127.0.0.1:21318"
    assert Ports(overrides={"collector.otlp_http": 1234}).of("collector", "otlp_http") == 1234


def test_unknown_engine(tmp_path):
    """A name that is no engine is refused."""
    with pytest.raises(ValueError, match=r"unknown engines \['tempo'\]"):
        Stack(tmp_path, engines=("tempo",))


@pytest.fixture
def command(tmp_path):
    """Start ``python -m engines.stack`` on ports of its own; return it once all are healthy."""
    child = subprocess.Popen(
        [sys.executable, "-m", "engines.stack", "--data", tmp_path, "--port-offset", "17000"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in child.stdout:
        if line.startswith("Ctrl-C"):
            break
    assert child.poll() is None, child.stderr.read()
    yield child
    if child.poll() is None:
        child.terminate()
        child.communicate(timeout=90)


def engines_under(data: Path) -> list[int]:
    """Return the processes whose command line names a folder."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes()
            where = (folder / "environ").read_bytes()
        except OSError:
            continue
        if str(data).encode() in line + where and int(folder.name) != os.getpid():
            found.append(int(folder.name))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_command_ends_all(command, tmp_path, number):
    """A signal stops every engine and the command ends well."""
    assert len(engines_under(tmp_path)) == 6
    command.send_signal(number)
    out, err = command.communicate(timeout=90)
    assert (command.returncode, err) == (0, "")
    assert out.endswith("stopping\nall stopped\n")
    assert engines_under(tmp_path) == []


@pytest.mark.slow
def test_command_reports_a_death(command, tmp_path):
    """When an engine dies the command says which, shows its log, and ends all others."""
    victim = next(
        pid
        for pid in engines_under(tmp_path)
        if b"/victoria-logs\0" in Path(f"/proc/{pid}/cmdline").read_bytes()
    )
    os.kill(victim, signal.SIGKILL)
    started = time.monotonic()
    _, err = command.communicate(timeout=90)
    assert command.returncode == 1
    assert err.startswith("error: victorialogs ended with -9; the end of ")
    assert engines_under(tmp_path) == []
    assert time.monotonic() - started < 90
