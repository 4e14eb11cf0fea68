"""What otelml adds to a request with a prediction, framework by framework, paced.

Each framework has three services in processes of their own, with real exporters, that take turns
in short rounds: bare, with contrib's instrumentation of it, and with otelml and a prediction. What
is compared is what a side adds to the bare one. But for Flask (``bench_http``), otelml's server
span and HTTP metrics are contrib's, so that a ratio under 1 is not to be had: what is above 1 is
the prediction, its stages and its id.
"""

from __future__ import annotations

import statistics
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import ThreadingHTTPServer

from benchmarks.bench_service import Service, Sink
from benchmarks.harness import Figure, paired

RATE = 400
REQUESTS = 80
FRAMEWORKS = ("django", "fastapi", "wsgi", "asgi")
VARIANTS = ("bare", "contrib", "prediction")
_MODULE = "benchmarks.frameworks_service"
_TARGET = 1.5


def figures(*, quick: bool) -> Iterator[Figure]:
    """Measure the figures of this file.

    Args:
        quick: Whether fewer repeats will do.
    """
    sink = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    threading.Thread(target=sink.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{sink.server_address[1]}"
    try:
        for framework in FRAMEWORKS:
            yield _framework(
                framework, endpoint, blocks=5 if quick else 9, rounds=1 if quick else 3
            )
    finally:
        sink.shutdown()


def _framework(framework: str, endpoint: str, *, blocks: int, rounds: int) -> Figure:
    names = [f"{framework}-{variant}" for variant in VARIANTS]
    with ThreadPoolExecutor(len(names)) as pool:
        started = list(pool.map(lambda name: Service(name, endpoint, module=_MODULE), names))
    services = dict(zip(VARIANTS, started, strict=True))
    try:
        _block(services, 1)
        found = [_block(services, rounds) for _ in range(blocks)]
    finally:
        for service in started:
            service.stop()
    bare = statistics.median(one["bare"] for one in found)
    return paired(
        f"{framework}_added_contrib",
        [(one["prediction"] - one["bare"], one["contrib"] - one["bare"]) for one in found],
        "µs",
        target=_TARGET,
        note=f"CPU of the request thread, {RATE}/s; bare {bare:.0f} µs",
    )


def _block(services: dict[str, Service], rounds: int) -> dict[str, float]:
    """Return the medians of a block of rounds, by service."""
    told = [
        {name: one.ask(f"pace {REQUESTS} {RATE}")["thread"] for name, one in services.items()}
        for _ in range(rounds)
    ]
    return {name: statistics.median(one[name] for one in told) for name in services}
