"""What ``otelml run`` has started, and the ``init`` of the application: the latter decides."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests._otlp_server import OtlpServer
from tests.cli.test_run import OTELML, environment


def free_ports(count: int) -> list[int]:
    """Return ports that nothing listens on."""
    with ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in held:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in held]


PORTS = dict(zip(("{METRICS_PORT}", "{APP_PORT}", "{PAGE_PORT}"), free_ports(3), strict=True))


def ported(text: str) -> str:
    """Return a text with ports that are free, so that several runs of this file can go on."""
    for name, port in PORTS.items():
        text = text.replace(name, str(port))
    return text


BEFORE = """
import logging, os, urllib.request
from flask import Flask
from opentelemetry import trace
import otelml
tracer = trace.get_tracer("own")
with tracer.start_as_current_span("ended"):
    pass
with otelml.prediction(features={"a": 1.0}) as p:
    p.set_result(label="x", confidence=0.85)
opened = tracer.start_span("open")
logging.getLogger("svc").info("early")
app = Flask(__name__)
@app.route("/")
def view():
    with otelml.prediction(features={"a": 1.0}) as p:
        p.set_result(label="x", confidence=0.85)
    return "hi"
"""
AFTER = """
opened.end()
assert app.test_client().get("/").text == "hi"
logging.getLogger("svc").info("late")
"""


def run(tmp_path: Path, program: str, server: OtlpServer, **env: str) -> str:
    """Run a program under ``otelml run``; return its stdout."""
    (tmp_path / "app.py").write_text(ported(program))
    done = subprocess.run(
        [*OTELML, "run", "--", "python", "app.py"],
        cwd=tmp_path, env=environment(server, **env), capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_arguments_of_the_application_win(tmp_path):
    """Names and model; all that is sent is sent once, under one instance and the right name."""
    init = """
telemetry = otelml.init(
    "loan", service_version="7", environment="prod", model="risk", model_version="3",
    metrics=otelml.MetricOptions(low_confidence=0.9), resource_attributes={"team": "a"},
)
"""
    # In one piece: print writes a line's end by itself, and a log line may come before that.
    end = "import sys; sys.stdout.write(f\"{telemetry.status()['instrumented']} {otelml.init('loan'"
    end += ", service_version='7', environment='prod', model='risk', model_version='3', metrics="
    end += "otelml.MetricOptions(low_confidence=0.9), resource_attributes={'team': 'a'})"
    end += ' is telemetry}\\n")'
    with OtlpServer() as server:
        out = run(tmp_path, BEFORE + init + AFTER + end, server)
    assert sorted(server.span_names()) == [
        "GET /",
        "ended",
        "open",
        "predict model",
        "predict risk",
    ]
    bodies = [record.body.string_value for record in server.logs]
    assert sorted(bodies) == ["early", "late", "prediction of risk: x"]  # one confidence is low
    names = ("service.name", "service.version", "deployment.environment.name", "team")
    assert {tuple(one.get(name) for name in names) for one in server.resources} == {
        ("loan", "7", "prod", "a")
    }
    assert len({one["service.instance.id"] for one in server.resources}) == 1
    counts = {
        attribute.value.string_value: point.as_int or point.as_double
        for point in server.points("ml.predictions")
        for attribute in point.attributes
        if attribute.key == "ml.model.name"
    }
    assert counts == {"model": 1, "risk": 1}
    low = server.points("ml.prediction.low_confidence")
    assert [point.as_int or point.as_double for point in low] == [1]
    assert '"early"' in out.splitlines()[0]
    (line,) = [line for line in out.splitlines() if line.startswith("['system'")]
    assert line.startswith("['system', 'flask', ")  # and what else is installed
    assert "'sklearn', " in line
    assert line.endswith("'logging'] True")


@pytest.mark.parametrize(
    ("options", "spans", "logs", "metrics"),
    [
        ("traces=False", False, True, True),
        ("metrics=False", True, True, False),
        ("logs=False", True, False, True),
        ("instrument='none'", True, False, True),
    ],
)
def test_signals_may_be_turned_off(tmp_path, options, spans, logs, metrics):
    """From the call on; the others go on."""
    init = f"otelml.init('loan', {options})\n"
    with OtlpServer() as server:
        run(tmp_path, BEFORE + init + AFTER, server)
    late = {span.name for span in server.spans} & {"predict model", "GET /"}
    assert ("predict model" in late) or not spans
    assert [r.body.string_value for r in server.logs].count("late") == int(logs)
    assert bool(server.metrics) is metrics
    assert (sum(span.name == "predict model" for span in server.spans) == 2) is spans


def test_signals_may_be_turned_on(tmp_path):
    """Where the environment had turned them off."""
    init = """
otelml.init("loan", traces=otelml.TraceOptions(), metrics=otelml.MetricOptions(),
            logs=otelml.LogOptions(json=False))
"""
    off = {"OTELML_TRACES": "false", "OTELML_METRICS": "false", "OTELML_LOGS": "false"}
    with OtlpServer() as server:
        out = run(tmp_path, BEFORE + init + AFTER, server, **off)
    assert sorted(server.span_names()) == ["GET /", "predict model"]
    assert [record.body.string_value for record in server.logs] == ["late"]
    assert len(server.points("ml.predictions")) == 1
    assert out == ""


def test_metrics_may_be_served_too(tmp_path):
    """``/metrics`` opens when the application asks for it, with its name."""
    init = """
otelml.init("loan", metrics=otelml.MetricOptions(prometheus=True, prometheus_port={METRICS_PORT}))
"""
    end = """
import time
for _ in range(100):
    page = urllib.request.urlopen("http://127.0.0.1:{METRICS_PORT}/metrics", timeout=5).read().decode()
    if "ml_predictions_total" in page:
        break
    time.sleep(0.1)
print(page.count('service_name="loan"'), "ml_predictions_total" in page)
"""
    with OtlpServer() as server:
        out = run(tmp_path, BEFORE + init + AFTER + end, server)
    assert out.splitlines()[-1] == "1 True"


def test_only_the_first_init_decides(tmp_path):
    """A second one with other options is told that it comes too late."""
    init = "otelml.init('loan')\notelml.init('other')\n"
    with OtlpServer() as server:
        out = run(tmp_path, BEFORE + init + AFTER, server)
    assert "init() was called again with other options" in out
    assert {one["service.name"] for one in server.resources} == {"loan"}


def test_gevent_may_patch_after_the_start(tmp_path):
    """The HTTP client, imported before or after it, makes its TLS contexts."""
    pytest.importorskip("gevent")
    program = """
import sys
assert "urllib3" not in sys.modules
EARLY
from gevent import monkey
monkey.patch_all()
import ssl, urllib3.util.ssl_
urllib3.util.ssl_.create_urllib3_context()
print("made", urllib3.util.ssl_.SSLContext is ssl.SSLContext)
"""
    early = "import otelml._providers.client as client; client.load_client()"
    for first in ("", early):
        (tmp_path / "app.py").write_text(program.replace("EARLY", first))
        with OtlpServer() as server:
            done = subprocess.run(
                [*OTELML, "run", "--", "python", "-W", "ignore", "app.py"],
                cwd=tmp_path, env=environment(server), capture_output=True, text=True,
                timeout=60, check=False,
            )  # fmt: skip
        assert done.stdout == "made True\n", done.stderr


RELOADED = """
import logging, os, signal, threading, time, urllib.request
from flask import Flask
INIT
logging.getLogger("svc").warning("loaded")
app = Flask(__name__)
@app.route("/")
def view(): return "hi"
def ask():
    for _ in range(100):
        try:
            urllib.request.urlopen("http://127.0.0.1:{APP_PORT}/", timeout=5).read()
            break
        except OSError:
            time.sleep(0.1)
    page = urllib.request.urlopen("http://127.0.0.1:{PAGE_PORT}/metrics", timeout=5).read()
    print("metrics", b"target_info" in page, flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
if os.environ.get("WERKZEUG_RUN_MAIN") == "true":
    threading.Thread(target=ask, daemon=True).start()
if __name__ == "__main__":
    app.run(debug=True, port={APP_PORT})
"""
INIT = "import otelml; otelml.init('loan')"
FLASK = ("flask", "--app", "app", "run", "--debug", "--port", ported("{APP_PORT}"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "init"),
    [
        (("run", "python", "app.py"), ""),
        (("run", "python", "app.py"), INIT),
        (("run", *FLASK), ""),
        (("run", *FLASK), INIT),
        (("python", "app.py"), INIT),
        (FLASK, INIT),
    ],
)
def test_the_parent_of_a_reloader_is_no_instance(tmp_path, init, command):
    """It holds no port of ``/metrics`` and sends nothing; its child writes the JSON lines."""
    (tmp_path / "app.py").write_text(ported(RELOADED.replace("INIT", init)))
    under = [*OTELML, "run", "--"] if command[0] == "run" else []
    program, *rest = command[1:] if under else command
    path = str(Path(sys.executable).parent / program)
    with OtlpServer() as server:
        env = environment(
            server, OTELML_PROMETHEUS="true", OTEL_EXPORTER_PROMETHEUS_PORT=ported("{PAGE_PORT}"),
            PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        )  # fmt: skip
        done = subprocess.run(
            [*under, path, *rest], cwd=tmp_path, env=env, capture_output=True, text=True,
            timeout=90, check=False,
        )  # fmt: skip
    assert "metrics True" in done.stdout.splitlines(), done.stderr
    assert "/metrics is not served" not in done.stdout + done.stderr
    assert len({one["service.instance.id"] for one in server.resources}) == 1
    assert server.span_names() == ["GET /"]
    assert sum('"message": "loaded"' in line for line in done.stdout.splitlines()) == 2
