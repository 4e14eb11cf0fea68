"""Backends that outlive the Collectors of the tests before them."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from engines.launch import COLLECTOR_BASE
from engines.process import wait_until_free
from engines.stack import Stack
from engines.table import TABLE, Ports
from tests.acceptance._stores import Stores

COLLECTOR = Path(__file__).resolve().parents[2] / "collector"
# Logs go to Loki where nothing is laid over this.
TO_LOKI = (COLLECTOR / "config.yaml",)
BACKENDS = ("prometheus", "jaeger", "victorialogs")


@dataclass
class Site:
    """The backends of one file's tests, and Collectors before them, one at a time.

    Args:
        backends: Prometheus, Jaeger and VictoriaLogs.
        folder: Where Collectors keep what they write.
    """

    backends: Stack
    folder: object

    @contextmanager
    def collector(
        self,
        name: str,
        *,
        overlay: dict | None = None,
        base: tuple[Path, ...] = COLLECTOR_BASE,
        **environment: str,
    ):
        """Run a Collector with an overlay over its configuration, and more environment."""
        data = self.folder / name
        data.mkdir()
        configs = ()
        if overlay:
            path = data / "overlay.yaml"
            path.write_text(yaml.safe_dump(overlay))
            configs = (path,)
        with Stack(
            data,
            self.backends.ports,
            engines=("collector",),
            environment={"collector": environment},
            collector_configs=configs,
            collector_base=base,
        ) as stack:
            yield stack

    @property
    def stores(self) -> Stores:
        """Questions to the backends and to whichever Collector runs."""
        return Stores(self.backends)


def _ports_below_ephemeral() -> Ports:
    """Return ports that no connection of anybody's takes while an engine is down."""
    names = [f"{engine.name}.{port}" for engine in TABLE.values() for port in engine.ports]
    for first in range(25000, 26900, len(names)):
        overrides = {name: first + number for number, name in enumerate(names)}
        if not wait_until_free(list(overrides.values()), 0):
            return Ports(overrides=overrides)
    pytest.fail("no free ports for the stack")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Three backends without a Collector; each test starts its own."""
    folder = tmp_path_factory.mktemp("faults")
    ports = _ports_below_ephemeral()
    with Stack(folder / "backends", ports, engines=BACKENDS) as backends:
        yield Site(backends, folder)
