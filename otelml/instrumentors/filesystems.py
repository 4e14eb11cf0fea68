"""How full the file systems are, read so that one which hangs holds up nothing.

Asking a file system for its size may take for ever, where its disk or server is gone. So a thread
asks, a collection waits for it for a moment only, and what a thread hangs on is left to that
thread: the next one asks the others.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, NamedTuple

import psutil
from opentelemetry.metrics import CallbackOptions, Meter, Observation
from opentelemetry.semconv._incubating.attributes.system_attributes import (
    SYSTEM_DEVICE,
    SYSTEM_FILESYSTEM_MODE,
    SYSTEM_FILESYSTEM_MOUNTPOINT,
    SYSTEM_FILESYSTEM_TYPE,
)
from opentelemetry.semconv._incubating.metrics.system_metrics import SYSTEM_FILESYSTEM_UTILIZATION

from otelml import _guard, _threads

__all__ = ["SYSTEM_FILESYSTEM_UTILIZATION", "FileSystems", "Mount", "mounts", "observe_filesystems"]

_MOST: Final = 32
_MOST_PLACES: Final = 256
_MOST_HANGING: Final = 8
_WAIT_S: Final = 0.1
# Always full, as nothing can be written to them.
_IMAGES: Final = frozenset({"squashfs", "iso9660", "udf", "cramfs", "erofs", "romfs"})
# Memory; a root of any other kind is where a container writes to.
_MEMORY: Final = frozenset({"tmpfs", "ramfs", "rootfs"})


class Mount(NamedTuple):
    """A mounted file system.

    Args:
        mountpoint: Where it is mounted.
        device: What is.
        kind: Its type, such as ``ext4``.
        mode: ``rw`` or ``ro``.
    """

    mountpoint: str
    device: str
    kind: str
    mode: str

    def attributes(self) -> dict[str, str]:
        """Return the attributes of its measurements."""
        return {
            SYSTEM_DEVICE: self.device,
            SYSTEM_FILESYSTEM_MOUNTPOINT: self.mountpoint,
            SYSTEM_FILESYSTEM_TYPE: self.kind,
            SYSTEM_FILESYSTEM_MODE: self.mode,
        }


def mounts() -> list[Mount]:
    """Return where file systems on disks are mounted, the root first, then shorter paths first.

    Those of the kernel, of memory, of a network and read-only images are left out. What is
    mounted is looked up, and no file system asked. A device may be mounted in many places, as
    those of a host are in a container.
    """
    own = [p for p in psutil.disk_partitions(all=False) if p.fstype not in _IMAGES]
    root = [
        p
        for p in psutil.disk_partitions(all=True)
        if p.mountpoint == os.sep and p.fstype not in _MEMORY
    ]
    parts = [*root[-1:], *sorted(own, key=lambda p: (len(p.mountpoint), p.mountpoint))]
    found = [
        Mount(p.mountpoint, p.device, p.fstype, "ro" if "ro" in p.opts.split(",") else "rw")
        for p in parts
    ]
    return list(dict.fromkeys(found))[:_MOST_PLACES]


def _share(mountpoint: str) -> float | None:
    """Return the used share of a file system, as ``df`` has it; None where there is no telling."""
    try:
        if not Path(mountpoint).is_dir():
            return None  # a file of the host's, mounted into a container
        usage = psutil.disk_usage(mountpoint)
    except (OSError, psutil.Error):
        return None
    size = usage.used + usage.free
    return usage.used / size if size > 0 else None


class _Round:
    """One thread that asks each file system in turn.

    Args:
        hanging: Mount points to leave out.
    """

    def __init__(self, hanging: Iterable[str]) -> None:
        self._hanging = frozenset(hanging)
        self.asked = ""  # the mount point that it waits for
        self.found: dict[Mount, float] = {}
        self.done = _threads.Event()

    def start(self) -> bool:
        """Start it; return whether a thread could be started."""
        try:
            _threads.Thread(self._run, name="otelml-filesystems").start()
        except RuntimeError:
            return False
        return True

    def _run(self) -> None:
        _guard.call("system metrics", self._ask)
        self.done.set()

    def _ask(self) -> None:
        devices: set[str] = set()
        for mount in mounts():
            if mount.mountpoint in self._hanging or mount.device in devices:
                continue
            if len(devices) >= _MOST:
                break
            self.asked = mount.mountpoint
            share = _share(mount.mountpoint)
            if share is not None:
                self.found[mount] = share
                devices.add(mount.device)
        self.asked = ""


class FileSystems:
    """The file systems of this machine; for one caller at a time.

    Args:
        wait_s: Seconds that :meth:`read` takes at most.
    """

    def __init__(self, wait_s: float = _WAIT_S) -> None:
        self._wait_s = wait_s
        self._forget()

    def _forget(self) -> None:
        self._pid = os.getpid()
        self._last: _Round | None = None
        self._hanging: dict[str, _Round] = {}

    def read(self) -> list[tuple[Mount, float]]:
        """Return the used share, 0 to 1, of each file system that has answered in time."""
        if self._pid != os.getpid():
            self._forget()  # the parent's threads are not here
        self._hanging = {at: one for at, one in self._hanging.items() if not one.done.is_set()}
        last = self._last
        if last is not None and not last.done.is_set() and not self._leave(last):
            return []
        current = _Round(self._hanging)
        if not current.start():
            return []
        self._last = current
        if _threads.is_cooperative():  # to wait would stop every request: the round before
            return list(last.found.items()) if last is not None else []
        current.done.wait(self._wait_s)
        return list(current.found.copy().items())

    def _leave(self, last: _Round) -> bool:
        """Leave a round to what it hangs on; return whether another one makes sense."""
        asked = last.asked
        if not asked or len(self._hanging) >= _MOST_HANGING:
            return False
        self._hanging[asked] = last
        return True


def observe_filesystems(meter: Meter, is_active: Callable[[], bool]) -> None:
    """Make the instrument.

    Args:
        meter: Of whom it is.
        is_active: Whether it still reports.
    """
    systems = FileSystems()

    def read(_: CallbackOptions) -> list[Observation]:
        found = (_guard.call("system metrics", systems.read) or []) if is_active() else []
        return [Observation(share, mount.attributes()) for mount, share in found]

    meter.create_observable_gauge(
        SYSTEM_FILESYSTEM_UTILIZATION, [read], "1", "The fraction of filesystem bytes used."
    )
