"""What ``otelml proxy`` adds to a request, beside a bare reverse proxy of the same kind.

Both are uvicorn and httpx in a process of its own, before one model server that answers at once.
Requests are paced and sent in turn, one by each way, over connections that are kept, so that what
else the machine does meets both.
"""

from __future__ import annotations

import http.client
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import ThreadingHTTPServer
from os import environ

from benchmarks.bench_service import Sink
from benchmarks.harness import Figure, paired
from benchmarks.proxy_server import BODY

RATE = 100.0
REQUESTS = 400
_WARM_UP = 100
_JSON = {"content-type": "application/json"}


def figures(*, quick: bool) -> Iterator[Figure]:
    """Measure the figures of this file.

    Args:
        quick: Whether fewer repeats will do.
    """
    blocks = 3 if quick else 9
    sink = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    threading.Thread(target=sink.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{sink.server_address[1]}"
    try:
        with ExitStack() as stack:
            model = stack.enter_context(_server(endpoint, "model"))
            upstream = f"http://127.0.0.1:{model}"
            ports = [
                stack.enter_context(_server(endpoint, name, upstream))
                for name in ("otelml", "bare")
            ]
            ports.append(model)
            _block(ports, _WARM_UP)
            found = [_block(ports, REQUESTS) for _ in range(blocks)]
    finally:
        sink.shutdown()
    for name, share, target in (("proxy_p50", 0.5, 1.5), ("proxy_p99", 0.99, 2.0)):
        blocks_ms = [[_quantile(way, share) for way in block] for block in found]
        straight = sorted(block[2] for block in blocks_ms)[len(blocks_ms) // 2]
        yield paired(
            name,
            [(ours, bare) for ours, bare, _ in blocks_ms],
            "ms",
            target=target,
            note=f"÷ a bare proxy, {RATE:g}/s, real exporters; without any {straight:.3g} ms",
        )


@contextmanager
def _server(endpoint: str, *arguments: str) -> Iterator[int]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.proxy_server", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={
            **environ,
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
            "OTEL_METRIC_EXPORT_INTERVAL": "5000",
        },
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait(20)


def _block(ports: list[int], count: int) -> list[list[float]]:
    """Return the milliseconds of requests, by port."""
    connections = [http.client.HTTPConnection("127.0.0.1", port, timeout=30) for port in ports]
    taken: list[list[float]] = [[] for _ in ports]
    start = time.perf_counter()
    for number in range(count):
        for turn in range(len(ports)):
            way = (number + turn) % len(ports)  # none is always the first
            wait = start + (number + turn / len(ports)) / RATE - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
            taken[way].append(_ask(connections[way]))
    for connection in connections:
        connection.close()
    return taken


def _ask(connection: http.client.HTTPConnection) -> float:
    begun = time.perf_counter()
    connection.request("POST", "/invocations", BODY, _JSON)
    answer = connection.getresponse()
    answer.read()
    if answer.status != 200:
        raise RuntimeError(f"the server answered {answer.status}")
    return (time.perf_counter() - begun) * 1e3


def _quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[int(share * (len(ordered) - 1))]
