"""40,000 items a second through the whole stack for a minute."""

from __future__ import annotations

import pytest

from benchmarks.bench_pipeline import describe, measure
from engines.stack import Stack
from tests.acceptance.conftest import free_ports
from tests.faults._table import Row, report

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.heavy]


@pytest.mark.timeout(600)
def test_a_minute_of_load_is_stored_whole(tmp_path):
    """Every acknowledged span, point and log is in its store, and nothing was refused for good."""
    with Stack(tmp_path, free_ports(23000)) as stack:
        outcome = measure(stack)
    for name, sent in outcome.sent.items():
        stored = outcome.arrived[name]
        report(
            Row(
                f"load, {outcome.rate:,.0f} items/s",
                name,
                sent.items + sent.refused,
                sent.items,
                min(stored, sent.items),
                max(0, stored - sent.items),
                max(0, sent.items - stored),
                sent.refused,
                describe(outcome) if name == "spans" else "",
            )
        )
    assert outcome.lost == 0
    assert [sent.refused for sent in outcome.sent.values()] == [0, 0, 0]
    found, looked_for = reversed(outcome.traces)
    assert found == looked_for > 0
