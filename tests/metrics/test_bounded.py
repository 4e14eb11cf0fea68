"""States that are read at collection keep to the limit of streams, and say what they leave out."""

from __future__ import annotations

import math

import numpy as np

import otelml
from otelml import semconv, semconv_quality
from otelml._metrics import bounded, overflow
from otelml.config import Config, LogOptions, MetricOptions
from otelml.reference import Reference
from otelml.testing import capture

LIMIT = 10


def test_the_first_finite_ones_are_kept_and_the_most_left_out_counted():
    """What is not finite takes no place; the count is the most at once, not a sum."""
    key = (semconv.ML_FEATURE_VALUES.name, "by")
    points = [(math.nan, {}), *((float(n), {"n": str(n)}) for n in range(5)), (math.inf, {})]
    before = dict(overflow)
    try:
        for limit, left_out in ((5, 0), (2, 3), (4, 3)):
            found = bounded(semconv.ML_FEATURE_VALUES, points, limit, "by")
            assert [value for value, _ in found] == [float(n) for n in range(limit)]
            assert overflow[key] == left_out
    finally:
        overflow.clear()
        overflow.update(before)


def test_drift_and_quality_of_a_service_keep_to_it():
    """Bins of its features and measures of its labels are more than ten each."""
    rng = np.random.default_rng(0)
    reference = Reference.from_data({name: rng.normal(size=200) for name in "abc"})
    options = Config(
        model="m",
        metrics=MetricOptions(cardinality_limit=LIMIT),
        logs=LogOptions(enabled=False),
    )
    before = dict(overflow)
    try:
        with capture(options, reference=reference) as captured:
            for label in ("x", "y", "z") * 20:
                row = dict.fromkeys("abc", float(rng.normal()))
                with otelml.prediction("m", features=row) as p:
                    p.set_result(label=label, confidence=0.9)
                otelml.feedback(p.id, label)
            for metric in (semconv.ML_FEATURE_VALUES, semconv_quality.ML_QUALITY):
                assert len(captured.metric(metric.name).points) == LIMIT
            left_out = captured.metric(semconv.OTELML_CARDINALITY_OVERFLOW.name)
            counted = {p.attributes[semconv.OTELML_INSTRUMENT]: p.value for p in left_out.points}
            assert counted[semconv.ML_FEATURE_VALUES.name] > 0
            assert counted[semconv_quality.ML_QUALITY.name] > 0
    finally:
        overflow.clear()
        overflow.update(before)
