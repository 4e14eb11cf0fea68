"""Who can connect: with everything running, nothing listens beyond this machine."""

from __future__ import annotations

import socket
import subprocess
import sys

import psutil
import pytest

from demo_service import artifact, train
from engines.stack import Stack
from engines.table import TABLE
from tests._processes import ROOT, environment
from tests.acceptance._service import DemoService
from tests.security.conftest import free_ports

pytestmark = pytest.mark.stack


def listening(pid: int) -> set[tuple[str, int]]:
    """Return where a process and its children listen, TCP and UDP, without UDP clients."""
    process = psutil.Process(pid)
    return {
        # IPv4 through a socket of IPv6 is IPv4.
        (connection.laddr.ip.removeprefix("::ffff:"), connection.laddr.port)
        for one in (process, *process.children(recursive=True))
        for connection in one.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
        or (connection.type == socket.SOCK_DGRAM and not connection.raddr)
    }


def test_a_listener_elsewhere_is_seen():
    """The search finds one that is open to the network."""
    with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        tcp.bind(("0.0.0.0", 0))
        tcp.listen()
        udp.bind(("0.0.0.0", 0))
        mine = listening(psutil.Process().pid)
        assert {tcp.getsockname(), udp.getsockname()} <= mine


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """All engines, at their own configuration."""
    with Stack(tmp_path_factory.mktemp("listeners"), free_ports(29000, 30900)) as stack:
        yield stack


@pytest.mark.parametrize("name", TABLE)
def test_engine(stack, name):
    """An engine listens on the ports of the table, on loopback, and on nothing else."""
    ports = {stack.ports.of(name, port) for port in TABLE[name].ports}
    assert listening(stack.process(name).pid) == {("127.0.0.1", port) for port in ports}


def test_demo_service(stack, tmp_path):
    """The service that people try first listens on loopback unless told otherwise."""
    artifact.save(train.train(rows=500, seed=5), tmp_path / "model")
    service = DemoService(
        stack.url("collector"), stack.url("jaeger"), tmp_path / "model", tmp_path / "log"
    )
    service.start()
    try:
        found = listening(service._process.pid)
    finally:
        service.stop()
    assert found == {("127.0.0.1", int(service.url.rpartition(":")[2]))}


def test_viewer():
    """All three ports of `otelml view` are on loopback unless told otherwise."""
    ports = [f"--{kind}-port=0" for kind in ("grpc", "http", "web")]
    viewer = subprocess.Popen(
        [sys.executable, "-m", "otelml", "view", *ports],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        while "http" not in viewer.stdout.readline():
            assert viewer.poll() is None
        found = listening(viewer.pid)
    finally:
        viewer.terminate()
        viewer.communicate(timeout=30)
    assert len(found) == 3
    assert {ip for ip, _ in found} == {"127.0.0.1"}
