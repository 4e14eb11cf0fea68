"""Backends die by SIGKILL under load, each in turn, and come back."""

from __future__ import annotations

import time
from signal import SIGKILL, SIGTERM

import pytest

from tests.faults._arrived import Arrived
from tests.faults._sender import SIGNALS, Sender, load
from tests.faults._table import report

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.heavy, pytest.mark.timeout(900)]

OUTAGE_S = 60.0
# VictoriaLogs says yes before its disk has a record, up to 5 s before: killed, it loses those.
GOES_BY = {"victorialogs": SIGTERM}
SIGNAL_OF = {"jaeger": "spans", "prometheus": "points", "victorialogs": "logs"}


def test_each_backend_down(site):
    """While a backend is down all is acknowledged, and all of that arrives once it is back."""
    outages: dict[str, Arrived] = {}
    notes: dict[str, str] = {}
    with site.collector("down") as collector:
        for name in SIGNAL_OF:
            sender = Sender(collector.url("collector"))
            outages[name] = Arrived(site.stores, sender)
            with load(sender):
                time.sleep(2)
                began = time.monotonic()
                site.backends.kill(name, GOES_BY.get(name, SIGKILL))
                time.sleep(OUTAGE_S)
                queued = site.stores.counted("otelcol_exporter_queue_size") / 1024
                site.backends.restart(name)
                down_s = time.monotonic() - began
                time.sleep(2)
            notes[name] = f"down {down_s:.0f} s, {queued:.0f} KiB queued"
            assert set().union(*sender.statuses.values()) == {200}
        for name, arrived in outages.items():
            missing = {signal: arrived.settle(signal) for signal in SIGNALS}
            for signal in SIGNALS:
                note = notes[name] if signal == SIGNAL_OF[name] else "its backend was up"
                report(arrived.row(f"{name} down", signal, note=note))
            assert missing == {signal: set() for signal in SIGNALS}
