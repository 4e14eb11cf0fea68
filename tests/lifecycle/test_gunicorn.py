"""gunicorn with four workers: everything is counted once, whatever kind of worker."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests._otlp_server import OtlpServer
from tests._processes import environment

_APP = """
import otelml

otelml.init("shop", instrument="none", system=False)

def app(environ, start_response):
    if environ["PATH_INFO"] == "/predict":
        with otelml.prediction("loan") as prediction:
            with prediction.stage("inference"):
                pass
            prediction.set_result(label="yes", confidence=0.9)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]
"""
_KINDS = {
    "sync": [],
    "sync, preload": ["--preload"],
    "gthread": ["-k", "gthread", "--threads", "4"],
    "gthread, preload": ["-k", "gthread", "--threads", "4", "--preload"],
}


@pytest.fixture
def gunicorn(tmp_path):
    """Start gunicorn with the app; return its process and its URL."""
    (tmp_path / "shop.py").write_text(_APP)
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    started = []

    def start(server, options):
        command = [sys.executable, "-m", "gunicorn", "-w", "4", "-b", f"127.0.0.1:{port}"]
        started.append(
            subprocess.Popen(
                [*command, "--log-level", "warning", *options, "shop:app"],
                cwd=tmp_path,
                env=environment(**server.environment()),
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        url = f"http://127.0.0.1:{port}"
        end = time.monotonic() + 60
        while not _get(url):
            assert time.monotonic() < end
            time.sleep(0.1)
        return started[0], url

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.communicate()


def _get(url):
    try:
        with urllib.request.urlopen(url, timeout=20) as response:
            return response.read() == b"ok"
    except OSError:
        return False


def _predictions(server):
    """The last total of each stream; a worker's stream is known by its start."""
    totals = {}
    for point in server.points("ml.predictions"):
        start = point.start_time_unix_nano
        totals[start] = max(totals.get(start, 0), point.as_int)
    return sum(totals.values())


@pytest.mark.slow
@pytest.mark.parametrize("kind", _KINDS)
def test_everything_is_counted_once(gunicorn, kind):
    """2,000 requests are 2,000 predictions in spans and in metrics, from four instances."""
    with OtlpServer() as server:
        process, url = gunicorn(server, _KINDS[kind])
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(_get, [f"{url}/predict"] * 2000))
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
        assert all(answers)
        assert (process.returncode, err) == (0, "")
        names = server.span_names()
        assert (names.count("predict loan"), names.count("inference")) == (2000, 2000)
        assert len({span.span_id for span in server.spans}) == len(server.spans)
        assert _predictions(server) == 2000
        instances = {r["service.instance.id"] for r in server.resources}
        # With preload the master is an instance too: it has metrics of its own.
        assert len(instances) <= 5 if "preload" in kind else len(instances) == 4


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sync", "gthread, preload"])
def test_sigterm_under_load_loses_nothing(gunicorn, kind):
    """Each request that was answered before shutdown has its span."""
    with OtlpServer() as server:
        process, url = gunicorn(server, _KINDS[kind])

        def load(_):
            answered = 0
            while _get(f"{url}/predict"):
                answered += 1
            return answered

        with ThreadPoolExecutor(8) as pool:
            running = [pool.submit(load, n) for n in range(8)]
            assert server.wait_for("spans", 200, 30)
            process.send_signal(signal.SIGTERM)
            answered = sum(one.result() for one in running)
        process.communicate(timeout=60)
        assert process.returncode == 0
        assert server.span_names().count("predict loan") >= answered > 100
        assert len({span.span_id for span in server.spans}) == len(server.spans)
