"""What telemetry adds to a Flask request, paced: ours against an exporter of counters, and contrib.

Each side is a service in a process of its own with real exporters; they take turns in short rounds,
at 400 requests a second. What is compared is what a side adds to the bare service: of each block
of rounds, the difference of medians.
"""

from __future__ import annotations

import statistics
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from typing import Any

from benchmarks.bench_service import Service, Sink
from benchmarks.harness import Figure, paired

RATE = 400
REQUESTS = 80
ROUNDS = 9
VARIANTS = ("bare", "prometheus", "contrib", "otelml", "prediction")


def figures(*, quick: bool) -> Iterator[Figure]:
    """Measure the figures of this file.

    Args:
        quick: Whether fewer repeats will do.
    """
    blocks = 5 if quick else 9
    sink = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    threading.Thread(target=sink.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{sink.server_address[1]}"
    services: dict[str, Service] = {}
    try:
        for name in VARIANTS:
            services[name] = Service(name, endpoint, module="benchmarks.http_service")
        _round(services)
        yield from _figures([_block(services) for _ in range(blocks)])
    finally:
        for service in services.values():
            service.stop()
        sink.shutdown()


def _round(services: dict[str, Service]) -> dict[str, dict[str, float]]:
    return {name: one.ask(f"pace {REQUESTS} {RATE}") for name, one in services.items()}


def _block(services: dict[str, Service]) -> dict[str, dict[str, float]]:
    """Return the medians of a block of rounds, by service and clock."""
    rounds = [_round(services) for _ in range(ROUNDS)]
    return {
        name: {c: statistics.median(one[name][c] for one in rounds) for c in ("thread", "process")}
        for name in services
    }


def _figures(rounds: list[Any]) -> Iterator[Figure]:
    def added(name: str, ours: str, theirs: str, clock: str, target: float) -> Figure:
        pairs = [
            (one[ours][clock] - one["bare"][clock], one[theirs][clock] - one["bare"][clock])
            for one in rounds
        ]
        return paired(name, pairs, "µs", target=target, note=f"{clock} CPU, {RATE}/s")

    yield added("http_added", "otelml", "prometheus", "thread", 1.0)
    yield added("http_added_contrib", "otelml", "contrib", "thread", 0.15)
    yield added("http_total_cpu", "otelml", "contrib", "process", 0.25)
    yield added("request_added_contrib", "prediction", "contrib", "thread", 0.35)
    yield added("request_total_cpu", "prediction", "contrib", "process", 0.45)
