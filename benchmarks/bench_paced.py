"""What a prediction costs between requests, where caches are cold; and the worker's part of it.

"Without templates" is the way that spans, measurements and log events go where no template holds,
which is how all of them went before there were any; both are timed in the same run, in turn.
"""

from __future__ import annotations

import io
import logging
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

from opentelemetry.sdk._logs import LoggerProvider

from benchmarks.bench_service import Service, Sink
from benchmarks.harness import Figure, absolute, paired
from benchmarks.sides import RESOURCE, Ours
from otelml import _fast_paths
from otelml._providers.batch import BatchSettings, LogBatcher
from otelml._providers.encode_logs import encode_logs_fast
from otelml._providers.stats import Stats
from otelml.config import Config, LogOptions
from otelml.instrumentors.logging import instrument_logging, uninstrument_logging

BATCH = 80  # predictions of 0.2 s, at 400 a second
RATE = 400.0
REQUESTS = 200


def figures(*, quick: bool) -> Iterator[Figure]:
    """Measure the figures of this file.

    Args:
        quick: Whether fewer repeats will do.
    """
    yield _worker(31 if quick else 101)
    yield _log_line(31 if quick else 101)
    sink = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    threading.Thread(target=sink.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{sink.server_address[1]}"
    try:
        yield from _paced(endpoint, *((3, 800) if quick else (9, 2000)))
        yield _objects(endpoint, 3 if quick else 7)
    finally:
        sink.shutdown()


def _templates(ours: Ours, *, on: bool) -> None:
    _fast_paths.reset()
    if not on:
        _fast_paths._off[_fast_paths.TEMPLATES] = "to see what they are worth"
    ours.pipeline.processor.plans.forget_sinks()


def _cpu_us(work: Callable[[], object]) -> float:
    started = time.thread_time()
    work()
    return (time.thread_time() - started) / BATCH * 1e6


def _batch(ours: Ours, drain: Callable[[], object], *, templates: bool) -> float:
    _templates(ours, on=templates)
    for _ in range(BATCH):
        ours.predict()
    return _cpu_us(drain)


def _logs(ours: Ours, ratio: float) -> None:
    ours.pipeline.processor.logs = LogOptions(sample_ratio=ratio)


def _worker(runs: int) -> Figure:
    """Return what the worker does a prediction, up to encoded bytes, in batches of 80."""
    ours = Ours()
    _logs(ours, 0.0)
    pairs = [
        (_batch(ours, ours.drain, templates=True), _batch(ours, ours.drain, templates=False))
        for _ in range(runs + 5)
    ]
    _templates(ours, on=True)
    ours.pipeline.stop(time.monotonic() + 5)
    return paired(
        "worker_batch_80",
        pairs[5:],
        "µs",
        target=0.3,
        note="thread CPU a prediction, encoding included ÷ without templates",
    )


class _Target:
    """Encodes log records and sends them nowhere."""

    endpoint = protocol = "none"
    timeout_s = 1.0
    takes_encoded = True


def _log_line(runs: int) -> Figure:
    """Return what logging a prediction adds: the JSON line and the OTLP record, encoded."""
    ours = Ours()
    target: Any = _Target()
    batcher = LogBatcher(target, Stats("logs"), BatchSettings(1_000_000, 1_000_000, 1000.0))
    # No thread sends: what the exporter's would do is done here, where it is timed.
    batcher._pump = SimpleNamespace(started=True)  # type: ignore[assignment]
    provider = LoggerProvider(resource=RESOURCE, shutdown_on_exit=False)
    provider.add_log_record_processor(batcher)
    logger = logging.getLogger("otelml.prediction")
    stdout, sys.stdout = sys.stdout, io.StringIO()
    instrument_logging(Config(logs=LogOptions(sample_ratio=1.0)), provider, RESOURCE)

    def drain() -> None:
        ours.pipeline.worker.flush(time.monotonic() + 60)
        ours.collect.encode()
        batch = batcher._next(10**6)
        if batch:
            encode_logs_fast(batcher._cleaned(batch)[0])
        sys.stdout.seek(0)

    def added(*, templates: bool) -> float:
        _logs(ours, 1.0)
        logged = _batch(ours, drain, templates=templates)
        _logs(ours, 0.0)
        return logged - _batch(ours, drain, templates=templates)

    try:
        logger.propagate, logger.handlers = True, []
        pairs = [(added(templates=True), added(templates=False)) for _ in range(runs + 5)]
    finally:
        uninstrument_logging()
        sys.stdout = stdout
        _templates(ours, on=True)
        ours.pipeline.stop(time.monotonic() + 5)
    ours_us, theirs_us = (statistics.median(side) for side in zip(*pairs[5:], strict=True))
    return paired(
        "log_line",
        [(max(one, 0.0), other) for one, other in pairs[5:] if other > 0],
        "µs",
        target=0.17,
        note=f"thread CPU added ÷ without templates; medians give {ours_us / theirs_us:.3f}",
    )


def _paced(endpoint: str, runs: int, count: int) -> Iterator[Figure]:
    services = {
        name: Service(name, endpoint, "benchmarks.paced_service")
        for name in ("bare", "hand", "otelml")
    }
    found: list[dict[str, dict[str, float]]] = []
    try:
        for _ in range(runs):
            command = f"pace {count} {RATE:g}"
            found.append({name: one.ask(command) for name, one in services.items()})
    finally:
        for one in services.values():
            one.stop()
    for name, clock, target in (
        ("prediction_request_thread_paced", "thread", 0.08),
        ("prediction_total_cpu_paced", "process", 0.15),
    ):
        yield paired(
            name,
            [
                (one["otelml"][clock] - one["bare"][clock], one["hand"][clock] - one["bare"][clock])
                for one in found
            ],
            "µs",
            target=target,
            note=f"added, {clock} CPU, {RATE:g}/s, real exporters",
        )


def _objects(endpoint: str, runs: int) -> Figure:
    service = Service("otelml", endpoint)
    try:
        values = [service.ask(f"objects {REQUESTS}")["objects"] for _ in range(runs)]
    finally:
        service.stop()
    return absolute(
        "objects",
        values,
        "objects",
        target=30,
        note="that the collector tracks, kept a Flask request with its prediction until the worker",
    )
