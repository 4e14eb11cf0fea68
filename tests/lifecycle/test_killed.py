"""What a process that is ended from outside takes with it: of SIGTERM nothing, of SIGKILL little."""

from __future__ import annotations

import http.client
import random
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from otelml._prediction import Recorder
from otelml._worker import Worker
from tests._otlp_server import OtlpServer
from tests._processes import environment, start

MOST_LOST_S = 0.2
KILLS = 9
CLIENTS = 4

_APP = """
from flask import Flask
import otelml
otelml.init("service", system=False, drift=False, logs=False)
app = Flask("app")
@app.get("/")
def view():
    with otelml.prediction("loan") as p:
        with p.stage("inference"):
            pass
        p.set_result(label="yes", confidence=0.9)
    return "x"
"""
_SERVED = (
    _APP
    + """
import logging, sys
from werkzeug.serving import make_server
logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = make_server("127.0.0.1", 0, app, threaded=True)
print(server.server_port, flush=True)
server.serve_forever()
"""
)


class Client:
    """Sends requests, each in a trace of its own, and remembers when each was answered."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._stop = threading.Event()
        self.answered: dict[bytes, float] = {}

    def ask(self) -> bool:
        """Send one request; return whether it was answered."""
        trace_id = random.randbytes(16)
        parent = f"00-{trace_id.hex()}-{random.randbytes(8).hex()}-01"
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        try:
            connection.request("GET", "/", headers={"traceparent": parent})
            answer = connection.getresponse()
            fine = answer.status == 200 and answer.read() == b"x"
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        if fine:
            self.answered[trace_id] = time.monotonic()
        return fine

    def load(self) -> None:
        """Send requests, less than a hundred a second, until nobody answers or :meth:`stop`."""
        while not self._stop.is_set() and self.ask():
            time.sleep(0.01)

    def stop(self) -> None:
        """Send no more."""
        self._stop.set()


def _arrived(server: OtlpServer, name: str) -> set[bytes]:
    return {span.trace_id for span in server.spans if span.name == name}


def _lost_s(server: OtlpServer) -> float:
    """Kill a service under load; return the age of the oldest answer without its spans."""
    process = start(_SERVED, **server.environment(), OTEL_BSP_SCHEDULE_DELAY="0")
    assert process.stdout is not None
    client = Client(int(process.stdout.readline()))
    try:
        # One client: so few records do not wake the worker before its time.
        with ThreadPoolExecutor(1) as pool:
            pool.submit(client.load)
            assert server.wait_for("spans", 60, 30)
            time.sleep(random.uniform(0.0, 1.0))
            process.send_signal(signal.SIGKILL)
            killed = time.monotonic()
    finally:
        process.kill()
        process.communicate()
    requests = len(server.requests)
    time.sleep(0.3)  # the receiver works off what had been sent
    assert len(server.requests) == requests
    arrived = _arrived(server, "GET /") & _arrived(server, "predict loan")
    lost = [when for trace_id, when in client.answered.items() if trace_id not in arrived]
    assert len(client.answered) > len(lost)
    return max((killed - when for when in lost), default=0.0)


@pytest.mark.slow
def test_sigkill_loses_the_last_moments_only():
    """What ended more than 0.2 s before SIGKILL has left, where the exporter does not wait.

    The median of several kills, so that a machine that is busy for a moment decides nothing: with
    a worker that looks once a second it is half a second.
    """
    lost = []
    for _ in range(KILLS):
        with OtlpServer() as server:
            lost.append(_lost_s(server))
    assert statistics.median(lost) <= MOST_LOST_S, lost


def test_the_worker_never_waits_longer():
    """However few records come, the worker looks for them every 0.2 s."""
    recorder, waits, done = Recorder(10), [], threading.Event()

    def wait(seconds):
        waits.append(seconds)
        done.set()
        return time.sleep(0.001)

    recorder.wake.wait = wait
    worker = Worker(recorder, lambda _: None, lambda: None)
    worker.start()
    assert done.wait(10)
    worker.stop(time.monotonic() + 10)
    assert 0 < max(waits) <= MOST_LOST_S


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["gthread", "sync"])
def test_sigterm_under_load_loses_nothing(tmp_path, kind):
    """Each answered request has its server span, its prediction and its stage; counts agree."""
    (tmp_path / "shop.py").write_text(_APP)
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    options = ["-k", kind, "-w", "2", *(["--threads", "4"] if kind == "gthread" else [])]
    with OtlpServer() as server:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-b", f"127.0.0.1:{port}", *options, "shop:app"],
            cwd=tmp_path,
            env=environment(**server.environment()),
            stderr=subprocess.PIPE,
            text=True,
        )
        client = Client(port)
        try:
            end = time.monotonic() + 60
            while not client.ask():
                assert time.monotonic() < end
                time.sleep(0.1)
            with ThreadPoolExecutor(CLIENTS) as pool:
                for _ in range(CLIENTS):
                    pool.submit(client.load)
                assert server.wait_for("spans", 600, 30)
                process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=60)
        finally:
            client.stop()
            process.kill()
            process.wait()
        assert process.returncode == 0, err
        answered = set(client.answered)
        assert len(answered) > 100
        for name in ("GET /", "predict loan", "inference"):
            assert answered - _arrived(server, name) == set(), name
        counts: dict[int, int] = {}
        for point in server.points("http.server.request.duration"):
            begun = point.start_time_unix_nano
            counts[begun] = max(counts.get(begun, 0), point.count)
        assert sum(counts.values()) == server.span_names().count("GET /") >= len(answered)
