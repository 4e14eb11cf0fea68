"""A whole Flask service: throughput, tail latency, and what it costs when nothing listens."""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from benchmarks.harness import Figure

REQUESTS = 400
PACED = 600


class _Sink(BaseHTTPRequestHandler):
    """Accepts whatever comes."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Read and accept."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Service:
    """A service in a process of its own.

    Args:
        variant: ``bare``, ``hand`` or ``otelml``.
        endpoint: Where its telemetry goes.
    """

    def __init__(self, variant: str, endpoint: str) -> None:
        environment = {
            **os.environ,
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
            "OTEL_METRIC_EXPORT_INTERVAL": "5000",
            "OTEL_SERVICE_NAME": "service",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.flask_service", variant],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        if self._read() != "ready":
            raise RuntimeError(f"the {variant} service did not start")

    def _read(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def ask(self, line: str) -> dict[str, float]:
        """Return the answer to a command."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer: dict[str, float] = json.loads(self._read())
        return answer

    def stop(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(20)


def _closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _figure(name: str, pairs: list[tuple[float, float]], target: float, better: str, unit: str,
            note: str = "") -> Figure:  # fmt: skip
    ratios = sorted(one / other for one, other in pairs)
    return Figure(
        name,
        statistics.median(one for one, _ in pairs),
        statistics.median(other for _, other in pairs),
        unit,
        target,
        better,
        ratios[0],
        ratios[-1],
        note,
        statistics.median(ratios),
    )


def figures(*, quick: bool) -> list[Figure]:
    """Return the figures of this file.

    Args:
        quick: Whether fewer repeats will do.
    """
    runs = 5 if quick else 15
    sink = ThreadingHTTPServer(("127.0.0.1", 0), _Sink)
    threading.Thread(target=sink.serve_forever, daemon=True).start()
    up = f"http://127.0.0.1:{sink.server_address[1]}"
    down = f"http://127.0.0.1:{_closed_port()}"
    services = {
        "bare": Service("bare", up),
        "hand": Service("hand", up),
        "otelml": Service("otelml", up),
        "down": Service("otelml", down),
    }
    try:
        return _measure(services, runs)
    finally:
        for service in services.values():
            service.stop()
        sink.shutdown()


def _measure(services: dict[str, Service], runs: int) -> list[Figure]:
    rates: dict[str, list[float]] = {name: [] for name in services}
    for _ in range(runs):
        for name, service in services.items():
            rates[name].append(REQUESTS / service.ask(f"run {REQUESTS}")["seconds"])
    half = statistics.median(rates["bare"]) / 2
    tails: list[tuple[float, float]] = []
    for _ in range(runs):
        ours = services["otelml"].ask(f"pace {PACED} {half}")["p99"]
        tails.append((ours * 1e3, services["bare"].ask(f"pace {PACED} {half}")["p99"] * 1e3))
    against_hand = list(zip(rates["otelml"], rates["hand"], strict=True))
    against_up = list(zip(rates["down"], rates["otelml"], strict=True))
    bare = statistics.median(rates["bare"])
    return [
        _figure("flask_throughput", against_hand, 1.5, "higher", "1/s", f"bare app {bare:.0f}/s"),
        _figure("flask_p99", tails, 1.25, "lower", "ms", f"paced at {half:.0f}/s"),
        _figure("collector_down", against_up, 0.95, "higher", "1/s"),
    ]
