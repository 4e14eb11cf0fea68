"""A hundred thousand different labels: streams capped, totals exact."""

from __future__ import annotations

import pytest

import otelml
from otelml._metrics.cardinality import overflow
from otelml.config import Config, LogOptions, TraceOptions
from otelml.testing import capture


@pytest.mark.slow
def test_a_hundred_thousand_labels():
    """Every instrument that has labels stays under its limit, and no prediction is lost."""
    count = 100_000
    config = Config(
        logs=LogOptions(enabled=False),
        traces=TraceOptions(queue_size=2 * count),
        system=False,
    )
    before = overflow["ml.predictions", "ml.prediction.label"]
    with capture(config) as captured:
        for i in range(count):
            with otelml.prediction("m") as p:
                p.set_result(label=f"label-{i}", confidence=0.9)
            if i % 5_000 == 0:
                captured.clear()
        labels = captured.metric("ml.predictions")
        confidences = captured.metric("ml.prediction.confidence")
    assert len(labels.points) == len(confidences.points) == 101
    assert labels.sum() == confidences.count() == count
    other = labels.where(ml__prediction__label="_other")
    assert other.sum() == count - 100
    folded = overflow["ml.predictions", "ml.prediction.label"] - before
    assert folded == count - 100
