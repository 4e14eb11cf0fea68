"""Real model servers, each in an environment of its own that is made once and kept below ``build``."""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as messages
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as service

from tests.installs._index import ROOT
from tests.installs.matrix import find_python, run, working_uv

FOLDER = ROOT / "build" / "model-servers"
MODELS = Path(__file__).parent / "models"
START_S = 240.0
SERVER_TIMEOUT_S = 20
"""After it MLflow's server answers 504; its model's ``sleep`` takes longer."""


class Kind(NamedTuple):
    """A model server.

    Args:
        name: Of its environment.
        requirements: What is installed there.
        below: The first Python that it has no release for; None where there is none.
        script: Writes its models, run in its environment.
    """

    name: str
    requirements: tuple[str, ...]
    below: tuple[int, int] | None
    script: str


MLFLOW = Kind(
    "mlflow",
    (
        "mlflow>=3,<4",
        # MLflow makes no spans of its requests itself: `opentelemetry-instrument` starts it.
        "opentelemetry-distro", "opentelemetry-exporter-otlp-proto-http", "opentelemetry-instrumentation-fastapi",
    ),
    None,
    "mlflow_model.py",
)  # fmt: skip
MLSERVER = Kind(
    "mlserver", ("mlserver>=1.6,<2", "mlserver-sklearn>=1.6,<2"), (3, 13), "mlserver_model.py"
)


def _python(kind):
    here = sys.version_info[:2]
    if kind.below is None or here < kind.below:
        return sys.executable
    versions = [f"3.{minor}" for minor in range(kind.below[1] - 1, 9, -1)]
    found = next(filter(None, (find_python(version, fetch=False) for version in versions)), None)
    if found is None:
        raise RuntimeError(
            f"{kind.name} has no release for Python {here[0]}.{here[1]}: this test needs one of "
            f"Python {', '.join(versions)} beside it, on PATH, of pyenv or of uv"
        )
    return found


def environment(kind):
    """Return the folder of a server's environment, with its models in ``models``.

    Raises:
        RuntimeError: It cannot be made; the message says why.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    python = _python(kind)
    version = run(python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])")
    folder = FOLDER / f"{kind.name}-{version}"
    script = MODELS / kind.script
    wanted = "\n".join((*kind.requirements, script.read_text("utf-8")))
    stamp = folder / ".made"
    with (FOLDER / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another worker of the tests may be making it
        if stamp.is_file() and stamp.read_text("utf-8") == wanted:
            return folder
        shutil.rmtree(folder, ignore_errors=True)
        own, uv = str(folder / "bin" / "python"), working_uv()
        if uv is None:
            run(python, "-m", "venv", str(folder))
            run(own, "-m", "pip", "install", "-q", *kind.requirements)
        else:
            run(uv, "venv", "-q", "--python", python, str(folder))
            run(uv, "pip", "install", "-q", "--python", own, *kind.requirements)
        run(own, str(script), str(folder / "models"))
        stamp.write_text(wanted, "utf-8")
    return folder


def free_ports(count):
    """Return ports that nothing listens on, below those that the system gives to connections."""
    with contextlib.ExitStack() as held:
        found = []
        while len(found) < count:
            port = random.randrange(20_000, 32_000)
            with contextlib.suppress(OSError):
                held.enter_context(socket.create_server(("127.0.0.1", port)))
                found.append(port)
        return found


class Spans(service.TraceServiceServicer):
    """Takes spans by OTLP over gRPC."""

    def __init__(self):
        self.spans = []
        self._server = grpc.server(ThreadPoolExecutor(2))
        service.add_TraceServiceServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port("127.0.0.1:0")

    def Export(self, request, context):  # noqa: N802 - the name of the call
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                self.spans += scope.spans
        return messages.ExportTraceServiceResponse()

    def __enter__(self):
        self._server.start()
        return self

    def __exit__(self, *_):
        self._server.stop(0).wait(10)


@contextlib.contextmanager
def mlflow(folder, otlp=None, processes=1):
    """Serve by ``mlflow models serve`` what :func:`environment` has made; yield its URL.

    Args:
        folder: Of the environment.
        otlp: Where its spans go; none are made without.
        processes: How many of them answer.
    """
    (port,) = free_ports(1)
    command = [
        "mlflow", "models", "serve", "-m", str(folder / "models"), "-h", "127.0.0.1", "-p", str(port),
        "--env-manager", "local", "--timeout", str(SERVER_TIMEOUT_S), "-w", str(processes),
    ]  # fmt: skip
    spans = {}
    if otlp is not None:
        command.insert(0, "opentelemetry-instrument")
        spans = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": otlp, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none", "OTEL_SERVICE_NAME": "mlflow",
        }  # fmt: skip
    with _running(folder, command, port, "/ping", **spans) as url:
        yield url


@contextlib.contextmanager
def mlserver(folder, otlp=None):
    """Serve by ``mlserver start`` what :func:`environment` has made; yield its URL.

    Args:
        folder: Of the environment.
        otlp: Host and port that its spans go to; none are made without.
    """
    port, rpc, measures = free_ports(3)
    options = {
        "MLSERVER_HOST": "127.0.0.1", "MLSERVER_HTTP_PORT": str(port), "MLSERVER_GRPC_PORT": str(rpc),
        "MLSERVER_METRICS_PORT": str(measures), "MLSERVER_PARALLEL_WORKERS": "0",
    }  # fmt: skip
    if otlp is not None:
        options["MLSERVER_TRACING_SERVER"] = otlp
    command = ["mlserver", "start", str(folder / "models")]
    with _running(folder, command, port, "/v2/health/ready", **options) as url:
        yield url


@contextlib.contextmanager
def _running(folder, command, port, health, **environment):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "OTELML_", "PYTHON"))}
    path = f"{folder / 'bin'}{os.pathsep}{kept.get('PATH', '')}"
    # MLflow's processes list the names of a set in one of its messages, each in an order of its own.
    quick = {"PYTHONHASHSEED": "0", "OTEL_BSP_SCHEDULE_DELAY": "200", "OMP_NUM_THREADS": "1", "MLFLOW_DISABLE_TELEMETRY": "true"}  # fmt: skip
    log = FOLDER / f"{folder.name}-{port}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [folder / "bin" / command[0], *command[1:]], cwd=FOLDER, stdin=subprocess.DEVNULL,
            stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
            env={**kept, **quick, **environment, "PATH": path},
        )  # fmt: skip
    try:
        _wait_until_healthy(process, port, health, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(15)
        log.unlink()


def _wait_until_healthy(process, port, health, log):
    until = time.monotonic() + START_S
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", health)
            status = connection.getresponse().status
            connection.close()
            if status == 200:
                return
        if process.poll() is not None or time.monotonic() > until:
            told = log.read_text("utf-8", "replace")[-3000:]
            raise RuntimeError(f"the model server did not start:\n{told}")
        time.sleep(0.2)
