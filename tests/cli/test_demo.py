"""``otelml demo``: everything starts, is seen, and ends with nothing left."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import psutil
import pytest


def _ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _get(url):
    with urllib.request.urlopen(url, timeout=5) as response:
        return json.load(response)


def _models(port):
    try:
        return _get(f"http://127.0.0.1:{port}/api/models")["models"]
    except OSError:
        return []


def _start(service, web, http, grpc, *more):
    ports = ["--port", service, "--web-port", web, "--http-port", http, "--grpc-port", grpc]
    command = [sys.executable, "-m", "otelml", "demo", *map(str, ports), *more]
    environment = {**os.environ, "OTEL_METRIC_EXPORT_INTERVAL": "1000"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            env=environment, text=True)  # fmt: skip


@pytest.mark.slow
def test_demo_lights_up_and_leaves_nothing_behind():
    """The viewer shows the model; two Ctrl-C in a row end every process."""
    ports = _ports(4)
    demo = _start(*ports, "--rate", "20")
    try:
        deadline = time.monotonic() + 150
        while not _models(ports[1]) and time.monotonic() < deadline and demo.poll() is None:
            time.sleep(0.5)
        (model,) = _models(ports[1])
        assert model["name"] == "loan"
        family = psutil.Process(demo.pid).children(recursive=True)
        assert len(family) >= 3
    finally:
        demo.send_signal(signal.SIGINT)
        time.sleep(0.2)
        demo.send_signal(signal.SIGINT)
        out, _ = demo.communicate(timeout=60)
    assert demo.returncode == 0, out
    assert "stopped" in out
    _, alive = psutil.wait_procs(family, timeout=5)
    assert not alive


def test_port_in_use():
    """A taken port is one line that names it and the option."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        demo = _start(port, *_ports(3))
        out, _ = demo.communicate(timeout=60)
    assert demo.returncode == 1
    message = (
        f"error: port {port} is in use by another process; choose another with --port, "
        "or stop what listens there"
    )
    assert out.strip().splitlines() == [message]
