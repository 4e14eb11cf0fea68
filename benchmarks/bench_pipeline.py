"""What the whole native stack takes: Collector and stores, beside the sender."""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

import psutil

from benchmarks import otlp_load
from benchmarks.harness import Figure, absolute
from engines.stack import Stack
from engines.table import Ports
from grafana.generate.logs_query import lines

RATE = 40_000
SECONDS = 60.0
_DRAIN_S = 300.0
_MIB = 2**20


@dataclass
class Usage:
    """What an engine needed.

    Args:
        cpu_s: CPU seconds.
        rss_mib: Largest resident memory.
    """

    cpu_s: float = 0.0
    rss_mib: float = 0.0


class Watch:
    """Reads the engines' CPU time and memory, twice a second."""

    def __init__(self, stack: Stack) -> None:
        self._processes = {
            name: psutil.Process(stack.process(name).pid)
            for name in stack.engines
            if name != "alertmanager"
        } | {"sender": psutil.Process()}
        self._before = {name: self._cpu_s(name) for name in self._processes}
        self.usage = {name: Usage() for name in self._processes}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _cpu_s(self, name: str) -> float:
        times = self._processes[name].cpu_times()
        return times.user + times.system

    def _run(self) -> None:
        while not self._end.wait(0.5):
            for name, process in self._processes.items():
                usage = self.usage[name]
                usage.rss_mib = max(usage.rss_mib, process.memory_info().rss / _MIB)
                usage.cpu_s = self._cpu_s(name) - self._before[name]

    def stop(self) -> dict[str, Usage]:
        """End, and return what was seen."""
        self._end.set()
        self._thread.join()
        return self.usage


@dataclass
class Outcome:
    """What was sent, and what is in the stores.

    Args:
        sent: By signal.
        arrived: Items in the stores, by signal.
        traces: Sampled traces, and those of them found whole in Jaeger.
        drain_s: From the last answer until everything was in the stores.
        usage: By engine.
    """

    sent: dict[str, otlp_load.Sent]
    arrived: dict[str, int]
    traces: tuple[int, int]
    drain_s: float
    usage: dict[str, Usage] = field(default_factory=dict[str, Usage])

    @property
    def rate(self) -> float:
        """Acknowledged items a second, by the slowest signal's time."""
        seconds = max(sent.seconds for sent in self.sent.values())
        return sum(sent.items for sent in self.sent.values()) / seconds

    @property
    def lost(self) -> int:
        """Acknowledged items that are not in the stores."""
        return sum(max(0, self.sent[name].items - self.arrived[name]) for name in self.sent)


def _read(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as response:  # noqa: S310 - the stack's own
        body: bytes = response.read()
    return body


def _get(url: str, **parameters: str) -> dict[str, object]:
    query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
    answer: dict[str, object] = json.loads(_read(url + query))
    return answer


def _count(url: str, path: str, query: str) -> int:
    """Return the one number that a query answers with, 0 for no answer."""
    data = _get(url + path, query=query)["data"]
    assert isinstance(data, dict)
    return sum(int(float(row["value"][1])) for row in data["result"])


def _stored_spans(stack: Stack) -> int:
    """Return what Jaeger wrote to its store, by its own count."""
    text = _read(stack.url("jaeger", "metrics") + "/metrics").decode()
    return sum(
        int(float(line.rsplit(" ", 1)[1]))
        for line in text.splitlines()
        if line.startswith("otelcol_exporter_sent_spans")
    )


def arrived(stack: Stack) -> dict[str, int]:
    """Return how many items of the load are in the stores, by signal."""
    service = f'service_name="{otlp_load.SERVICE}"'
    return {
        "spans": _stored_spans(stack),
        "points": _count(
            stack.url("prometheus"),
            "/api/v1/query",
            f"sum(count_over_time(load_items_total{{{service}}}[15m]))",
        ),
        "logs": _count(
            stack.url("victorialogs"),
            "/select/logsql/stats_query",
            lines(otlp_load.SERVICE).count("15m").logsql(),
        ),
    }


def _is_whole(stack: Stack, trace_id: str) -> bool:
    """Tell whether a trace is in Jaeger with all its spans."""
    try:
        data = _get(f"{stack.url('jaeger')}/api/traces/{trace_id}")["data"]
    except urllib.error.HTTPError as error:
        if error.code != HTTPStatus.NOT_FOUND:
            raise
        return False
    assert isinstance(data, list)
    return any(len(trace["spans"]) == otlp_load.SPANS_A_TRACE for trace in data)


def _whole(stack: Stack, trace_ids: list[str], deadline: float) -> int:
    """Return how many of these traces are whole by then.

    Jaeger counts a batch that it is sent again twice, so its own count can be full while the
    last traces are still on their way.
    """
    missing = [trace_id for trace_id in trace_ids if not _is_whole(stack, trace_id)]
    while missing and time.monotonic() < deadline:
        time.sleep(1)
        missing = [trace_id for trace_id in missing if not _is_whole(stack, trace_id)]
    return len(trace_ids) - len(missing)


def measure(stack: Stack, rate: int = RATE, seconds: float = SECONDS) -> Outcome:
    """Send the load to a running stack and wait until it is in the stores, up to five minutes."""
    watch = Watch(stack)
    sent, samples = otlp_load.run(stack.url("collector"), rate, seconds)
    started = time.monotonic()
    found = arrived(stack)
    while time.monotonic() < started + _DRAIN_S and any(
        found[name] < sent[name].items for name in sent
    ):
        time.sleep(1)
        found = arrived(stack)
    chosen = samples[:: max(1, len(samples) // 100)]
    whole = _whole(stack, chosen, started + _DRAIN_S)
    drain_s = time.monotonic() - started
    return Outcome(sent, found, (len(chosen), whole), drain_s, watch.stop())


def describe(outcome: Outcome) -> str:
    """Return the outcome in words."""
    signals = "; ".join(
        f"{name} {sent.items} acknowledged, {outcome.arrived[name]} stored, "
        f"{sent.retries} retries, {sent.refused} refused {sent.answers or ''}".rstrip()
        for name, sent in outcome.sent.items()
    )
    engines = ", ".join(
        f"{name} {usage.cpu_s:.0f} s CPU {usage.rss_mib:.0f} MiB"
        for name, usage in outcome.usage.items()
    )
    return (
        f"{signals}; {outcome.traces[1]} of {outcome.traces[0]} sampled traces whole; "
        f"all stored {outcome.drain_s:.0f} s after the last answer; {engines}"
    )


def figures(*, quick: bool) -> Iterator[Figure]:
    """Measure the pipeline's figures: items lost, and items a second.

    Args:
        quick: Whether a shorter time will do.
    """
    seconds = 15.0 if quick else SECONDS
    folder = Path(tempfile.mkdtemp(prefix="otelml-pipeline-"))
    try:
        with Stack(folder, Ports(offset=38_000)) as stack:
            outcome = measure(stack, RATE, seconds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    yield absolute("pipeline", [outcome.lost], "items lost", target=0, note=describe(outcome))
    yield absolute(
        "pipeline_rate",
        [outcome.rate],
        f"items/s for {seconds:.0f} s",
        target=RATE * 0.99,
        better="higher",
    )
