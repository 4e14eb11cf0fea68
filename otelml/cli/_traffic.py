"""Sends scenario traffic at a steady rate and keeps count of what came back."""

from __future__ import annotations

import http.client
import json
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from otelml.cli._due_labels import DueLabels
from otelml.cli._scenarios import CYCLE, PHASE_S, Plan, Request
from otelml.cli._shift import Shift
from otelml.exceptions import ConfigurationError, OtelmlError

_TIMEOUT_S = 30.0
_PROBE_TIMEOUT_S = 5.0
_GONE_AFTER = 50  # failed connections in a row
_KEPT_LATENCIES = 100_000
_SOURCE = "simulate"
LABEL_DELAY_S = 4.0


class ServiceUnreachableError(OtelmlError):
    """Nothing answers where the traffic should go."""


@dataclass
class Traffic:
    """What was sent and what came back.

    Args:
        total: Requests that the run will send; None where only its end by time or by hand is known.
        phase: Scenario of the latest request.
        sent: Requests sent, feedback not included.
        ok: Those answered with 2xx.
        failed: Those that were not, by HTTP status, or by the name of the connection error.
        latencies_s: Seconds until the answer, of the latest 100,000.
        feedback_sent: Labels that the service took.
        feedback_failed: Labels that it did not take.
        elapsed_s: Seconds since the start.
    """

    total: int | None = None
    phase: str = ""
    sent: int = 0
    ok: int = 0
    failed: Counter[str] = field(default_factory=Counter[str])
    latencies_s: list[float] = field(default_factory=list[float])
    feedback_sent: int = 0
    feedback_failed: int = 0
    elapsed_s: float = 0.0

    def quantile_s(self, share: float) -> float:
        """Return the latency that ``share`` of the requests stay below; NaN without any."""
        ordered = sorted(self.latencies_s)
        if not ordered:
            return math.nan
        return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]


def run_traffic(
    url: str,
    scenario: str = "normal",
    rate: float = 10.0,
    duration: float | None = None,
    *,
    count: int | None = None,
    seed: int = 0,
    workers: int = 8,
    path: str = "/predict",
    batch_share: float = 0.1,
    bodies: Sequence[bytes] = (),
    shift: Shift | None = None,
    label_delay: float = LABEL_DELAY_S,
    on_progress: Callable[[Traffic], None] | None = None,
    stop: threading.Event | None = None,
) -> Traffic:
    """Send a scenario to a service until its end, and return what came back.

    Args:
        url: Base URL of the service.
        scenario: One of ``otelml.cli._scenarios.SCENARIOS``.
        rate: Requests a second; feedback comes on top.
        duration: Seconds after which it ends.
        count: Requests after which it ends; without both it ends by ``stop``.
        seed: Of everything that is chosen at random.
        workers: Requests that may wait for an answer at once.
        path: Path of predictions.
        batch_share: Share of requests that send a batch to ``path`` + ``/batch``.
        bodies: Payloads to send instead of loan applications.
        shift: How these look under drift.
        label_delay: Mean seconds from a prediction to its label, of an exponential distribution; 0
            sends it at once. Those that have not been sent at the end are sent then.
        on_progress: Called after every request, one call at a time.
        stop: Ends the run when set.

    Raises:
        ConfigurationError: ``url`` is no http(s) URL.
        ServiceUnreachableError: Nothing listens there, or it went away.
    """
    target = _target(url)
    _probe(target)
    total = _total(rate, duration, count)
    cycle = rate * PHASE_S * len(CYCLE)
    phase_requests = math.ceil(min(total or cycle, cycle) / len(CYCLE))
    prefix = target.path.rstrip("/")
    plan = Plan(
        scenario,
        seed,
        prefix + path,
        f"{prefix}/feedback",
        batch_share,
        tuple(bodies),
        phase_requests,
        shift,
    )
    labels = DueLabels(label_delay, seed)
    run = _Run(target, plan, rate, duration, total, labels, on_progress, stop or threading.Event())
    return run.go(workers)


def _total(rate: float, duration: float | None, count: int | None) -> int | None:
    by_time = None if duration is None else max(1, round(rate * duration))
    known = [limit for limit in (by_time, count) if limit is not None]
    return min(known) if known else None


def _target(url: str) -> SplitResult:
    parts = urlsplit(url if "://" in url else f"http://{url}")
    try:
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise ConfigurationError(
            "what was given is not the URL of a service, such as http://127.0.0.1:8000"
        )
    return parts


def _connect(target: SplitResult, timeout_s: float) -> http.client.HTTPConnection:
    secure = target.scheme == "https"
    connection = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    return connection(target.hostname or "", target.port, timeout=timeout_s)


def _probe(target: SplitResult) -> None:
    connection = _connect(target, _PROBE_TIMEOUT_S)
    try:
        connection.connect()
    except OSError as error:
        raise ServiceUnreachableError(
            f"nothing answers at {target.scheme}://{target.netloc} ({error.strerror or error}); "
            f"start the service, or check the address"
        ) from None
    finally:
        connection.close()


class _Run:
    """One run: workers that take the next request when it is due."""

    def __init__(
        self,
        target: SplitResult,
        plan: Plan,
        rate: float,
        duration: float | None,
        total: int | None,
        labels: DueLabels,
        on_progress: Callable[[Traffic], None] | None,
        stop: threading.Event,
    ) -> None:
        self._target = target
        self._plan = plan
        self._rate = rate
        self._duration = math.inf if duration is None else duration
        self._labels = labels
        self._on_progress = on_progress
        self._stop = stop
        self._lock = threading.Lock()
        self._next = 0
        self._connection_failures = 0
        self._started = time.monotonic()
        self._error: BaseException | None = None
        self.traffic = Traffic(total)

    def go(self, workers: int) -> Traffic:
        """Run to the end."""
        threads = [
            threading.Thread(target=self._work, name=f"traffic-{i}", daemon=True)
            for i in range(workers)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(0.2)  # short waits, so that a signal is handled at once
        if self._error is not None:
            raise self._error
        self.traffic.elapsed_s = time.monotonic() - self._started
        return self.traffic

    def _work(self) -> None:
        client = _Client(self._target)
        try:
            while (index := self._take()) is not None:
                self._send(client, self._plan.request(index), index)
                self._give_labels(client, time.monotonic())
            if not self._stop.is_set():
                self._give_labels(client, math.inf)
        except BaseException as error:  # noqa: BLE001 - raised again by go()
            self._error = error
            self._stop.set()
        finally:
            client.close()

    def _take(self) -> int | None:
        """Return the next index once it is due; None at the end."""
        with self._lock:
            index, self._next = self._next, self._next + 1
        total = self.traffic.total
        if total is not None and index >= total:
            return None
        due = index / self._rate
        # The end comes by time for a service that cannot keep up.
        if self._elapsed_s() >= self._duration or due >= self._duration:
            return None
        self._stop.wait(max(0.0, due - self._elapsed_s()))
        return None if self._stop.is_set() else index

    def _elapsed_s(self) -> float:
        return time.monotonic() - self._started

    def _send(self, client: _Client, request: Request, index: int) -> None:
        started = time.perf_counter()
        status, body = client.post(request.path, request.body, request.headers)
        latency_s = time.perf_counter() - started
        if request.label is not None and status == "200":
            self._keep_label(body, request.label, index)
        with self._lock:
            self._count(request.phase, status, latency_s)
            if self._on_progress is not None:
                self._on_progress(self.traffic)

    def _count(self, phase: str, status: str, latency_s: float) -> None:
        traffic = self.traffic
        traffic.phase = phase
        traffic.sent += 1
        traffic.elapsed_s = self._elapsed_s()
        answered = status.isdigit()
        if status.startswith("2"):
            traffic.ok += 1
        else:
            traffic.failed[status] += 1
        if answered:
            traffic.latencies_s.append(latency_s)
            del traffic.latencies_s[:-_KEPT_LATENCIES]
        self._connection_failures = 0 if answered else self._connection_failures + 1
        if self._connection_failures >= _GONE_AFTER:
            raise ServiceUnreachableError(
                f"the service at {self._target.netloc} has gone away after {traffic.sent} requests"
            )

    def _keep_label(self, answer: bytes, label: str, index: int) -> None:
        """Keep a label until it is due; nothing where the answer has no prediction id."""
        try:
            parsed = json.loads(answer)
        except ValueError:
            return
        prediction_id = parsed.get("prediction_id") if isinstance(parsed, dict) else None
        if prediction_id:
            self._labels.add(str(prediction_id), label, index, time.monotonic())

    def _give_labels(self, client: _Client, until: float) -> None:
        """Send the labels that are due by then."""
        while (due := self._labels.take(until)) is not None:
            prediction_id, label = due
            body = {"prediction_id": prediction_id, "actual": label, "source": _SOURCE}
            status, _ = client.post(self._plan.feedback_path, json.dumps(body).encode(), {})
            with self._lock:
                self.traffic.feedback_sent += status.startswith("2")
                self.traffic.feedback_failed += not status.startswith("2")


class _Client:
    """A connection that is kept open, and opened again where the service had closed it."""

    def __init__(self, target: SplitResult) -> None:
        self._connection = _connect(target, _TIMEOUT_S)

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[str, bytes]:
        """Return the status, or the name of the connection error, and the answer."""
        reused = self._connection.sock is not None
        try:
            return self._exchange(path, body, headers)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            idle_closed = isinstance(error, (ConnectionResetError, BrokenPipeError))
            if not (reused and idle_closed):
                return type(error).__name__, b""
        try:
            return self._exchange(path, body, headers)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            return type(error).__name__, b""

    def _exchange(self, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[str, bytes]:
        sent = {"Content-Type": "application/json", "User-Agent": "otelml-simulate", **headers}
        self._connection.request("POST", path, body, sent)
        response = self._connection.getresponse()
        return str(response.status), response.read()

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        self._connection.close()
