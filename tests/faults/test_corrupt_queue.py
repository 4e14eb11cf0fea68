"""The Collector is started on a queue file that is no longer sound."""

from __future__ import annotations

import random
import signal

import pytest

from tests.faults._arrived import Arrived
from tests.faults._sender import SIGNALS, Sender
from tests.faults._table import report
from tests.faults.conftest import BACKENDS

pytestmark = [pytest.mark.stack, pytest.mark.slow]

PAGE = 4096
QUEUE_FILE = "exporter_otlp_http_loki_logs"


def _corrupt(content: bytes, kind: str) -> bytes:
    noise = random.Random(1)
    broken = bytearray(content)
    if kind == "headers":
        broken[: 2 * PAGE] = noise.randbytes(2 * PAGE)
    elif kind == "one header":
        broken[:PAGE] = noise.randbytes(PAGE)
    elif kind == "pages":
        for start in range(2 * PAGE, len(broken), PAGE):
            broken[start : start + 16] = noise.randbytes(16)
    elif kind == "truncated":
        del broken[len(broken) // 2 // PAGE * PAGE :]
    elif kind == "stub":
        del broken[100:]
    elif kind == "zeros":
        broken[:] = bytes(len(broken))
    else:
        broken[:] = noise.randbytes(len(broken))
    return bytes(broken)


@pytest.mark.parametrize(
    "kind", ["headers", "one header", "pages", "truncated", "stub", "zeros", "noise"]
)
def test_corrupt_queue_file(site, kind):
    """It starts, warns, keeps the file aside; other queues lose nothing, and new items arrive."""
    with site.collector(f"corrupt-{kind}") as collector:
        before = Sender(collector.url("collector"))
        for backend in BACKENDS:
            site.backends.process(backend).signal(signal.SIGSTOP)
        for _ in range(40):
            for name in SIGNALS:
                before.send(name, 40)
        collector.kill("collector")
        for backend in BACKENDS:
            site.backends.process(backend).signal(signal.SIGCONT)
        file = collector.data / "collector/queue" / QUEUE_FILE
        broken = _corrupt(file.read_bytes(), kind)
        file.write_bytes(broken)
        collector.restart("collector")
        after = Sender(collector.url("collector"))
        assert [after.send(name, 20) for name in SIGNALS] == [200] * 3
        came, later = Arrived(site.stores, before), Arrived(site.stores, after)
        assert [later.settle(name) for name in SIGNALS] == [set()] * 3
        missing = {name: came.settle(name) for name in ("spans", "points")}
        came.missing("logs")
        (aside,) = file.parent.glob(f"{QUEUE_FILE}.*.backup")
        for name in SIGNALS:
            note = (
                f"kept aside, {len(broken) // 1024} KiB" if name == "logs" else "its file is sound"
            )
            report(came.row(f"corrupt queue file of the logs: {kind}", name, note=note))
        log = collector.process("collector").log.read_text()
    assert missing == {"spans": set(), "points": set()}
    assert aside.read_bytes() == broken
    assert "Corrupt queue file kept aside" in log
