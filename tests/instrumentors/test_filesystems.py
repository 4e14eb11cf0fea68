"""How full file systems are, and that one which hangs holds up nothing."""

from __future__ import annotations

import os
import shutil
import threading
import time
from types import SimpleNamespace

import psutil
import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from otelml import _guard, _threads
from otelml.instrumentors import filesystems
from otelml.instrumentors.filesystems import FileSystems, mounts
from otelml.instrumentors.system import instrument_system, uninstrument_system


def part(mountpoint, device, kind="ext4", opts="rw,relatime"):
    return SimpleNamespace(mountpoint=str(mountpoint), device=device, fstype=kind, opts=opts)


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine with disks a, b and c, whose file systems can hang; and what is special of it."""
    made = SimpleNamespace(hangs={}, asked=[], disks=[], root=None)
    for name in "abc":
        folder = tmp_path / name
        folder.mkdir()
        made.disks.append(part(folder, f"/dev/{name}"))
    made.places = [disk.mountpoint for disk in made.disks]
    pseudo = [part("/proc", "proc", "proc"), part("/mnt/far", "server:/", "nfs4")]

    def disk_partitions(all=False):  # noqa: A002 - psutil's name
        root = [made.root] if made.root is not None else []
        return [*root, *pseudo, *made.disks] if all else list(made.disks)

    def disk_usage(path):
        made.asked.append(path)
        if path in made.hangs:
            made.hangs[path].wait(20)
        used = 25 if path == made.places[0] else 50
        return SimpleNamespace(total=110, used=used, free=100 - used)

    monkeypatch.setattr(psutil, "disk_partitions", disk_partitions)
    monkeypatch.setattr(psutil, "disk_usage", disk_usage)
    yield made
    for event in made.hangs.values():
        event.set()


def read(systems):
    return {mount.mountpoint: share for mount, share in systems.read()}


def test_it_is_what_df_says():
    """A real reading of this machine: shares of 0 to 1, of folders that exist."""
    found = FileSystems(wait_s=5).read()
    assert found
    for mount, share in found:
        usage = shutil.disk_usage(mount.mountpoint)
        assert 0 <= share <= 1
        assert share == pytest.approx(usage.used / (usage.used + usage.free), abs=0.02)


def test_each_disk(machine):
    """Its used share, and what it is."""
    machine.disks[1].opts = "ro,relatime"
    found = FileSystems(wait_s=5).read()
    assert [share for _, share in found] == [0.25, 0.5, 0.5]
    (first, _), (second, _), _ = found
    assert first.attributes() == {
        "system.device": "/dev/a",
        "system.filesystem.mountpoint": machine.places[0],
        "system.filesystem.type": "ext4",
        "system.filesystem.mode": "rw",
    }
    assert second.attributes()["system.filesystem.mode"] == "ro"


def test_what_is_left_out(machine, tmp_path):
    """Kernel, memory, network and read-only images; a file; a device that is there already."""
    (tmp_path / "hosts").write_text("")
    machine.root = part(os.sep, "overlay", "overlay")
    machine.disks += [
        part("/snap/core", "/dev/loop0", "squashfs"),
        part(tmp_path / "hosts", "/dev/vda1"),
        part(tmp_path / "a" / "volume", "/dev/a"),
        part(tmp_path / "gone", "/dev/gone"),
    ]
    assert set(read(FileSystems(wait_s=5))) == {os.sep, *machine.places}
    machine.root = part(os.sep, "tmpfs", "tmpfs")
    assert set(read(FileSystems(wait_s=5))) == set(machine.places)


def test_a_device_of_which_a_file_is_mounted_too(machine, tmp_path):
    """In a container the first mount point of a disk may be a file; a folder of it counts."""
    (tmp_path / "h").write_text("")
    (tmp_path / "volume").mkdir()
    machine.disks += [part(tmp_path / "h", "/dev/v"), part(tmp_path / "volume", "/dev/v")]
    assert str(tmp_path / "volume") in read(FileSystems(wait_s=5))


def test_there_are_few(machine, tmp_path):
    """However many are mounted."""
    for number in range(1000):
        folder = tmp_path / f"many{number}"
        folder.mkdir()
        machine.disks.append(part(folder, f"/dev/many{number}"))
    assert len(FileSystems(wait_s=5).read()) == 32
    assert len(mounts()) == 256


def test_one_that_hangs_holds_up_nothing(machine):
    """A collection waits for a moment, once; the others are reported; it comes back."""
    held = machine.hangs[machine.places[1]] = threading.Event()
    systems = FileSystems(wait_s=0.2)
    began = time.monotonic()
    assert set(read(systems)) == {machine.places[0]}
    assert time.monotonic() - began < 15
    for _ in range(5):
        assert set(read(systems)) == {machine.places[0], machine.places[2]}
    assert machine.asked.count(machine.places[1]) == 1
    held.set()
    deadline = time.monotonic() + 10
    while set(read(systems)) != set(machine.places):
        assert time.monotonic() < deadline


def test_threads_that_hang_are_few(machine, monkeypatch):
    """Where everything hangs, no more threads are started, and nothing is waited for."""
    monkeypatch.setattr(filesystems, "_MOST_HANGING", 2)
    machine.hangs.update({place: threading.Event() for place in machine.places})
    systems = FileSystems(wait_s=0.05)
    for _ in range(3):
        assert read(systems) == {}
    assert len(machine.asked) == 3
    began = time.monotonic()
    for _ in range(20):
        assert read(systems) == {}
    assert time.monotonic() - began < 15
    assert len(machine.asked) == 3


def test_a_table_of_mounts_that_hangs(machine, monkeypatch):
    """To look up what is mounted is the thread's business too."""
    held = threading.Event()
    calls = []
    monkeypatch.setattr(psutil, "disk_partitions", lambda **_: calls.append(1) or held.wait(20))
    systems = FileSystems(wait_s=0.05)
    began = time.monotonic()
    assert [systems.read() for _ in range(5)] == [[]] * 5
    assert time.monotonic() - began < 15
    held.set()
    assert calls == [1]


def test_on_a_cooperative_loop_nothing_waits(machine, monkeypatch):
    """There a collection reports what the one before has found out."""
    monkeypatch.setattr(_threads, "is_cooperative", lambda: True)
    machine.hangs[machine.places[0]] = threading.Event()
    systems = FileSystems(wait_s=20)
    began = time.monotonic()
    assert systems.read() == []
    machine.hangs[machine.places[0]].set()
    while not (found := read(systems)):
        time.sleep(0.01)
    assert time.monotonic() - began < 10
    assert set(found) == set(machine.places)


@pytest.mark.parametrize("error", [PermissionError, FileNotFoundError, psutil.AccessDenied])
def test_one_that_refuses_is_left_out(machine, monkeypatch, error):
    """The others are reported, and it is no error of ours."""
    usage = psutil.disk_usage

    def refuse(path):
        if path == machine.places[0]:
            raise error
        return usage(path)

    monkeypatch.setattr(psutil, "disk_usage", refuse)
    assert set(read(FileSystems(wait_s=5))) == set(machine.places[1:])
    assert _guard.errors == {}


def test_a_forked_child_asks_for_itself(machine):
    """What a thread of the parent hangs on is nothing to the child."""
    machine.hangs[machine.places[0]] = threading.Event()
    systems = FileSystems(wait_s=0.1)
    assert read(systems) == {}
    pid = os.fork()
    if pid == 0:
        machine.hangs.clear()
        os._exit(len(read(systems)))
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 3


def test_no_thread_before_a_fork(machine, monkeypatch):
    """Where none may be started, nothing is reported."""
    monkeypatch.setattr(_threads, "_held", [lambda: True])
    assert FileSystems().read() == []


@pytest.mark.parametrize("excluded", [False, True])
def test_a_collection_has_it(machine, monkeypatch, excluded):
    """Unless it is excluded by upstream's variable; and no more once it is uninstrumented."""
    if excluded:
        name = "OTEL_PYTHON_SYSTEM_METRICS_EXCLUDED_METRICS"
        monkeypatch.setenv(name, "system.file*")
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)

    def collect():
        data = reader.get_metrics_data()
        return [
            (metric.unit, len(metric.data.data_points))
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == "system.filesystem.utilization"
        ]

    instrument_system(provider)
    assert collect() == ([] if excluded else [("1", 3)])
    uninstrument_system()
    assert collect() == []
    provider.shutdown()
