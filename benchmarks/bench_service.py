"""A whole Flask service: throughput, tail latency, and what it costs when nothing listens."""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from benchmarks.harness import Figure, paired

REQUESTS = 400
PACED = 600


class Sink(BaseHTTPRequestHandler):
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
        module: What is run.
    """

    def __init__(
        self, variant: str, endpoint: str, module: str = "benchmarks.flask_service"
    ) -> None:
        environment = {
            **os.environ,
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
            "OTEL_METRIC_EXPORT_INTERVAL": "5000",
            "OTEL_SERVICE_NAME": "service",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, variant],
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


def figures(*, quick: bool) -> Iterator[Figure]:
    """Measure the figures of this file.

    Args:
        quick: Whether fewer repeats will do.
    """
    runs = 5 if quick else 15
    sink = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
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
        yield from _measure(services, runs)
    finally:
        for service in services.values():
            service.stop()
        sink.shutdown()


def _measure(services: dict[str, Service], runs: int) -> Iterator[Figure]:
    rates: dict[str, list[float]] = {name: [] for name in services}
    for _ in range(runs):
        for name, service in services.items():
            rates[name].append(REQUESTS / service.ask(f"run {REQUESTS}")["seconds"])
    bare = statistics.median(rates["bare"])
    yield paired(
        "flask_throughput",
        zip(rates["otelml"], rates["hand"], strict=True),
        "1/s",
        target=1.5,
        better="higher",
        note=f"bare app {bare:.0f}/s",
    )
    pace = bare / 2
    yield paired(
        "flask_p99",
        [(_p99_ms(services["otelml"], pace), _p99_ms(services["bare"], pace)) for _ in range(runs)],
        "ms",
        target=1.25,
        note=f"paced at {pace:.0f}/s",
    )
    yield paired(
        "collector_down",
        zip(rates["down"], rates["otelml"], strict=True),
        "1/s",
        target=0.95,
        better="higher",
    )


def _p99_ms(service: Service, pace: float) -> float:
    return service.ask(f"pace {PACED} {pace}")["p99"] * 1e3
