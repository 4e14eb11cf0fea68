"""Streams of features are shared fairly among models."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import otelml
from otelml._features import Summary
from otelml._metrics.observed import fair_shares


def _summaries(needs):
    return [
        ((str(model), ""), Summary(str(i), 1.0, 1.0, 1.0, 1.0))
        for model, need in enumerate(needs)
        for i in range(need)
    ]


@given(st.lists(st.integers(1, 60), max_size=12), st.integers(1, 100))
def test_no_model_has_less_than_its_share(needs, limit):
    """Never over the limit, none wasted, and a model gets its need or an even share."""
    summaries = _summaries(needs)
    kept, left_out = fair_shares(summaries, limit)
    assert len(kept) == min(limit, len(summaries))
    assert len(kept) + left_out == len(summaries)
    got = Counter(name for name, _ in kept)
    for model, need in enumerate(needs):
        assert got[str(model), ""] >= min(need, limit // len(needs))


def test_a_wide_model_does_not_starve_the_next(internal, capture_telemetry):
    """2,500 columns beside 3: all of the 3 are there, and what is left out is counted."""
    for model, columns in (("wide", 2500), ("small", 3)):
        with otelml.prediction(model, features=np.ones((1, columns))):
            pass
    capture_telemetry.flush()
    for name in ("last", "min", "max", "mean"):
        metric = capture_telemetry.metric(f"ml.feature.{name}")
        assert len(metric.where(ml__model__name="small").points) == 3
        assert len(metric.where(ml__model__name="wide").points) == 1997
    overflow = capture_telemetry.metric("otelml.cardinality.overflow")
    counted = {
        point.attributes["otelml.instrument"]: point.value
        for point in overflow.where(otelml__attribute="ml.feature.name").points
    }
    assert counted["ml.feature.mean"] == 503
