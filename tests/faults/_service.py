"""A service of ours in a process of its own, requests to it, and what of them arrived."""

from __future__ import annotations

import http.client
import json
import math
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from grafana.generate.logs_query import lines
from tests._processes import ROOT, environment
from tests.acceptance._stores import Stores, counted_lines, get
from tests.faults._table import Row

EXIT_CODE = 7
SPANS_A_REQUEST = 3  # of the server, the prediction, the stage
_REQUESTS_A_TRACE = 100
_START_S = 90.0
_STOP_S = 60.0
_END_S = 60.0
_SETTLE_S = 90.0
_ALONE = ("-m", "tests.faults._service_app")


@dataclass
class Service:
    """The service as a process.

    Args:
        endpoint: Where it sends telemetry.
        folder: Where its output and its books go.
        command: What runs it, after the interpreter; ``{port}`` is filled in.
    """

    endpoint: str
    folder: Path
    command: tuple[str, ...] = _ALONE
    name: str = field(default_factory=lambda: f"service-{secrets.token_hex(4)}")
    port: int = 0
    stopping_s: float = 0.0

    def start(self) -> None:
        """Start it and wait until it listens."""
        self.folder.mkdir()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.log = self.folder / "output.log"
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, *(part.format(port=self.port) for part in self.command)],
                env=environment(
                    OTEL_SERVICE_NAME=self.name,
                    OTEL_EXPORTER_OTLP_ENDPOINT=self.endpoint,
                    OTEL_METRIC_EXPORT_INTERVAL="1000",
                    OTELML_SYSTEM="false",
                    OTELML_LOGS_JSON="false",
                    OTELML_LOGS_SAMPLE_RATIO="1",
                    BOOKS=str(self.folder),
                    EXIT_CODE=str(EXIT_CODE),
                    PORT=str(self.port),
                ),
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + _START_S
        while True:
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, "the service does not listen"
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return

    def stop(self) -> int:
        """End it by SIGTERM; return its exit code."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(_STOP_S)
        finally:
            self.stopping_s = time.monotonic() - began
            self.kill()

    def kill(self) -> None:
        """End it whatever it does."""
        self.process.kill()
        self.process.wait()

    @property
    def resident_mib(self) -> int:
        """Memory that it holds."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) // 1024

    @property
    def books(self) -> list[dict]:
        """What became of the telemetry of each of its processes, once it has ended."""
        return [json.loads(path.read_text()) for path in sorted(self.folder.glob("*.json"))]

    def dropped(self, of: str) -> int:
        """Return how much of a signal all its processes say they have dropped."""
        return sum(sum(book["signals"][of]["dropped"].values()) for book in self.books)

    def exported(self, of: str) -> int:
        """Return how much of a signal all its processes say was taken."""
        return sum(book["signals"][of]["exported"] for book in self.books)


@contextmanager
def serving(endpoint: str, folder: Path, command: tuple[str, ...] = _ALONE):
    """Run the service; whoever is within ends it."""
    service = Service(endpoint, folder, command)
    service.start()
    try:
        yield service
    finally:
        service.kill()


class Load:
    """Requests to a service, one after the other in each of some threads.

    Args:
        service: The service.
        threads: How many at once.
        may_end: Whether the service may go away meanwhile; that ends a thread.

    A hundred requests of a thread are one trace, and each names the span of its prediction.
    """

    def __init__(self, service: Service, threads: int = 2, *, may_end: bool = False) -> None:
        self.answered: dict[str, set[str]] = {}
        self._done: list[tuple[float, float, int]] = []
        self._address = f"127.0.0.1:{service.port}"
        self._may_end = may_end
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Send no more, and wait for the last answers."""
        self._end.set()
        for thread in self._threads:
            thread.join(_END_S)
        assert not any(thread.is_alive() for thread in self._threads)

    @property
    def requests(self) -> int:
        """Requests that were answered."""
        return len(self._done)

    @property
    def statuses(self) -> set[int]:
        """What they were answered."""
        return {status for _, _, status in self._done}

    def wait_for(self, requests: int) -> None:
        """Wait until that many were answered."""
        deadline = time.monotonic() + _START_S
        while self.requests < requests:
            assert time.monotonic() < deadline, f"{self.requests} of {requests} were answered"
            time.sleep(0.05)

    def measured(self, since: float) -> str:
        """Return throughput, p50 and p99 of what was answered since a time, in words."""
        window = sorted(took for at, took, _ in list(self._done) if at >= since)
        rate = len(window) / (time.monotonic() - since)
        p50, p99 = (1000 * window[math.ceil(q * len(window)) - 1] for q in (0.5, 0.99))
        return f"{rate:.0f}/s, p50 {p50:.1f} ms, p99 {p99:.1f} ms"

    def _run(self) -> None:
        connection = http.client.HTTPConnection(self._address, timeout=30)
        trace, left = "", 0
        try:
            while not self._end.is_set():
                if not left:
                    trace, left = secrets.token_hex(16), _REQUESTS_A_TRACE
                    self.answered[trace] = set()
                left -= 1
                began = time.monotonic()
                parent = f"00-{trace}-{secrets.token_hex(8)}-01"
                connection.request("GET", "/predict", headers={"traceparent": parent})
                with connection.getresponse() as response:
                    body = response.read()
                ended = time.monotonic()
                self._done.append((ended, ended - began, response.status))
                if response.status == http.client.OK:
                    self.answered[trace].add(json.loads(body)["span"])
        except (OSError, http.client.HTTPException):
            if not self._may_end:
                raise
        finally:
            connection.close()


class Books:
    """Both sides of the books of a service: what was answered, and what is in the stores.

    Args:
        stores: The stores.
        service: The service.
        load: What it was asked.
    """

    def __init__(self, stores: Stores, service: Service, load: Load) -> None:
        self.stores = stores
        self.service = service
        self.load = load
        self.spans: set[str] = set()
        self.predictions: set[str] = set()
        self.taken = 0

    @property
    def lost(self) -> set[str]:
        """Predictions that were answered and whose span is not in Jaeger."""
        return set().union(*self.load.answered.values()) - self.predictions

    def settle(self, enough: Callable[[], bool]) -> None:
        """Look until what is in Jaeger is enough and all that the Collector took, or for long."""
        deadline = time.monotonic() + _SETTLE_S
        self._look()
        while not (enough() and len(self.spans) >= self.taken) and time.monotonic() < deadline:
            time.sleep(0.5)
            self._look()

    def _look(self) -> None:
        self.taken = int(self.stores.counted("otelcol_receiver_accepted_spans"))
        spans: set[str] = set()
        predictions: set[str] = set()
        for trace in self.load.answered:
            for span in self.stores.trace(trace):
                spans.add(span.id)
                if span.name == "predict loan":
                    predictions.add(span.id)
        self.spans, self.predictions = spans, predictions

    def counted(self, metric: str, by: str = "") -> dict[str, float]:
        """Return the sums of a counter of the service in Prometheus by a label."""
        query = f'sum by ({by}) ({metric}{{service_name="{self.service.name}"}})'
        found = get(f"{self.stores.prometheus}/api/v1/query", query=query)["data"]["result"]
        return {one["metric"].get(by, ""): float(one["value"][1]) for one in found}

    def logged(self) -> int:
        """Return how many predictions are in VictoriaLogs."""
        return counted_lines(self.stores.victorialogs, lines(self.service.name).count("1h"))

    def row(self, fault: str, note: str) -> Row:
        """Return the row of spans; Jaeger keeps one of each, so duplicates are the Collector's."""
        found = len(self.spans), max(0, self.taken - len(self.spans))
        return self._row(fault, "traces", SPANS_A_REQUEST, found, note)

    def row_of_logs(self, fault: str) -> Row:
        """Return the row of log events, one a prediction."""
        arrived = self.logged()
        sent = self.load.requests
        return self._row(fault, "logs", 1, (min(arrived, sent), max(0, arrived - sent)), "")

    def _row(self, fault: str, of: str, each: int, found: tuple[int, int], note: str) -> Row:
        sent, dropped = each * self.load.requests, self.service.dropped(of)
        arrived, duplicates = found
        return Row(
            fault=fault,
            signal={"traces": "spans"}.get(of, of),
            sent=sent,
            acknowledged=self.service.exported(of),
            arrived=arrived,
            duplicates=duplicates,
            lost=max(0, sent - dropped - arrived),
            dropped=dropped,
            note=note,
        )
