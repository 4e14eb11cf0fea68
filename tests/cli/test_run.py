"""Zero-code start: any command, every Python process in it, nothing changed but telemetry."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests._ids import SECRET
from tests._otlp_server import OtlpServer

ROOT = Path(__file__).parents[2]
OTELML = (sys.executable, "-m", "otelml")

APP = """
import logging
from flask import Flask
app = Flask(__name__)
@app.route("/")
def view():
    logging.getLogger("svc").info("served", extra={"rows": 2})
    return "hi"
if __name__ == "__main__":
    print(app.test_client().get("/").text)
    raise SystemExit(3)
"""


@pytest.fixture
def server() -> Iterator[OtlpServer]:
    with OtlpServer() as one:
        yield one


def environment(server: OtlpServer | None = None, **more: str) -> dict[str, str]:
    kept = {
        k: v
        for k, v in os.environ.items()
        if not k.startswith(("OTEL", "PYTHONPATH", "VIRTUAL_ENV"))
    }
    kept |= {"PYTHONPATH": str(ROOT), "OTELML_SECRET": SECRET} | more
    return kept | (server.environment() if server else {})


def run(*arguments: str, cwd: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*OTELML, "run", *arguments],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def span_names(server: OtlpServer) -> list[str]:
    return [span.name for span in server.spans]


def test_a_script_is_instrumented(tmp_path, server):
    """Spans, logs with their ids, metrics; its output and exit code are its own."""
    (tmp_path / "app.py").write_text(APP)
    done = run(
        "--service-name", "loans", "--", "python", "app.py", cwd=tmp_path, env=environment(server)
    )
    first, second = done.stdout.splitlines()
    line = json.loads(first)
    assert (done.returncode, second, done.stderr) == (3, "hi", "")
    assert (line["message"], line["rows"], line["service.name"]) == ("served", 2, "loans")
    assert span_names(server) == ["GET /"]
    assert [record.body.string_value for record in server.logs] == ["served"]
    assert line["trace_id"] == server.spans[0].trace_id.hex() == server.logs[0].trace_id.hex()
    assert server.metrics


def test_opentelemetry_instrument_does_the_same_once(tmp_path, server):
    """With the distro and the configurator by entry points nothing is instrumented twice."""
    (tmp_path / "app.py").write_text(APP)
    command = [
        str(Path(sys.executable).parent / "opentelemetry-instrument"),
        sys.executable,
        "app.py",
    ]
    env = environment(server, OTEL_SERVICE_NAME="loans")
    done = subprocess.run(
        command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr, len(done.stdout.splitlines())) == (3, "", 2)
    assert span_names(server) == ["GET /"]
    assert [record.body.string_value for record in server.logs] == ["served"]


def test_options_become_variables(tmp_path):
    """The four options are what the child sees, whatever was set before."""
    script = "import os;print([os.environ[k] for k in ('OTEL_SERVICE_NAME','OTELML_MODEL','OTELML_MODEL_VERSION','OTEL_EXPORTER_OTLP_ENDPOINT')])"
    options = (
        "--service-name",
        "s",
        "--model",
        "m",
        "--model-version",
        "2",
        "--endpoint",
        "http://127.0.0.1:9",
    )
    env = environment(OTEL_SERVICE_NAME="old", OTEL_SDK_DISABLED="true")
    done = run(*options, "--", "python", "-c", script, cwd=tmp_path, env=env)
    assert done.stdout == "['s', 'm', '2', 'http://127.0.0.1:9']\n"


def test_a_hidden_sitecustomize_still_runs(tmp_path):
    """Ours stands in front of the one that the environment has."""
    (tmp_path / "sitecustomize.py").write_text("import builtins; builtins.theirs = 42")
    env = environment(PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}", OTEL_SDK_DISABLED="true")
    script = "from otelml._startup import is_running; print(theirs, is_running())"
    done = run("--", "python", "-c", script, cwd=tmp_path, env=env)
    assert (done.stdout, done.stderr) == ("42 True\n", "")


def test_child_processes_are_instrumented(tmp_path):
    """Every Python process that the command starts."""
    (tmp_path / "child.py").write_text(
        "from otelml._startup import is_running; print(is_running())"
    )
    script = (
        f"import subprocess, sys; subprocess.run([sys.executable, {str(tmp_path / 'child.py')!r}])"
    )
    done = run(
        "--", "python", "-c", script, cwd=tmp_path, env=environment(OTEL_SDK_DISABLED="true")
    )
    assert done.stdout == "True\n"


def test_a_signal_reaches_the_command(tmp_path):
    """The command takes the place of otelml: same process, its own handler, its exit code."""
    script = "import os,signal,sys,time;signal.signal(signal.SIGTERM,lambda *a:sys.exit(7));print(os.getpid(),flush=True);time.sleep(30)"
    process = subprocess.Popen(
        [*OTELML, "run", "--", "python", "-c", script],
        cwd=tmp_path,
        env=environment(OTEL_SDK_DISABLED="true"),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    process.send_signal(signal.SIGTERM)
    assert (pid, process.wait(30)) == (process.pid, 7)
    process.stdout.close()


@pytest.mark.slow
def test_gunicorn_workers_are_instrumented(tmp_path, server):
    """Forked workers serve, log and export under the given name."""
    (tmp_path / "app.py").write_text(APP)
    command = [
        *OTELML,
        "run",
        "--service-name",
        "loans",
        "--",
        "gunicorn",
        "-w",
        "2",
        "--graceful-timeout",  # a worker that is still starting misses gunicorn's SIGTERM
        "5",
        "-b",
        "127.0.0.1:21590",
        "app:app",
    ]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment(server),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        from urllib.error import URLError
        from urllib.request import urlopen

        for _ in range(300):
            try:
                assert urlopen("http://127.0.0.1:21590/", timeout=5).read() == b"hi"
                break
            except URLError:
                time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        out = process.communicate(timeout=30)[0].decode()
    finally:
        process.kill()
    assert process.returncode == 0
    assert [json.loads(line)["message"] for line in out.splitlines() if line.startswith("{")] == [
        "served"
    ]
    assert span_names(server) == ["GET /"]


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        ("no-such-command", 127, "command not found: no-such-command; it is not on PATH"),
        ("./no-such", 127, "command not found: ./no-such; it is not on PATH"),
        ("./app.py", 126, "./app.py is a file, not a command; try: otelml run -- python ./app.py"),
        ("./start", 126, "./start is a file, not a command; try: chmod +x ./start"),
        ("./folder", 126, "./folder is a directory, not a command"),
        ("./garbled", 126, "./garbled cannot be run: Exec format error"),
    ],
)
def test_a_missing_command_is_one_line(tmp_path, command, code, message):
    """With the cause and the remedy, and the exit code of a shell."""
    for name in ("app.py", "start", "garbled"):
        (tmp_path / name).write_text(APP)
    (tmp_path / "garbled").chmod(0o755)
    (tmp_path / "folder").mkdir()
    done = run("--", command, cwd=tmp_path, env=environment())
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (code, "", 1)
    assert done.stderr.replace(f"{tmp_path}/", "./").startswith(f"error: {message}")


def test_a_misspelled_option_is_a_usage_error(tmp_path):
    """It is not taken for the command."""
    done = run("--servce-name", "x", "--", "python", cwd=tmp_path, env=environment())
    assert done.returncode == 2
    assert "--service-name" in done.stderr.splitlines()[-1]


def test_a_wrong_propagator_is_told_before_the_command_starts(tmp_path):
    """As any other wrong setting is."""
    env = environment(OTEL_PROPAGATORS="bagage")
    done = run("--", "python", "-c", "print('ran')", cwd=tmp_path, env=env)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: OTEL_PROPAGATORS names 'bagage'")


def test_a_wrong_setting_is_told_before_the_command_starts(tmp_path):
    """Once, naming the variable; the command does not run."""
    env = environment(OTELML_LOG_LEVEL="LOUD")
    done = run("--", "python", "-c", "print('ran')", cwd=tmp_path, env=env)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(
        "error: LogOptions.level is a text that is not shown; it must be one of DEBUG"
    )


def test_no_command_is_a_usage_error(tmp_path):
    """Exit code 2, as click has it."""
    assert run(cwd=tmp_path, env=environment()).returncode == 2


def test_a_python_without_otelml_says_so(tmp_path):
    """The command runs all the same."""
    env = environment() | {"PYTHONPATH": str(ROOT / "otelml" / "_zero_code")}
    command = [sys.executable, "-S", "-c", "import sitecustomize; print('ran')"]
    done = subprocess.run(
        command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout) == (0, "ran\n")
    assert done.stderr.startswith(f"otelml: not started: it is not installed for {sys.executable}")
