"""The whole stack and the demo service, once, with everything sent and flushed."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from demo_service import artifact, train
from engines.process import wait_until_free
from engines.secrets import make
from engines.stack import Stack
from engines.table import TABLE, Ports
from tests._access import logged_in
from tests.acceptance._service import DemoService, Exchange
from tests.acceptance._stores import Stores, eventually


@dataclass
class Run:
    """What was sent, and where it went.

    Args:
        cases: The named requests.
        sent: Every request.
        stores: The stores.
        exit_code: Of the service.
    """

    cases: dict[str, Exchange]
    sent: list[Exchange]
    stores: Stores
    exit_code: int


def free_ports(first: int) -> Ports:
    """Return ports that nothing listens on, at this offset or a little more."""
    for offset in range(first, first + 1000, 97):
        ports = Ports(offset)
        if not wait_until_free([ports.of(e.name, p) for e in TABLE.values() for p in e.ports], 0):
            return ports
    pytest.fail("no free ports for the stack")


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory):
    """A small model, always the same."""
    folder = tmp_path_factory.mktemp("model")
    artifact.save(train.train(rows=2000, seed=5), folder)
    return folder


@pytest.fixture
def offset() -> int:
    """Return a port offset of its own for a second stack."""
    return free_ports(24000).offset


@pytest.fixture(scope="module")
def run(tmp_path_factory, model_folder):
    """Every case sent, the service ended by SIGTERM, all of it taken by the Collector."""
    folder = tmp_path_factory.mktemp("acceptance")
    access = make(folder / "secrets")
    with Stack(folder / "stack", free_ports(23000), access=access) as stack, logged_in(stack):
        stores = Stores(stack)
        log = folder / "service.log"
        # The pages link to BASE/traces/ID, which is also an address of Jaeger's API.
        service = DemoService(
            stack.url("collector"), f"{stores.jaeger}/api", model_folder, log, access.otlp_headers
        )
        service.start()
        try:
            cases = service.send_all()
        finally:
            exit_code = service.stop()
        for signal in ("spans", "log_records"):
            taken = stores.counted(f"otelcol_receiver_accepted_{signal}")
            eventually(lambda s=signal: stores.counted(f"otelcol_exporter_sent_{s}"), taken)
        yield Run(cases, service.sent, stores, exit_code)
