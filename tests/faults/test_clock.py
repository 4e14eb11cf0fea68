"""Senders whose clocks are an hour ahead, or eight days behind, among others whose clocks are right."""

from __future__ import annotations

import time

import pytest

from tests.acceptance._stores import eventually
from tests.faults._arrived import Arrived, counted
from tests.faults._sender import SIGNALS, Sender, load
from tests.faults._table import report

pytestmark = [pytest.mark.stack, pytest.mark.slow]

HOUR_S, DAY_S = 3600, 86400
REQUESTS, ITEMS = 5, 20
FILTERED = {
    "points": "otelcol_processor_filter_datapoints_filtered",
    "logs": "otelcol_processor_filter_logs_filtered",
}


@pytest.fixture(scope="module")
def collector(site):
    """One Collector for both clocks."""
    with site.collector("clock") as running:
        yield running


@pytest.mark.parametrize("ahead_s", [HOUR_S, -8 * DAY_S], ids=["+1 h", "-8 days"])
def test_wrong_clock(site, collector, ahead_s, request):
    """Impossible times are left out and counted; nothing else is, not even in the same request."""
    stores = site.stores
    before = {signal: stores.counted(name) for signal, name in FILTERED.items()}
    senders = {name: Sender(collector.url("collector")) for name in ("others", "half", "all")}
    with load(senders["others"], items=ITEMS, every_s=0.1):
        for _ in range(REQUESTS):
            for signal in SIGNALS:
                senders["all"].send(signal, ITEMS, ahead_s=ahead_s)
                senders["half"].send_mixed(signal, [(ITEMS, 0), (ITEMS, ahead_s)])
            time.sleep(0.3)
    arrived = {name: Arrived(stores, sender) for name, sender in senders.items()}
    lost = {signal: arrived["others"].settle(signal) for signal in SIGNALS}
    spans = [arrived[name].settle("spans") for name in ("half", "all")]
    right = {n for n in range(2 * REQUESTS * ITEMS) if n % (2 * ITEMS) < ITEMS}
    for signal in FILTERED:
        eventually(lambda s=signal: right & arrived["half"].missing(s), set())
        arrived["all"].missing(signal)
    dropped = {s: stores.counted(name) - before[s] for s, name in FILTERED.items()}
    fault = f"clock {request.node.callspec.id}"
    for signal in SIGNALS:
        each = dropped.get(signal, 0) / 2
        whose = "all times wrong" if signal in FILTERED else "all times wrong: Jaeger takes any"
        report(arrived["others"].row(f"{fault}, other senders", signal, note="all times right"))
        report(arrived["half"].row(fault, signal, dropped=each, note="half of each request wrong"))
        report(arrived["all"].row(fault, signal, dropped=each, note=whose))
    assert lost == {signal: set() for signal in SIGNALS}
    assert spans == [set(), set()]
    assert {s: arrived["half"].counts[s].keys() for s in FILTERED} == dict.fromkeys(FILTERED, right)
    assert {s: len(arrived["all"].counts[s]) for s in FILTERED} == dict.fromkeys(FILTERED, 0)
    assert dropped == dict.fromkeys(FILTERED, 2 * REQUESTS * ITEMS)
    assert {counted(stores, "exporter_send_failed", s) for s in SIGNALS} == {0}
