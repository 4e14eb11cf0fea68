"""Counters of labels add up over processes to what the quality of a fleet is computed from."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import otelml
from otelml import semconv, semconv_quality


def predicted(label=None, confidence=None, value=None, name="loan"):
    with otelml.prediction(name, version="3") as p:
        p.set_result(label=label, confidence=confidence, value=value)
    return p.id


def scores(captured):
    """The counts by actual, predicted and bin; those of 0 too."""
    return {
        (
            point.attributes[semconv.ML_LABEL_ACTUAL],
            point.attributes[semconv.ML_LABEL_PREDICTED],
            point.attributes[semconv_quality.ML_FEEDBACK_SCORE_BIN],
        ): point.value
        for point in captured.metric("ml.feedback.score").points
    }


@pytest.mark.parametrize(
    ("score", "place"),
    [
        (0.0, "0.05"),
        (0.05, "0.05"),
        (0.051, "0.1"),
        (0.15, "0.15"),
        (0.3, "0.3"),
        (0.7, "0.7"),
        (0.999, "1"),
        (1.0, "1"),
    ],
)
def test_a_score_has_one_bin(capture_telemetry, score, place):
    """Every bin of a cell is there from the start, one of them with the label."""
    otelml.feedback(predicted("yes", score), "no")
    found = scores(capture_telemetry)
    assert {each for _, _, each in found} == set(semconv_quality.SCORE_BINS)
    assert {key for key, count in found.items() if count} == {("no", "yes", place)}
    for point in capture_telemetry.metric("ml.feedback.score").points:
        end, rest = (
            float(point.attributes[name])
            for name in (
                semconv_quality.ML_FEEDBACK_SCORE_BIN,
                semconv_quality.ML_FEEDBACK_SCORE_REST,
            )
        )
        assert end + rest == pytest.approx(1.05)


def test_without_a_score_only_the_cell_counts(capture_telemetry):
    otelml.feedback(predicted("yes"), "no")
    assert capture_telemetry.metric("ml.feedback").sum() == 1
    assert not capture_telemetry.metric("ml.feedback.score").points


def test_many_classes_fold(capture_telemetry):
    """Scores of many classes share one cell, none is lost, and the matrix stays whole."""
    for number in range(40):
        otelml.feedback(predicted(f"class {number}", 0.62), f"class {number}")
    counts = Counter()
    for (actual, _, _), count in scores(capture_telemetry).items():
        counts[actual] += count
    assert sum(counts.values()) == 40
    assert len(counts) == 26
    assert counts[semconv.OVERFLOW_VALUE] == 15
    assert len(capture_telemetry.metric("ml.feedback").points) == 40


def test_a_correction_counts_once(capture_telemetry):
    """The first label of a source stays, in every counter."""
    p, q = predicted("yes", 0.8), predicted(value=10.0, name="price")
    for label in ("yes", "no", "no", "yes"):
        otelml.feedback(p, label)
    for number in (12.0, 13.0):
        otelml.feedback(q, number)
    assert capture_telemetry.metric("ml.feedback").sum() == 2
    assert {k: n for k, n in scores(capture_telemetry).items() if n} == {("yes", "yes", "0.8"): 1}
    assert capture_telemetry.metric("ml.feedback.error.absolute").sum() == pytest.approx(2)
    assert capture_telemetry.metric("ml.feedback.error.values").sum() == 1


def test_errors_of_a_regression(capture_telemetry):
    """The sums give MAE and RMSE; a distance without a finite square is left out."""
    rng = np.random.default_rng(0)
    said, true = rng.normal(size=50), rng.normal(size=50)
    for guess, number in zip(said, true, strict=True):
        otelml.feedback(predicted(value=float(guess)), float(number))
    otelml.feedback(predicted(value=1e160), -1e160)
    total = {
        part: capture_telemetry.metric(f"ml.feedback.error.{part}").sum()
        for part in ("absolute", "squared", "values")
    }
    assert total["values"] == 50
    assert total["absolute"] / 50 == pytest.approx(np.abs(said - true).mean(), rel=1e-6)
    assert total["squared"] / 50 == pytest.approx(((said - true) ** 2).mean(), rel=1e-6)
    assert capture_telemetry.metric("ml.feedback").sum() == 51


def test_a_long_label_equals_itself(capture_telemetry):
    """An id holds the beginning of a long label; the actual one is cut alike."""
    label = "a label that is much longer than an id has room for"
    otelml.feedback(predicted(label, 0.9), label)
    (point,) = capture_telemetry.metric("ml.feedback").points
    attributes = point.attributes
    assert attributes[semconv.ML_LABEL_ACTUAL] == attributes[semconv.ML_LABEL_PREDICTED]
