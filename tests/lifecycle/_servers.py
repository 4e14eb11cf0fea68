"""Real servers with a service of a few lines, with otelml and without it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests._otlp_server import OtlpServer
from tests._processes import environment

APP = """
import os, time
from contextlib import nullcontext
WITH = os.environ.get("WITH", "init")
if WITH == "init":
    import otelml
    otelml.init("shop", instrument="none", system=False)
elif WITH == "run":
    import otelml

def work():
    if WITH == "none":
        return
    with otelml.prediction("loan") as prediction:
        with prediction.stage("inference"):
            pass
        prediction.set_result(label="yes", confidence=0.9)

def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/predict":
        work()
    elif path == "/slow":
        work()
        time.sleep(1.5)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]

async def asgi(scope, receive, send):
    import asyncio
    if scope["type"] != "http":
        return
    if scope["path"] == "/predict":
        work()
    elif scope["path"] == "/slow":
        work()
        await asyncio.sleep(1.5)
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})

def wsgi_by_asgiref():
    from asgiref.wsgi import WsgiToAsgi
    return WsgiToAsgi(app)
"""


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def get(url, timeout=10):
    """Whether the service answered with 200 and its body."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as response:
            return response.status == 200 and response.read() == b"ok"
    except OSError:
        return False


def tool(name):
    """The path of a command of this environment."""
    return str(Path(sys.executable).parent / name)


@contextmanager
def serving(folder, command, server, app=APP, **variables):
    """Start a server; ``{port}`` in its command is a free port. Yield its process and URL."""
    (folder / "shop.py").write_text(app)
    port = free_port()
    log = (folder / "stderr.txt").open("w+")
    process = subprocess.Popen(
        [part.replace("{port}", str(port)) for part in command],
        cwd=folder,
        env={
            **environment(**server.environment(), **variables),
            "PYTHONPATH": os.pathsep.join([str(folder), str(Path(__file__).parents[2])]),
            "OTEL_METRIC_EXPORT_INTERVAL": "1000",
        },
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    process.log = log.name
    url = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + 40
        while not get(url, 1):
            assert time.monotonic() < end, Path(log.name).read_text()
            assert process.poll() is None, Path(log.name).read_text()
            time.sleep(0.05)
        yield process, url
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
        log.close()


def ask(url, count, at_once=8):
    """How many of ``count`` predictions were answered."""
    with ThreadPoolExecutor(at_once) as pool:
        return sum(pool.map(get, [f"{url}/predict"] * count))


def end(process, url, number=signal.SIGTERM, slow=True):
    """End the server with a request under way; whether that was answered, and the seconds."""
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(get, f"{url}/slow", 20) if slow else None
        time.sleep(0.5)
        started = time.monotonic()
        process.send_signal(number)
        process.wait(45)
        return (asked.result() if asked else True), time.monotonic() - started


def predictions(server):
    """The last total of each stream; a worker's stream is known by its start."""
    totals = {}
    for point in server.points("ml.predictions"):
        start = point.start_time_unix_nano
        totals[start] = max(totals.get(start, 0), point.as_int)
    return sum(totals.values())


@dataclass(frozen=True)
class Seen:
    """What became of some requests to a server and of a SIGTERM.

    Args:
        answered: Requests that were answered.
        last: Whether the one under way at SIGTERM was answered; None where there was none.
        ended_s: Seconds from SIGTERM to the end of the process.
        spans: Predictions that arrived as spans.
        counted: Predictions that arrived as measurements.
        ids: Instance ids.
        log: What the server wrote.
    """

    answered: int
    last: bool | None
    ended_s: float
    spans: int
    counted: int
    ids: int
    log: str


def measure(folder, kind, count, *, with_otelml=True):
    """Start a server, ask it, end it; return what was seen."""
    command, way = kind.how(with_otelml=with_otelml)
    with OtlpServer() as server, serving(folder, command, server, WITH=way) as (process, url):
        answered = ask(url, count)
        last, seconds = end(process, url, slow=kind.drains)
        return Seen(
            answered,
            last if kind.drains else None,
            seconds,
            server.span_names().count("predict loan"),
            predictions(server),
            len({r["service.instance.id"] for r in server.resources}),
            Path(process.log).read_text(),
        )
