"""How fast the viewer takes spans in, and how fast it answers over a million of them."""

from __future__ import annotations

import argparse
import http.client
import importlib.util
import json
import multiprocessing
import multiprocessing.connection
import os
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from otelml.viewer import Viewer
from otelml.viewer.decode import decode_logs, decode_metrics, decode_traces
from otelml.viewer.store import Store

_NS = 1_000_000_000
_SPANS_A_REQUEST = 510
_SENDERS = 4


def _seed() -> Any:
    path = Path(__file__).parent.parent / "tests" / "viewer" / "seed.py"
    spec = importlib.util.spec_from_file_location("otelml_viewer_seed", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _serve(pipe: multiprocessing.connection.Connection, db: str | None) -> None:
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[:1])
    viewer = Viewer(grpc_port=0, http_port=0, web_port=0, db=db, retention_s=7 * 86_400)
    viewer.start()
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


def _requests(count: int) -> list[bytes]:
    """Serialised requests of about _SPANS_A_REQUEST spans, five a trace, as otelml sends them."""
    seed = _seed()
    now = time.time_ns()
    fleet = seed.Fleet(now, models=(replace(seed.FLEET[0], rate=_SPANS_A_REQUEST / 5 / 10),))
    fleet._feedback = lambda *_: None
    found = []
    for index in range(count):
        start = now - (count - index) * 10 * _NS // 100
        found.append(fleet.period(start, start + 10 * _NS)[0].SerializeToString())
    return found


def viewer_ingest(*, quick: bool = False) -> list[dict[str, Any]]:
    """Spans a second that are acknowledged, thus stored, by a viewer on one core."""
    bodies = _requests(60 if quick else 300)
    sizes = [_count(body) for body in bodies]
    rates, cpu_rates = [], []
    with _Running() as running, ThreadPoolExecutor(_SENDERS) as senders:
        rounds = 5
        share = len(bodies) // rounds
        for index in range(rounds):
            part = slice(index * share, (index + 1) * share)
            cpu, started = running.cpu_s(), time.perf_counter()
            lanes = [bodies[part][lane::_SENDERS] for lane in range(_SENDERS)]
            list(senders.map(_post, [running.http] * _SENDERS, lanes))
            rates.append(sum(sizes[part]) / (time.perf_counter() - started))
            cpu_rates.append(sum(sizes[part]) / (running.cpu_s() - cpu))
        stored = _get(running.web, "/api/status")["spans"]
        assert stored == sum(sizes[: share * rounds]), "some spans were not stored"
    return [
        _row("viewer_ingest", statistics.median(rates), 10_000, "spans/s", more=True),
        _row("viewer_ingest_cpu", statistics.median(cpu_rates), 10_000, "spans/CPU-s", more=True),
    ]


def _post(port: int, bodies: list[bytes]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for body in bodies:
        connection.request("POST", "/v1/traces", body, {"Content-Type": "application/x-protobuf"})
        response = connection.getresponse()
        response.read()
        assert response.status == 200


def _count(body: bytes) -> int:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
        ExportTraceServiceRequest,
    )

    request = ExportTraceServiceRequest.FromString(body)
    return sum(len(s.spans) for r in request.resource_spans for s in r.scope_spans)


def _get(port: int, path: str) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", path)
    response = connection.getresponse()
    body = response.read()
    assert response.status == 200, body
    return json.loads(body)


def fill(path: Path, spans: int, points: int) -> dict[str, int]:
    """Store about that many spans and points, spread over the last day."""
    seed = _seed()
    models = [
        replace(model, name=f"{model.name}{suffix}", instance=f"{model.instance}{suffix}")
        for suffix in ("", "-b", "-c")
        for model in seed.FLEET
    ]
    day = 86_400 * _NS
    now = time.time_ns()
    store = Store(path, retention_s=7 * 86_400, max_size_mb=8192)
    # About 200 points a period.
    periods = max(1, points // 200)
    fleet = seed.Fleet(now - day, models=tuple(models))
    step = day // periods
    rate = sum(model.rate for model in models) * 5.05 * 86_400
    last = None
    for index in range(periods):
        start = now - day + index * step
        traces, metrics, logs = fleet.period(start, start + step, spans / rate)
        store.submit(decode_traces(traces))
        store.submit(decode_metrics(metrics))
        last = store.submit(decode_logs(logs))
        if index % 20 == 0:
            last.result(60)
    assert last is not None
    last.result(60)
    counts = dict(store.totals)
    store.close()
    return counts


def viewer_query(*, quick: bool = False) -> list[dict[str, Any]]:
    """Milliseconds of the models page's two requests over the whole day."""
    import tempfile

    size = 100_000 if quick else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.db"
        counts = fill(path, size, size)
        print(f"stored {counts}, {path.stat().st_size / 2**20:.0f} MiB", flush=True)
        with _Running(str(path)) as running:
            found = []
            now = int(time.time() * 1000)
            for name, query in (
                ("viewer_query", "/api/models"),
                ("viewer_query_model", "/api/models/loan"),
                ("viewer_query_traces", "/api/traces"),
                ("viewer_query_metric", "/api/metrics/query?name=ml.prediction.duration"),
                ("viewer_query_logs", "/api/logs?query=no-such-text"),
            ):
                mark = "&" if "?" in query else "?"
                times = []
                for _ in range(7):
                    started = time.perf_counter()
                    _get(running.web, f"{query}{mark}from={now - 86_400_000}&to={now}")
                    times.append((time.perf_counter() - started) * 1000)
                found.append(_row(name, statistics.median(times), 200, "ms", more=False))
            return found


def _row(name: str, ours: float, target: float, unit: str, *, more: bool) -> dict[str, Any]:
    met = ours >= target if more else ours <= target
    return {
        "name": name,
        "ours": round(ours, 1),
        "theirs": target,
        "ratio": round(ours / target, 3),
        "target": target,
        "met": met,
        "unit": unit,
    }


def run(*, quick: bool = False) -> list[dict[str, Any]]:
    """Return all figures."""
    return [*viewer_ingest(quick=quick), *viewer_query(quick=quick)]


def main() -> None:
    """Print one line a figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller stores")
    for row in run(quick=parser.parse_args().quick):
        state = "met" if row["met"] else "MISSED"
        print(f"{row['name']}: {row['ours']} {row['unit']} (target {row['target']}: {state})")


if __name__ == "__main__":
    main()
