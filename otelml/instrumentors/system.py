"""Process and host metrics by psutil, under the names and units of OpenTelemetry.

Values are those of the process that asks, after a fork too, and what a platform, a container or a
missing right denies is left out. File systems
are in :mod:`otelml.instrumentors.filesystems`, GPUs in :mod:`otelml.instrumentors.gpu`.
"""

from __future__ import annotations

import fnmatch
import gc
import logging
import os
import platform
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import psutil

from otelml import _guard, semconv_host
from otelml._metric import Metric
from otelml._metrics import create_meter, observe
from otelml._state import ProcessState
from otelml.instrumentors.filesystems import SYSTEM_FILESYSTEM_UTILIZATION, observe_filesystems
from otelml.instrumentors.gpu import is_nvml_installed, observe_gpus

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider

__all__ = ["instrument_system", "is_instrumented", "uninstrument_system"]

_logger = logging.getLogger("otelml")
_Point = tuple[float, dict[str, Any]]
_Read = Callable[[], Iterable[_Point]]

_COMPONENT = "system metrics"
_EXCLUDED = "OTEL_PYTHON_SYSTEM_METRICS_EXCLUDED_METRICS"
_UPSTREAM = "opentelemetry.instrumentation.system_metrics"
_CPU_STATES = ("idle", "user", "system", "iowait")
_MEMORY_STATES = ("used", "free", "cached")
_DISK = {"read": "read_bytes", "write": "write_bytes"}
_NETWORK = {"transmit": "bytes_sent", "receive": "bytes_recv"}
_NETWORK_ERRORS = {"transmit": "errout", "receive": "errin"}
# Shares of a time that is shorter than this are noise: the kernel counts in steps of 10 ms.
_SHARES = (semconv_host.SYSTEM_CPU_UTILIZATION, semconv_host.PROCESS_CPU_UTILIZATION)
_SHORTEST_INTERVAL_S = 0.5
# psutil's ways to say that a platform, a container or a right lacks something.
_UNAVAILABLE = (psutil.Error, OSError, NotImplementedError, AttributeError)


def _is_chosen(name: str) -> bool:
    excluded = os.environ.get(_EXCLUDED, "").split(",")
    patterns = [pattern.strip() for pattern in excluded if pattern.strip()]
    return not any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def _chosen() -> list[Metric]:
    return [metric for metric in semconv_host.HOST_METRICS if _is_chosen(metric.name)]


def _by(attribute: str, values: Any, fields: Iterable[str], scale: float = 1) -> Iterator[_Point]:
    for name in fields:
        if hasattr(values, name):
            value = getattr(values, name)
            yield (value / scale if scale != 1 else value), {attribute: name}


def _system_cpu() -> Iterator[_Point]:
    for number, times in enumerate(psutil.cpu_times_percent(percpu=True), start=1):
        for share, state in _by(semconv_host.HOST_STATE, times, _CPU_STATES, 100):
            yield share, {**state, semconv_host.HOST_CPU: number}


def _by_device(counters: Any, fields: dict[str, str]) -> Iterator[_Point]:
    for device, counted in counters.items():
        for direction, name in fields.items():
            if hasattr(counted, name):
                attributes = {
                    semconv_host.HOST_DEVICE: device,
                    semconv_host.HOST_DIRECTION: direction,
                }
                yield getattr(counted, name), attributes


def _disks() -> Any:
    return psutil.disk_io_counters(perdisk=True)


def _networks() -> Any:
    return psutil.net_io_counters(pernic=True)


def _collections(name: str) -> _Read:
    return lambda: [
        (generation[name], {semconv_host.GC_GENERATION: number})
        for number, generation in enumerate(gc.get_stats())
    ]


class _Host:
    """Reads the values of this process and its host, for one meter provider."""

    def __init__(self) -> None:
        self.active = True
        self._own: psutil.Process | None = None

    @property
    def _process(self) -> psutil.Process:
        """The process that asks, which is another one after a fork."""
        if self._own is None or self._own.pid != os.getpid():
            self._own = psutil.Process()
            self._own.cpu_percent()  # the first reading has no interval and says 0
        return self._own

    def start(self, meter_provider: MeterProvider) -> None:
        """Create the instruments."""
        meter = create_meter(meter_provider)
        readers = self._readers()
        for metric in _chosen():
            read = readers.get(metric.name)
            if read is not None:
                steady = _steady(read) if metric.name in _SHARES else read
                observe(meter, metric, self._available(metric.name, steady))
        if _is_chosen(SYSTEM_FILESYSTEM_UTILIZATION):
            observe_filesystems(meter, lambda: self.active)
        if is_nvml_installed():
            observe_gpus(meter, lambda: self.active, _is_chosen)
        # Without a first reading, the first collection would be all zeros.
        with suppress(*_UNAVAILABLE):
            psutil.cpu_times_percent(percpu=True)
            self._process.cpu_percent()

    def _available(self, name: str, read: _Read) -> _Read:
        """Leave out what cannot be read here."""
        reported = False

        def available() -> list[_Point]:
            nonlocal reported
            try:
                return list(read())
            except _UNAVAILABLE as error:
                if not reported:
                    _logger.debug("otelml: %s is not available here: %r", name, error)
                reported = True
                return []

        def points() -> list[_Point]:
            return (_guard.call(_COMPONENT, available) or []) if self.active else []

        return points

    def _readers(self) -> dict[str, _Read]:
        by, readers = _by, self._process_readers()
        state = semconv_host.HOST_STATE
        system: dict[str, _Read] = {
            "cpu.utilization": _system_cpu,
            "memory.usage": lambda: by(state, psutil.virtual_memory(), _MEMORY_STATES),
            "memory.utilization": _memory_shares,
            "disk.io": lambda: _by_device(_disks(), _DISK),
            "network.io": lambda: _by_device(_networks(), _NETWORK),
            "network.errors": lambda: _by_device(_networks(), _NETWORK_ERRORS),
        }
        readers.update((f"system.{name}", read) for name, read in system.items())
        if platform.python_implementation() == "CPython":
            for name, key in (
                ("collections", "collections"),
                ("collected_objects", "collected"),
                ("uncollectable_objects", "uncollectable"),
            ):
                readers[f"cpython.gc.{name}"] = _collections(key)
        return readers

    def _process_readers(self) -> dict[str, _Read]:
        def memory(name: str) -> _Read:
            return lambda: [(getattr(self._process.memory_info(), name), {})]

        def cpu_share() -> list[_Point]:
            return [(self._process.cpu_percent() / 100 / (psutil.cpu_count() or 1), {})]

        def disk() -> list[_Point]:
            counters: Any = self._process.io_counters()  # type: ignore[attr-defined,unused-ignore] # not on macOS
            return [
                (getattr(counters, name), {semconv_host.HOST_DIRECTION: direction})
                for direction, name in _DISK.items()
            ]

        kind = semconv_host.HOST_TYPE
        switches = ("involuntary", "voluntary")
        readers: dict[str, _Read] = {
            "cpu.time": lambda: _by(kind, self._process.cpu_times(), ("user", "system")),
            "cpu.utilization": cpu_share,
            "context_switches": lambda: _by(kind, self._process.num_ctx_switches(), switches),
            "memory.usage": memory("rss"),
            "memory.virtual": memory("vms"),
            "thread.count": lambda: [(self._process.num_threads(), {})],
            "disk.io": disk,
        }
        if sys.platform != "win32":
            readers["open_file_descriptor.count"] = lambda: [(self._process.num_fds(), {})]
        return {f"process.{name}": read for name, read in readers.items()}


def _memory_shares() -> Iterator[_Point]:
    memory = psutil.virtual_memory()
    return _by(semconv_host.HOST_STATE, memory, _MEMORY_STATES, memory.total)


def _steady(read: _Read) -> _Read:
    """Repeat the last answer to who asks again too early, as a second reader does."""
    last: tuple[int, float, list[_Point]] = (os.getpid(), time.monotonic(), [])

    def steady() -> list[_Point]:
        nonlocal last
        pid, at, points = last
        now = time.monotonic()
        if pid != os.getpid():  # the parent's shares are not ours
            last = (os.getpid(), now, [])
            list(read())
        elif now - at >= _SHORTEST_INTERVAL_S:
            points = list(read())
            last = (pid, now, points)
        return points if pid == os.getpid() else []

    return steady


_collecting: ProcessState[_Host | None] = ProcessState(None)


def instrument_system(meter_provider: MeterProvider) -> None:
    """Collect process and host metrics; a second call starts afresh.

    Does nothing where the application runs OpenTelemetry's own instrumentation already.

    Args:
        meter_provider: Where the metrics go.
    """
    uninstrument_system()
    if _is_upstream_active():
        _logger.info("otelml: system metrics are collected by the application already")
        return
    with _guard.guarded(_COMPONENT):
        host = _Host()
        _collecting.value = host
        host.start(meter_provider)


def uninstrument_system() -> None:
    """Collect nothing more; without :func:`instrument_system` do nothing."""
    current = _collecting.exchange(None)
    if current is not None:
        current.active = False


def _is_upstream_active() -> bool:
    # Where nobody has imported it, nobody has started it.
    upstream: Any = getattr(sys.modules.get(_UPSTREAM), "SystemMetricsInstrumentor", None)
    instance = getattr(upstream, "_instance", None)
    return bool(getattr(instance, "is_instrumented_by_opentelemetry", False))


def is_instrumented() -> bool:
    """Whether process and host metrics are being collected by us."""
    return _collecting.value is not None
