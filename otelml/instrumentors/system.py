"""Process and host metrics by psutil, through OpenTelemetry's own instrumentation.

Upstream keeps the parent's process after a fork and lets psutil's errors into every collection;
both are mended here. Names and units are upstream's. It knows nothing of file systems; those are
in :mod:`otelml.instrumentors.filesystems`.
"""

from __future__ import annotations

import fnmatch
import functools
import logging
import os
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import psutil
from opentelemetry.instrumentation.system_metrics import SystemMetricsInstrumentor
from opentelemetry.instrumentation.system_metrics.environment_variables import (
    OTEL_PYTHON_SYSTEM_METRICS_EXCLUDED_METRICS,
)

from otelml import _guard
from otelml._metrics import create_meter
from otelml._state import ProcessState
from otelml.instrumentors.filesystems import SYSTEM_FILESYSTEM_UTILIZATION, observe_filesystems

if TYPE_CHECKING:
    from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation
    from typing_extensions import Self

__all__ = ["instrument_system", "uninstrument_system"]

_logger = logging.getLogger("otelml")
_Callback = Callable[["CallbackOptions"], Iterable["Observation"]]

# What upstream collects, without its deprecated names, and without what is costly or needs rights
# (open connections of the whole host).
_COLLECTED: dict[str, list[str] | None] = {
    "system.cpu.utilization": ["idle", "user", "system", "iowait"],
    "system.memory.usage": ["used", "free", "cached"],
    "system.memory.utilization": ["used", "free", "cached"],
    "system.disk.io": ["read", "write"],
    "system.network.io": ["transmit", "receive"],
    "system.network.errors": ["transmit", "receive"],
    "process.cpu.time": ["user", "system"],
    "process.cpu.utilization": ["user", "system"],
    "process.context_switches": ["involuntary", "voluntary"],
    "process.memory.usage": None,
    "process.memory.virtual": None,
    "process.open_file_descriptor.count": None,
    "process.thread.count": None,
    "process.disk.io": ["read", "write"],
    "cpython.gc.collections": None,
    "cpython.gc.collected_objects": None,
    "cpython.gc.uncollectable_objects": None,
}
# Shares of a time that is shorter than this are noise: the kernel counts in steps of 10 ms.
_SHARES = ("_get_cpu_utilization", "_get_system_cpu_utilization")
_SHORTEST_INTERVAL_S = 0.5
# psutil's ways to say that a platform, a container or a right lacks something.
_UNAVAILABLE = (psutil.Error, OSError, NotImplementedError, AttributeError)


def _is_chosen(name: str) -> bool:
    excluded = os.environ.get(OTEL_PYTHON_SYSTEM_METRICS_EXCLUDED_METRICS, "").split(",")
    patterns = [pattern.strip() for pattern in excluded if pattern.strip()]
    return not any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def _chosen() -> dict[str, list[str] | None]:
    return {name: states for name, states in _COLLECTED.items() if _is_chosen(name)}


def _steady(callback: _Callback) -> _Callback:
    """Repeat the last answer to who asks again too early, as a second reader does."""
    last: tuple[int, float, list[Observation]] = (os.getpid(), time.monotonic(), [])

    @functools.wraps(callback)
    def steady(options: CallbackOptions) -> list[Observation]:
        nonlocal last
        pid, at, observations = last
        now = time.monotonic()
        if pid != os.getpid():  # the parent's shares are not ours
            last = (os.getpid(), now, [])
            list(callback(options))
        elif now - at >= _SHORTEST_INTERVAL_S:
            observations = list(callback(options))
            last = (pid, now, observations)
        return observations if pid == os.getpid() else []

    return steady


class _SystemInstrumentor(SystemMetricsInstrumentor):  # type: ignore[misc] # upstream has no types
    """Upstream's instrumentor for one meter provider, safe in forks and containers."""

    _instance = None  # apart from upstream's singleton, which the application may own

    def __new__(cls, *_args: Any, **_kwargs: Any) -> Self:
        """Return a new instance: each meter provider has its own."""
        return object.__new__(cls)

    def __init__(self) -> None:
        self.active = True
        self._own: psutil.Process | None = None
        super().__init__(config=_chosen())
        for name in dir(self):
            if name.startswith("_get_"):
                callback = getattr(self, name)
                steady = _steady(callback) if name in _SHARES else callback
                setattr(self, name, self._guarded(steady))

    @property
    def _proc(self) -> psutil.Process:
        """The process that asks, which is another one after a fork."""
        if self._own is None or self._own.pid != os.getpid():
            self._own = psutil.Process()
            self._own.cpu_percent()  # the first reading has no interval and says 0
        return self._own

    @_proc.setter
    def _proc(self, process: psutil.Process) -> None:
        self._own = process

    def _guarded(self, callback: _Callback) -> _Callback:
        reported = False

        def collect(options: CallbackOptions) -> list[Observation]:
            nonlocal reported
            if not self.active:
                return []
            try:
                return list(callback(options))
            except _UNAVAILABLE as error:
                if not reported:
                    _logger.debug("otelml: %s is not available here: %r", callback, error)
                reported = True
                return []

        @functools.wraps(callback)
        def guarded(options: CallbackOptions) -> list[Observation]:
            return _guard.call("system metrics", collect, options) or []

        return guarded

    def _can_read_context_switches(self) -> bool:
        try:
            self._proc.num_ctx_switches()
        except _UNAVAILABLE:
            return False
        return True

    def start(self, meter_provider: MeterProvider) -> None:
        """Create the instruments.

        The base class's ``instrument`` would fix the HTTP semantic conventions for the whole
        process, which is for the web frameworks to choose.
        """
        self._instrument(meter_provider=meter_provider)
        if _is_chosen(SYSTEM_FILESYSTEM_UTILIZATION):
            observe_filesystems(create_meter(meter_provider), lambda: self.active)
        # As with the process: without a first reading, the first collection would be all zeros.
        psutil.cpu_times_percent(percpu=True)
        self._proc.cpu_percent()


_collecting: ProcessState[_SystemInstrumentor | None] = ProcessState(None)


def instrument_system(meter_provider: MeterProvider) -> None:
    """Collect process and host metrics; a second call starts afresh.

    Does nothing where the application runs upstream's instrumentation already.

    Args:
        meter_provider: Where the metrics go.
    """
    uninstrument_system()
    if _is_upstream_active():
        _logger.info("otelml: system metrics are collected by the application already")
        return
    with _guard.guarded("system metrics"):
        instrumentor = _SystemInstrumentor()
        _collecting.value = instrumentor
        instrumentor.start(meter_provider)


def uninstrument_system() -> None:
    """Collect nothing more; without :func:`instrument_system` do nothing."""
    current = _collecting.exchange(None)
    if current is not None:
        current.active = False


def _is_upstream_active() -> bool:
    upstream: Any = SystemMetricsInstrumentor
    instance = upstream.__dict__.get("_instance")
    return instance is not None and bool(instance.is_instrumented_by_opentelemetry)


def is_instrumented() -> bool:
    """Whether process and host metrics are being collected by us."""
    return _collecting.value is not None
