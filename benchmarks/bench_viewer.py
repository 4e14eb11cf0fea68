"""How fast the viewer takes spans in, and how fast it answers over a million of them."""

from __future__ import annotations

import http.client
import json
import multiprocessing
import multiprocessing.connection
import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks.harness import Figure, absolute
from otelml.viewer import Viewer
from otelml.viewer.decode import decode_logs, decode_metrics, decode_traces
from otelml.viewer.own_process import own_process
from otelml.viewer.store import Store
from tests.viewer.seed import FLEET, Fleet, Model

_NS = 1_000_000_000
_SPANS_A_REQUEST = 510
_SENDERS = 4
_ROUNDS = 5
_POINTS_A_PERIOD = 200
_QUERIES = {
    "viewer_query": "/api/models",
    "viewer_query_model": "/api/models/loan",
    "viewer_query_traces": "/api/traces",
    "viewer_query_metric": "/api/metrics/query?name=ml.prediction.duration",
    "viewer_query_logs": "/api/logs?query=no-such-text",
}


def _serve(pipe: multiprocessing.connection.Connection, db: str | None) -> None:
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[:1])
    viewer = Viewer(grpc_port=0, http_port=0, web_port=0, db=db, retention_s=7 * 86_400)
    viewer.start()
    own_process()  # as `otelml view` does
    pipe.send(tuple(viewer.ports))
    pipe.recv()
    viewer.stop()


class _Running:
    """A viewer in its own process, held to one core."""

    def __init__(self, db: str | None = None) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, far = context.Pipe()
        self.process = context.Process(target=_serve, args=(far, db))

    def __enter__(self) -> _Running:
        self.process.start()
        assert self.pipe.poll(120), "the viewer did not start"
        _, self.http, self.web = self.pipe.recv()
        return self

    def __exit__(self, *error: object) -> None:
        self.pipe.send("stop")
        self.process.join(30)

    def cpu_s(self) -> float:
        """CPU seconds used so far."""
        times = psutil.Process(self.process.pid).cpu_times()
        return times.user + times.system


def figures(*, quick: bool) -> Iterator[Figure]:
    """Measure the figures of this file.

    Args:
        quick: Whether smaller stores will do.
    """
    yield from _ingest(60 if quick else 300)
    yield from _query(100_000 if quick else 1_000_000)


def _requests(count: int) -> tuple[list[bytes], list[int]]:
    """Return requests of about _SPANS_A_REQUEST spans, five a trace, and the spans in each."""
    now = time.time_ns()
    fleet = Fleet(now, models=(replace(FLEET[0], rate=_SPANS_A_REQUEST / 5 / 10),))
    bodies: list[bytes] = []
    sizes: list[int] = []
    for index in range(count):
        before = fleet.counts["spans"]
        start = now - (count - index) * 10 * _NS // 100
        traces: ExportTraceServiceRequest = fleet.period(start, start + 10 * _NS)[0]
        bodies.append(traces.SerializeToString())
        sizes.append(fleet.counts["spans"] - before)
    return bodies, sizes


def _ingest(requests: int) -> Iterator[Figure]:
    """Measure spans a second that are acknowledged, thus stored, by a viewer on one core."""
    bodies, sizes = _requests(requests)
    rates: list[float] = []
    cpu_rates: list[float] = []
    with _Running() as running, ThreadPoolExecutor(_SENDERS) as senders:
        share = len(bodies) // _ROUNDS
        for index in range(_ROUNDS):
            part = slice(index * share, (index + 1) * share)
            cpu, started = running.cpu_s(), time.perf_counter()
            lanes = [bodies[part][lane::_SENDERS] for lane in range(_SENDERS)]
            list(senders.map(_post, [running.http] * _SENDERS, lanes))
            rates.append(sum(sizes[part]) / (time.perf_counter() - started))
            cpu_rates.append(sum(sizes[part]) / (running.cpu_s() - cpu))
        stored = _get(running.web, "/api/status")["spans"]
        assert stored == sum(sizes[: share * _ROUNDS]), "some spans were not stored"
    target, better = 10_000, "higher"
    yield absolute("viewer_ingest", rates, "spans/s", target=target, better=better)
    yield absolute("viewer_ingest_cpu", cpu_rates, "spans/CPU-s", target=target, better=better)


def _post(port: int, bodies: list[bytes]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for body in bodies:
        connection.request("POST", "/v1/traces", body, {"Content-Type": "application/x-protobuf"})
        response = connection.getresponse()
        response.read()
        assert response.status == 200


def _get(port: int, path: str) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", path)
    response = connection.getresponse()
    body = response.read()
    assert response.status == 200, body
    return json.loads(body)


def _fleet(start_ns: int) -> Fleet:
    """Return twelve model versions: those of the seed, and two copies of each."""
    models: list[Model] = [
        replace(model, name=f"{model.name}{suffix}", instance=f"{model.instance}{suffix}")
        for suffix in ("", "-b", "-c")
        for model in FLEET
    ]
    return Fleet(start_ns, models=tuple(models))


def _fill(path: Path, items: int) -> dict[str, int]:
    """Store about that many spans, and as many points, spread over the last day."""
    day = 86_400 * _NS
    begin = time.time_ns() - day
    fleet = _fleet(begin)
    store = Store(path, retention_s=7 * 86_400, max_size_mb=8192)
    periods = max(1, items // _POINTS_A_PERIOD)
    step = day // periods
    spans_a_day = sum(model.rate for model in fleet.models) * 5.05 * 86_400
    for index in range(periods):
        start = begin + index * step
        traces, metrics, logs = fleet.period(start, start + step, items / spans_a_day)
        store.submit(decode_traces(traces))
        store.submit(decode_metrics(metrics))
        last = store.submit(decode_logs(logs))
        if index % 20 == 0 or index == periods - 1:
            last.result(60)
    counts = dict(store.totals)
    store.close()
    return counts


def _query(items: int) -> Iterator[Figure]:
    """Measure the milliseconds of the pages' requests over the whole day."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.db"
        counts = _fill(path, items)
        note = f"{counts['spans']:,} spans, {path.stat().st_size / 2**20:.0f} MiB stored"
        with _Running(str(path)) as running:
            now = int(time.time() * 1000)
            for name, query in _QUERIES.items():
                mark = "&" if "?" in query else "?"
                times: list[float] = []
                for _ in range(7):
                    started = time.perf_counter()
                    _get(running.web, f"{query}{mark}from={now - 86_400_000}&to={now}")
                    times.append((time.perf_counter() - started) * 1000)
                yield absolute(name, times, "ms", target=200, note=note)
                note = ""
