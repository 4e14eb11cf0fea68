"""Backends that take 5 s for every request."""

from __future__ import annotations

import time

import pytest

from tests.faults._arrived import NOTHING_OF_ITS_OWN, Arrived, counted, resident_mib
from tests.faults._sender import SIGNALS, Sender, load
from tests.faults._slow import Delay, grpc_proxy, http_proxy
from tests.faults._table import report

pytestmark = [pytest.mark.stack, pytest.mark.slow]

SLOW_S = 5.0
QUEUE_BYTES = "200000"
MEMORY_LIMIT_MIB = 512
_REFUSED_WITHIN_S = 60.0


def test_slow_backends(site):
    """The queue fills, senders are told 503, memory stays, and all that was taken arrives."""
    delay = Delay(SLOW_S)
    stores = site.stores
    with (
        http_proxy(stores.prometheus, delay) as prometheus,
        http_proxy(stores.victorialogs, delay) as victorialogs,
        grpc_proxy(site.backends.ports.address("jaeger", "otlp_grpc"), delay) as jaeger,
        site.collector(
            "slow",
            overlay=NOTHING_OF_ITS_OWN,
            OTELML_PROMETHEUS_URL=prometheus,
            OTELML_VICTORIALOGS_URL=victorialogs,
            OTELML_JAEGER_OTLP=jaeger,
            OTELML_COLLECTOR_QUEUE_BYTES=QUEUE_BYTES,
        ) as collector,
    ):
        sender = Sender(collector.url("collector"))
        with load(sender, items=200, every_s=0.1, pad=100):
            time.sleep(3 * SLOW_S)
            deadline = time.monotonic() + _REFUSED_WITHIN_S
            while not all(sender.statuses[signal][503] for signal in SIGNALS):
                assert time.monotonic() < deadline, sender.statuses
                time.sleep(0.2)
        memory_mib = resident_mib(collector.process("collector").pid)
        delay.seconds = 0.0
        arrived = Arrived(stores, sender)
        missing = {signal: arrived.settle(signal) for signal in SIGNALS}
        failed = {signal: counted(stores, "exporter_enqueue_failed", signal) for signal in SIGNALS}
        for signal in SIGNALS:
            note = f"{sender.statuses[signal][503]} times 503; Collector at most {memory_mib} MiB"
            report(arrived.row("backend takes 5 s", signal, dropped=failed[signal], note=note))
    assert missing == {signal: set() for signal in SIGNALS}
    assert set().union(*sender.statuses.values()) == {200, 503}
    assert failed == {signal: sender.unacknowledged(signal) for signal in SIGNALS}
    assert memory_mib < MEMORY_LIMIT_MIB
