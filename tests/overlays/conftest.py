"""The stores of the overlays' tests, and Collectors of their own before them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from engines.process import wait_until_free
from engines.stack import Stack
from engines.table import TABLE, Ports

COLLECTOR = Path(__file__).resolve().parents[2] / "collector"
BACKENDS = ("prometheus", "jaeger", "victorialogs")
REMOTE_WRITE = ["--web.enable-remote-write-receiver"]
_given: set[int] = set()


def until(question, timeout_s: float = 90.0, every_s: float = 0.2):
    """Ask until the answer is true; return the last answer either way."""
    deadline = time.monotonic() + timeout_s
    while not (answer := question()) and time.monotonic() < deadline:
        time.sleep(every_s)
    return answer


def free_ports(count: int) -> list[int]:
    """Return ports in a row that nothing listens on, below those that clients are given."""
    for first in range(31000, 32750 - count, 11):
        ports = list(range(first, first + count))
        if not _given & set(ports) and not wait_until_free(ports, 0):
            _given.update(ports)
            return ports
    return pytest.fail("no free ports")


def own_ports(*engines: str, others: Ports | None = None) -> Ports:
    """Return ports for some engines, and for the rest those of others."""
    names = [f"{engine}.{port}" for engine in engines for port in TABLE[engine].ports]
    chosen = dict(zip(names, free_ports(len(names)), strict=True))
    return Ports(overrides=(others.overrides if others else {}) | chosen)


class Site:
    """The stores, and Collectors before them, each with ports of its own.

    Args:
        folder: Where Collectors keep what they write.
        backends: Prometheus, Jaeger and VictoriaLogs.
    """

    def __init__(self, folder: Path, backends: Stack) -> None:
        self.folder = folder
        self.backends = backends

    def collector(
        self, name: str, *overlays: Path | str, ports: Ports | None = None, **environment: str
    ) -> Stack:
        """Return a Collector of these overlays, not started; the same name has the same data.

        Args:
            name: Of its folder.
            overlays: Files under ``collector/``, or paths.
            ports: Its own by default.
            environment: Further environment.
        """
        return Stack(
            self.folder / name,
            ports or own_ports("collector", others=self.backends.ports),
            engines=("collector",),
            environment={"collector": environment},
            collector_configs=tuple(COLLECTOR / overlay for overlay in overlays),
        )

    def overlay(self, name: str, text: str) -> Path:
        """Write an overlay of the test's own; return its path."""
        path = self.folder / f"{name}.yaml"
        path.write_text(text)
        return path


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """Three stores; each test starts its own Collectors."""
    folder = tmp_path_factory.mktemp("overlays")
    flags = {"prometheus": REMOTE_WRITE}
    ports = own_ports(*BACKENDS)
    with Stack(folder / "backends", ports, engines=BACKENDS, flags=flags) as backends:
        yield Site(folder, backends)
