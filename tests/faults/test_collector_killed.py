"""The Collector dies by SIGKILL under load and is started again on the same data."""

from __future__ import annotations

import signal
import time

import pytest

from tests.acceptance._stores import eventually
from tests.faults._arrived import EXPORTERS, Arrived
from tests.faults._sender import SIGNALS, Sender, load
from tests.faults._table import report
from tests.faults.conftest import BACKENDS

pytestmark = [pytest.mark.stack, pytest.mark.slow]

KILLS = 3
IN_MEMORY = {
    "exporters": {name: {"sending_queue": {"storage": None}} for name in EXPORTERS.values()}
}


def kill_under_load(site, name: str, overlay: dict | None, settle_s: float) -> Arrived:
    """Kill a Collector several times, the last time with all backends frozen; return what came."""
    with site.collector(name, overlay=overlay) as collector:
        sender = Sender(collector.url("collector"))
        with load(sender, items=20, every_s=0.05):
            for turn in range(KILLS):
                time.sleep(2)
                if turn == KILLS - 1:
                    _signal_backends(site, signal.SIGSTOP)
                    time.sleep(1)
                collector.kill("collector")
                _signal_backends(site, signal.SIGCONT)
                collector.restart("collector")
            time.sleep(2)
        arrived = Arrived(site.stores, sender)
        eventually(lambda: site.stores.counted("otelcol_exporter_queue_size"), 0)
        for kind in SIGNALS:
            arrived.settle(kind, settle_s)
    return arrived


def _signal_backends(site, number: int) -> None:
    for backend in BACKENDS:
        site.backends.process(backend).signal(number)


def test_queue_on_disk_loses_nothing(site):
    """Everything acknowledged before, between and after the kills arrives."""
    arrived = kill_under_load(site, "disk", None, 120)
    for kind in SIGNALS:
        note = f"{KILLS} kills; {arrived.sender.statuses[kind][0]} requests without an answer"
        report(arrived.row("Collector SIGKILL", kind, note=note))
    assert {kind: arrived.missing(kind) for kind in SIGNALS} == {kind: set() for kind in SIGNALS}


def test_queue_in_memory_loses_some(site):
    """The same with queues in memory loses acknowledged items: the test above can fail."""
    arrived = kill_under_load(site, "memory", IN_MEMORY, 2)
    for kind in SIGNALS:
        report(arrived.row("Collector SIGKILL, memory queue", kind, note="control"))
    assert all(arrived.missing(kind) for kind in SIGNALS)
