"""The alert on a clock that is far off."""

from __future__ import annotations

import pytest

from tests.acceptance._stores import eventually
from tests.faults._arrived import alert_result
from tests.faults._sender import Sender

pytestmark = [pytest.mark.stack, pytest.mark.slow]


def test_wrong_times_raise_an_alert(site):
    """What the Collector left out for its time makes ClockSkew fire on the live Prometheus."""
    with site.collector("alert") as collector:
        assert alert_result(site.stores, "ClockSkew") == []
        assert Sender(collector.url("collector")).send("points", 1, ahead_s=3600) == 200

        def fired():
            return [result["metric"]["job"] for result in alert_result(site.stores, "ClockSkew")]

        eventually(fired, ["collector"])
