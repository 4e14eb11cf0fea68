"""Loki on object storage: what was flushed is in the bucket, and is read back from there alone."""

from __future__ import annotations

import shutil
import urllib.request
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from engines.stack import Stack
from tests.acceptance._stores import Stores
from tests.faults._arrived import Arrived
from tests.faults._sender import Sender
from tests.faults._table import report
from tests.overlays.conftest import free_ports, own_ports, until

pytestmark = pytest.mark.stack

OVERLAY = Path(__file__).resolve().parents[2] / "loki/overlays/object-storage.env"


@pytest.fixture
def storage():
    """A server of S3's own protocol, in memory; yields its address."""
    (port,) = free_ports(1)
    server = ThreadedMotoServer("127.0.0.1", port, verbose=False)
    server.start()
    yield f"http://127.0.0.1:{port}"
    server.stop()


def overlay() -> dict[str, str]:
    """Return the variables of the overlay."""
    lines = OVERLAY.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def objects(bucket: str) -> list[str]:
    """Return the names of the objects of a bucket."""
    with urllib.request.urlopen(f"{bucket}?list-type=2", timeout=10) as response:
        return [e.text or "" for e in ET.parse(response).iter() if e.tag.endswith("}Key")]


def test_logs_are_read_back_from_the_bucket(site, storage, tmp_path):
    """Chunks and index land in the bucket; a Loki with an empty folder finds every line."""
    environment = overlay() | {
        "OTELML_LOKI_S3_ENDPOINT": storage,
        "OTELML_LOKI_S3_ACCESS_KEY_ID": "key",
        "OTELML_LOKI_S3_SECRET_ACCESS_KEY": "secret",
        "OTELML_LOKI_S3_PATH_STYLE": "true",
        "OTELML_LOKI_S3_INSECURE": "true",
    }
    bucket = f"{storage}/{environment['OTELML_LOKI_S3_BUCKET']}"
    urllib.request.urlopen(urllib.request.Request(bucket, method="PUT"), timeout=10).close()
    ports = own_ports("loki", "collector", others=site.backends.ports)
    loki = Stack(tmp_path / "stack", ports, engines=("loki",), environment={"loki": environment})
    with loki, site.collector("to-bucket", ports=ports) as collector:
        sender = Sender(collector.url("collector"))
        for _ in range(10):
            assert sender.send("logs", 50) == 200
        arrived = Arrived(Stores(loki), sender)
        assert arrived.settle("logs") == set()
        flush = urllib.request.Request(f"{loki.url('loki')}/flush", b"")
        urllib.request.urlopen(flush, timeout=30).close()
        assert until(lambda: [name for name in objects(bucket) if name.startswith("fake/")])
        loki.process("loki").stop()
        assert [name for name in objects(bucket) if name.startswith("index/")]
        shutil.rmtree(loki.data / "loki")
        (loki.data / "loki").mkdir()
        loki.restart("loki")
        again = Arrived(Stores(loki), sender)
        missing = again.settle("logs", 60)
        sender.close()
    note = f"{len(objects(bucket))} objects in the bucket, the local folder emptied"
    report(again.row("Loki on object storage, restarted", "logs", note=note))
    assert missing == set()
