"""What a shadow does to the champion's requests: quick, slow, busy, hung; each over none.

Each variant is a service in a process of its own; they take turns in rounds at a fixed pace.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import ThreadingHTTPServer

from benchmarks.bench_service import Service, Sink
from benchmarks.harness import Figure, paired

RATE = 200
REQUESTS = 200
VARIANTS = ("none", "quick", "slow", "busy", "hung")
_NOTES = {
    "slow": "50 ms a row: most are dropped",
    "busy": "5 ms of Python a row: it holds the lock as long as Python lets it",
    "hung": "it never returns",
}
_TARGETS = {"slow": 1.25, "busy": 10.0, "hung": 1.25}


def figures(*, quick: bool) -> Iterator[Figure]:
    """Measure the figures of this file.

    Args:
        quick: Whether fewer repeats will do.
    """
    sink = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    threading.Thread(target=sink.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{sink.server_address[1]}"
    with ThreadPoolExecutor(2) as pool:
        started = list(
            pool.map(
                lambda name: Service(name, endpoint, module="benchmarks.shadow_service"), VARIANTS
            )
        )
    services = dict(zip(VARIANTS, started, strict=True))
    count = REQUESTS // 2 if quick else REQUESTS
    try:
        told = [_round(services, count) for _ in range(1 + (5 if quick else 7))][1:]
    finally:
        for service in started:
            service.stop()
        sink.shutdown()
    yield paired(
        "shadow_request",
        [(one["quick"]["thread"], one["none"]["thread"]) for one in told],
        "µs",
        target=1.15,
        note=f"CPU of the request thread, {RATE}/s; the shadow is like the champion",
    )
    for name, note in _NOTES.items():
        yield paired(
            f"shadow_{name}_p99",
            [(one[name]["p99"], one["none"]["p99"]) for one in told],
            "µs",
            target=_TARGETS[name],
            note=f"of a request, {RATE}/s; {note}",
        )


def _round(services: dict[str, Service], count: int) -> dict[str, dict[str, float]]:
    return {name: one.ask(f"pace {count} {RATE}") for name, one in services.items()}
