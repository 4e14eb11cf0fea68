"""The lane gives the telemetry that contrib gives: every scenario both ways, all of it compared."""

from __future__ import annotations

import pytest

from otelml.instrumentors.flask.ways import is_known
from tests.instrumentors.flask._both import run
from tests.instrumentors.flask._scenarios import SCENARIOS

pytestmark = pytest.mark.skipif(not is_known(), reason="contrib serves all, older than the lane")


def _both(name, monkeypatch):
    one = SCENARIOS[name]
    settings = {
        "level": one.level,
        "environment": one.environment,
        "providers": one.providers,
        **one.options,
    }
    ours, by_lane = run("lane", one.play, monkeypatch, **settings)
    theirs, by_contrib = run("contrib", one.play, monkeypatch, **settings)
    # What is compared is what this test means to compare.
    assert by_lane.contrib == 0
    assert by_contrib.lane == 0
    assert by_contrib.contrib > 0
    assert (by_lane.lane > 0) == one.enters
    return ours, theirs


@pytest.mark.parametrize("name", SCENARIOS)
def test_as_contrib(name, monkeypatch):
    """All spans, metrics and log records of a scenario are those of contrib."""
    ours, theirs = _both(name, monkeypatch)
    for part, expected in theirs.items():
        assert ours[part] == expected, part
