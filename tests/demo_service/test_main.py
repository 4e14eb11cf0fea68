from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

import otelml
from demo_service import __main__ as main


def _environment(folder):
    quiet = {f"OTEL_{name}_EXPORTER": "none" for name in ("TRACES", "METRICS", "LOGS")}
    secret = {"OTELML_SECRET": "a key of these tests alone"}  # without one there is a warning
    return {**os.environ, **quiet, **secret, "DEMO_MODEL_DIR": str(folder)}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serves_and_ends(model_folder, number):
    """It serves until a signal comes, and then ends well."""
    process = subprocess.Popen(
        [sys.executable, "-m", "demo_service", "--port", "0"],
        stdout=subprocess.PIPE,
        env=_environment(model_folder),
        text=True,
    )
    try:
        url = process.stdout.readline().split()[-1]
        with urllib.request.urlopen(f"{url}/healthz", timeout=10) as response:
            assert response.status == 200
        process.send_signal(number)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.communicate()


def test_port_in_use(model_folder, monkeypatch, capsys):
    """One line names the port and the option."""
    for name, value in _environment(model_folder).items():
        monkeypatch.setenv(name, value)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main.main(["--port", str(port)]) == 1
    otelml.shutdown()
    assert capsys.readouterr().err == (
        f"error: port {port} is in use; choose another with --port\n"
    )


def test_no_model(tmp_path, monkeypatch, capsys):
    """One line says what to run."""
    monkeypatch.setenv("DEMO_MODEL_DIR", str(tmp_path))
    assert main.main([]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "python -m demo_service.train" in error


def test_wrong_port(capsys):
    """A port out of range is a usage error."""
    with pytest.raises(SystemExit):
        main.main(["--port", "99999"])
    assert "--port" in capsys.readouterr().err
