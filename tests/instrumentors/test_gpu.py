# ruff: noqa: N802 - the names are NVML's
"""GPU metrics against a made-up NVML: values, parts, what is denied, what hangs, what is lost."""

from __future__ import annotations

import logging
import os
import sys
import threading
from types import ModuleType, SimpleNamespace

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from otelml import _guard
from otelml.instrumentors import gpu
from otelml.instrumentors.gpu import Gpus
from otelml.instrumentors.system import instrument_system, uninstrument_system

GIB = 2**30


class Nvml(ModuleType):
    """A driver with devices, each a namespace of answers; an answer may be an error to raise."""

    class NVMLError(Exception):
        """What NVML raises."""

    NVML_TEMPERATURE_GPU = 0

    def __init__(self, *devices):
        super().__init__("pynvml")
        self.devices = list(devices)
        self.down = False
        self.calls = []
        self.opened = 0
        self.gate = threading.Event()
        self.gate.set()

    def nvmlInit(self):
        self.gate.wait(30)
        if self.down:
            raise self.NVMLError("Driver Not Loaded")
        self.opened += 1

    def nvmlShutdown(self):
        self.calls.append("shutdown")

    def nvmlDeviceGetCount(self):
        if self.down:
            raise self.NVMLError("GPU is lost")
        return len(self.devices)

    def nvmlDeviceGetHandleByIndex(self, index):
        return self.devices[index]

    def _answer(self, handle, name):
        value = getattr(handle, name, self.NVMLError("Not Supported"))
        if isinstance(value, Exception):
            raise value
        return value

    def __getattr__(self, name):
        fields = {
            "nvmlDeviceGetUUID": "uuid", "nvmlDeviceGetName": "name",
            "nvmlDeviceGetUtilizationRates": "load", "nvmlDeviceGetMemoryInfo": "memory",
            "nvmlDeviceGetPowerUsage": "power", "nvmlDeviceGetTotalEnergyConsumption": "energy",
            "nvmlDeviceGetComputeRunningProcesses": "processes",
        }  # fmt: skip
        if name in fields:
            return lambda handle: self._answer(handle, fields[name])
        if name == "nvmlDeviceGetTemperature":
            return lambda handle, _: self._answer(handle, "heat")
        if name == "nvmlDeviceGetMaxMigDeviceCount":
            return lambda handle: len(self._answer(handle, "parts"))
        if name == "nvmlDeviceGetMigDeviceHandleByIndex":
            return lambda handle, index: self._answer(handle, "parts")[index]
        raise AttributeError(name)


def _device(uuid="GPU-1", **answers):
    usual = {
        "name": "H100", "load": SimpleNamespace(gpu=40, memory=9),
        "memory": SimpleNamespace(total=80 * GIB, used=20 * GIB), "power": 310_500,
        "energy": 12_000, "heat": 61,
        "processes": [SimpleNamespace(pid=os.getpid(), usedGpuMemory=3 * GIB),
                      SimpleNamespace(pid=1, usedGpuMemory=9 * GIB),
                      SimpleNamespace(pid=os.getpid(), usedGpuMemory=None)],
    }  # fmt: skip
    return SimpleNamespace(uuid=uuid, **{**usual, **answers})


@pytest.fixture
def driver(monkeypatch):
    """A function that puts a driver with the given devices in place."""

    def install(*devices):
        nvml = Nvml(*devices)
        monkeypatch.setitem(sys.modules, "pynvml", nvml)
        return nvml

    return install


@pytest.fixture
def clock(monkeypatch):
    """The clock of the reader, which a test moves."""
    now = [1000.0]
    monkeypatch.setattr(gpu, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def _read(gpus):
    return {(p.metric, p.attributes["hw.id"]): p.value for p in gpus.read()}


def test_what_is_sent(driver):
    """Through ``init``: names, units and attributes of the conventions, for each device."""
    driver(_device(), _device(b"GPU-2", name=b"H100", heat=Nvml.NVMLError("No Permission")))
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    instrument_system(provider)
    try:
        data = reader.get_metrics_data().resource_metrics[0].scope_metrics
        found = {
            metric.name: {
                p.attributes.get("hw.id"): (p.value, dict(p.attributes))
                for p in metric.data.data_points
            }
            for scope in data
            for metric in scope.metrics
        }
    finally:
        uninstrument_system()
        provider.shutdown()
    one = {"hw.id": "GPU-1", "hw.name": "H100"}
    assert found["hw.gpu.utilization"]["GPU-1"] == (0.4, {**one, "hw.gpu.task": "general"})
    assert found["hw.gpu.memory.usage"]["GPU-1"] == (20 * GIB, one)
    assert found["hw.gpu.memory.limit"]["GPU-1"] == (80 * GIB, one)
    assert found["hw.gpu.memory.utilization"]["GPU-1"] == (0.25, one)
    assert found["hw.power"]["GPU-1"] == (310.5, {**one, "hw.type": "gpu"})
    assert found["hw.energy"]["GPU-1"] == (12.0, {**one, "hw.type": "gpu"})
    assert found["hw.temperature"] == {"GPU-1": (61.0, {**one, "hw.type": "gpu"})}
    assert found["process.gpu.memory.usage"]["GPU-1"] == (3 * GIB, one)
    assert set(found["hw.gpu.utilization"]) == {"GPU-1", "GPU-2"}
    assert dict(_guard.errors) == {}


def test_parts_of_a_device(driver):
    """With MIG the device has no load, and each part its memory."""
    part = SimpleNamespace(
        uuid="MIG-1", name="H100 1g.10gb", memory=SimpleNamespace(total=10 * GIB, used=GIB)
    )
    driver(_device(load=Nvml.NVMLError("Not Supported"), parts=[part]))
    points = Gpus().read()
    assert "hw.gpu.utilization" not in {p.metric for p in points}
    (used,) = [
        p for p in points
        if p.metric == "hw.gpu.memory.utilization" and p.attributes["hw.id"] == "MIG-1"
    ]  # fmt: skip
    assert used.value == 0.1
    assert used.attributes["hw.parent"] == "GPU-1"


@pytest.mark.parametrize("reason", ["no driver", "no module"])
def test_a_machine_without_a_gpu_says_so_once(driver, monkeypatch, clock, caplog, reason):
    """At DEBUG; it is not asked again."""
    nvml = driver()
    nvml.down = True
    if reason == "no module":
        monkeypatch.setitem(sys.modules, "pynvml", None)
    caplog.set_level(logging.DEBUG, "otelml")
    gpus = Gpus()
    for _ in range(3):
        assert gpus.read() == []
        clock[0] += 1000
    nvml.down = False
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    nvml.devices = [_device()]
    assert gpus.read() == []
    said = [r for r in caplog.records if "GPU metrics" in r.getMessage()]
    assert [r.levelno for r in said] == [logging.DEBUG]
    assert dict(_guard.errors) == {}


def test_a_driver_that_hangs_holds_up_nothing(driver, clock):
    """No second thread asks meanwhile; afterwards there are values again."""
    nvml = driver(_device())
    nvml.gate.clear()
    gpus = Gpus(wait_s=0.01)
    before = threading.active_count()
    for _ in range(5):
        assert gpus.read() == []
        clock[0] += 10
    assert nvml.opened == 0
    assert threading.active_count() <= before + 1
    done = gpus._asking
    nvml.gate.set()
    assert done.wait(30)
    assert _read(gpus)[("hw.gpu.utilization", "GPU-1")] == 0.4


def test_values_of_a_driver_that_hangs_grow_old(driver, clock):
    """What was read two minutes ago is not told as if it were so now."""
    nvml = driver(_device())
    gpus = Gpus()
    assert gpus.read()
    release = threading.Event()
    nvml.nvmlDeviceGetCount = lambda: release.wait(30) and 0
    gpus._wait_s = 0.01
    clock[0] += 60
    assert gpus.read()
    clock[0] += 100
    assert gpus.read() == []
    release.set()
    assert gpus._asking.wait(30)


def test_a_lost_driver_is_asked_again(driver, clock):
    """After a minute, from the beginning."""
    nvml = driver(_device())
    gpus = Gpus()
    assert _read(gpus)[("hw.temperature", "GPU-1")] == 61
    nvml.down = True
    clock[0] += 1
    assert gpus.read() == []
    assert nvml.calls == ["shutdown"]
    nvml.down = False
    clock[0] += 1
    assert gpus.read() == []
    clock[0] += 60
    assert _read(gpus)[("hw.temperature", "GPU-1")] == 61
    assert nvml.opened == 2


def test_one_lost_device_leaves_the_others(driver):
    """Each answers for itself."""
    driver(_device(uuid=Nvml.NVMLError("GPU is lost")), _device("GPU-2"))
    assert {key for _, key in _read(Gpus())} == {"GPU-2"}


def test_one_round_serves_a_collection(driver, clock):
    """Eight instruments ask, the driver is asked once."""
    nvml = driver(_device())
    gpus = Gpus()
    counted = []
    real = nvml.nvmlDeviceGetCount
    nvml.nvmlDeviceGetCount = lambda: counted.append(1) or real()
    for _ in range(8):
        assert gpus.read()
        clock[0] += 0.01
    assert len(counted) == 1


def test_a_forked_child_opens_its_own(driver, monkeypatch):
    """The parent's connection and thread are not in the child."""
    nvml = driver(_device())
    gpus = Gpus()
    assert gpus.read()
    assert nvml.opened == 1
    pid = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: pid + 1)
    assert gpus.read()
    assert nvml.opened == 2
