"""Under a real server the event loop goes on while the monitor is waited for."""

from __future__ import annotations

import socket
import threading
import time
import urllib.request

import pytest
import uvicorn

from otelml._startup import Telemetry
from tests.endpoints._services import application


@pytest.fixture(params=["fastapi", "asgi"])
def address(request):
    """A service under uvicorn on a free port of the loopback."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(application(request.param), log_level="error", lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    end = time.monotonic() + 10
    while not server.started:
        assert time.monotonic() < end
        time.sleep(0.02)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)
    assert not thread.is_alive()


def _get(url, data=None):
    with urllib.request.urlopen(urllib.request.Request(url, data=data), timeout=10) as told:
        return told.status, told.read()


def test_a_check_that_takes_long_holds_up_nobody(start, monkeypatch, address):
    """While a check waits, status is answered at once, and the check has its answer at its end."""
    start()
    begun, release = threading.Event(), threading.Event()

    def slow(self, *args, **kwargs):
        begun.set()
        assert release.wait(10)
        return [{"model": "loan"}]

    monkeypatch.setattr(Telemetry, "check_drift", slow)
    found = []
    asking = threading.Thread(
        target=lambda: found.append(_get(f"{address}/monitor/trigger", b"{}"))
    )
    asking.start()
    assert begun.wait(10)
    assert _get(f"{address}/monitor/status")[0] == 200
    assert not found
    release.set()
    asking.join(10)
    assert found == [(200, b'{"reports":[{"model":"loan"}]}\n')]


def test_an_error_of_ours_is_the_servers_to_tell(start, monkeypatch, address):
    """What fails on the thread is a 500, and does not hang."""
    start()

    def broken(self):
        raise ValueError("broken")

    monkeypatch.setattr(Telemetry, "drift_status", broken)
    with pytest.raises(urllib.error.HTTPError, match="500"):
        _get(f"{address}/monitor/status")
