"""NVIDIA's GPUs by NVML: load, memory, power and heat of each, and the memory of this process.

A driver that hangs holds up nothing: a thread asks it, a collection waits for that thread for a
moment only, and no second one starts while the first hangs. Values are those of the round before
where a driver is slow. Whatever a device, its driver or a missing right denies is left out, and a
driver that was lost is asked again later. NVML is of no use before the first collection, and is
not imported before it.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, NamedTuple

from opentelemetry.metrics import Meter

from otelml import _guard, _threads, semconv_host
from otelml._metric import Metric
from otelml._metrics import observe

__all__ = ["Gpus", "Point", "is_nvml_installed", "observe_gpus"]

_logger = logging.getLogger("otelml")
_WAIT_S: Final = 0.25
_FRESH_S: Final = 0.5  # one round serves all instruments of a collection
_STALE_S: Final = 120.0
_RETRY_S: Final = 60.0
_MOST: Final = 64  # devices, and parts of them
_MILLI: Final = 1000.0


class Point(NamedTuple):
    """One measurement.

    Args:
        metric: Name of the metric.
        value: In its unit.
        attributes: Which device.
    """

    metric: str
    value: float
    attributes: dict[str, str]


class Gpus:
    """The GPUs of this machine; for one caller at a time.

    Args:
        wait_s: Seconds that :meth:`read` takes at most.
    """

    def __init__(self, wait_s: float = _WAIT_S) -> None:
        self._wait_s = wait_s
        self._forget()

    def _forget(self) -> None:
        self._pid = os.getpid()
        self._asking: _threads.Event | None = None
        self._points: list[Point] = []
        self._read_at = float("-inf")
        self._next_at = float("-inf")
        self._is_open = False
        self._had_devices = False
        self._reported = False

    def read(self) -> list[Point]:
        """Return what the devices answered, at most two minutes ago; empty where there are none."""
        if self._pid != os.getpid():
            self._forget()  # neither the parent's thread nor its connection are here
        now = time.monotonic()
        idle = self._asking is None or self._asking.is_set()
        if idle and now - self._read_at > _FRESH_S and now >= self._next_at:
            self._start()
        return self._points if time.monotonic() - self._read_at < _STALE_S else []

    def _start(self) -> None:
        done = self._asking = _threads.Event()
        try:
            _threads.Thread(self._run, (done,), name="otelml-gpu").start()
        except RuntimeError:
            self._asking = None
            return
        if not _threads.is_cooperative():  # to wait would stop every request: the round before
            done.wait(self._wait_s)

    def _run(self, done: _threads.Event) -> None:
        try:
            points = _guard.call("gpu metrics", self._ask)
            self._points = points or []
            self._read_at = time.monotonic()
        finally:
            done.set()

    def _ask(self) -> list[Point]:
        try:
            nvml = importlib.import_module("pynvml")
        except ImportError as error:
            return self._nothing(error)
        try:
            if not self._is_open:
                nvml.nvmlInit()
                self._is_open = True
            count = nvml.nvmlDeviceGetCount()
        except nvml.NVMLError as error:
            self._close(nvml)
            return self._nothing(error)
        points: list[Point] = []
        lost = False
        for index in range(min(count, _MOST)):
            found = self._of(nvml, index)
            points += found or ()
            lost = lost or found is None
        self._had_devices = self._had_devices or bool(points)
        if lost:
            self._close(nvml)  # the next round opens it anew, as a reset device needs
        return points

    def _of(self, nvml: Any, index: int) -> list[Point] | None:
        """Return what a device answers; None where it is lost."""
        try:
            return list(_device(nvml, nvml.nvmlDeviceGetHandleByIndex(index)))
        except nvml.NVMLError as error:
            self._report(error)
            return None

    def _nothing(self, error: Exception) -> list[Point]:
        self._report(error)
        # A driver that was there may come back; one that never was is not asked again.
        self._next_at = time.monotonic() + _RETRY_S if self._had_devices else float("inf")
        return []

    def _close(self, nvml: Any) -> None:
        if self._is_open:
            self._is_open = False
            _guard.quietly(nvml.nvmlShutdown)

    def _report(self, error: Exception) -> None:
        if not self._reported:
            _logger.debug("otelml: GPU metrics are not available here: %s", error)
        self._reported = True


def _device(nvml: Any, handle: Any) -> Iterator[Point]:
    """Yield what a device answers; raise where it does not say which one it is."""
    own = {
        semconv_host.HW_ID: _text(nvml.nvmlDeviceGetUUID(handle)),
        semconv_host.HW_NAME: _text(nvml.nvmlDeviceGetName(handle)),
    }
    answer = _Answers(nvml, handle)
    load = answer("nvmlDeviceGetUtilizationRates")
    if load is not None:
        task = {semconv_host.HW_GPU_TASK: "general"}
        yield Point(semconv_host.GPU_UTILIZATION, load.gpu / 100, {**own, **task})
    yield from _memory(answer, own)
    typed = {**own, semconv_host.HW_TYPE: "gpu"}
    for name, call, scale in (
        (semconv_host.HW_POWER, "nvmlDeviceGetPowerUsage", _MILLI),
        (semconv_host.HW_ENERGY, "nvmlDeviceGetTotalEnergyConsumption", _MILLI),
    ):
        value = answer(call)
        if value is not None:
            yield Point(name, value / scale, typed)
    heat = answer("nvmlDeviceGetTemperature", getattr(nvml, "NVML_TEMPERATURE_GPU", 0))
    if heat is not None:
        yield Point(semconv_host.HW_TEMPERATURE, float(heat), typed)
    for index in range(min(answer("nvmlDeviceGetMaxMigDeviceCount") or 0, _MOST)):
        part = answer("nvmlDeviceGetMigDeviceHandleByIndex", index)
        if part is not None:
            yield from _part(nvml, part, own)


def _part(nvml: Any, handle: Any, of: dict[str, str]) -> Iterator[Point]:
    """Yield what a part of a device (MIG) answers: its memory; it has no load of its own."""
    answer = _Answers(nvml, handle)
    uuid = answer("nvmlDeviceGetUUID")
    if uuid is not None:
        name = _text(answer("nvmlDeviceGetName") or of[semconv_host.HW_NAME])
        own = {semconv_host.HW_ID: _text(uuid), semconv_host.HW_NAME: name}
        yield from _memory(answer, {**own, semconv_host.HW_PARENT: of[semconv_host.HW_ID]})


def _memory(answer: _Answers, own: dict[str, str]) -> Iterator[Point]:
    memory = answer("nvmlDeviceGetMemoryInfo")
    if memory is not None and memory.total:
        yield Point(semconv_host.GPU_MEMORY_USAGE, memory.used, own)
        yield Point(semconv_host.GPU_MEMORY_LIMIT, memory.total, own)
        yield Point(semconv_host.GPU_MEMORY_UTILIZATION, memory.used / memory.total, own)
    used = [
        process.usedGpuMemory
        for process in answer("nvmlDeviceGetComputeRunningProcesses") or ()
        if process.pid in _own_pids() and process.usedGpuMemory is not None
    ]
    if used:
        yield Point(semconv_host.PROCESS_GPU_MEMORY, sum(used), own)


class _Answers:
    """Asks one device; what it denies is None.

    Args:
        nvml: The module.
        handle: Of the device.
    """

    def __init__(self, nvml: Any, handle: Any) -> None:
        self._nvml = nvml
        self._handle = handle

    def __call__(self, name: str, *args: Any) -> Any:
        """Return what a function answers; None where the driver has none or denies it."""
        function = getattr(self._nvml, name, None)
        if function is None:
            return None
        try:
            return function(self._handle, *args)
        except self._nvml.NVMLError:
            return None


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _own_pids() -> frozenset[int]:
    """Return this process's id, and those in outer namespaces as far as they can be seen."""
    try:
        status = Path("/proc/self/status").read_text("utf-8")
    except OSError:
        status = ""
    line = next((line for line in status.splitlines() if line.startswith("NSpid:")), "")
    return frozenset((os.getpid(), *map(int, line.split()[1:])))


def is_nvml_installed() -> bool:
    """Whether the extra ``gpu`` is there."""
    return "pynvml" in sys.modules or _guard.quietly(find_spec, "pynvml") is not None


def observe_gpus(
    meter: Meter, is_active: Callable[[], bool], is_chosen: Callable[[str], bool]
) -> None:
    """Make the instruments.

    Args:
        meter: Of whom they are.
        is_active: Whether they still report.
        is_chosen: Whether a metric is wanted, by its name.
    """
    gpus = Gpus()

    def source(metric: Metric) -> Callable[[], list[tuple[float, dict[str, Any]]]]:
        def points() -> list[tuple[float, dict[str, Any]]]:
            found = gpus.read() if is_active() else []
            return [(p.value, dict(p.attributes)) for p in found if p.metric == metric.name]

        return points

    for metric in semconv_host.GPU_METRICS:
        if is_chosen(metric.name):
            observe(meter, metric, source(metric))
