"""``ml.quality`` of the process, from predictions and labels to the exported points."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics

import otelml
from otelml.config import Config, FeedbackOptions
from otelml.testing import capture


def _feed(predicted, actual, confidences, kind="label"):
    ids = []
    for one, sure in zip(predicted, confidences, strict=True):
        with otelml.prediction("loan", version="3") as p:
            p.set_result(**{kind: one}, **({"confidence": sure} if sure is not None else {}))
        ids.append(p.id)
    for one, label in zip(ids, actual, strict=True):
        if label is not None:
            otelml.feedback(one, label)
    return ids


def _values(telemetry, name="ml.quality", **where):
    if name == "ml.quality":
        where["ml__quality__estimated"] = "false"
    points = telemetry.metric(name).where(**where).points
    return {p.attributes["ml.quality.metric"]: p.value for p in points}


def test_two_labels_agree_with_scikit_learn(capture_telemetry):
    """500 predictions: every measure to 1e-12, with its interval, and the classic last 100."""
    generator = np.random.default_rng(0)
    chance = generator.random(500)
    predicted = np.where(chance > 0.5, "yes", "no")
    actual = np.where(generator.random(500) < chance, "yes", "no")
    sure = np.maximum(chance, 1 - chance).astype(np.float32).astype(float)
    _feed(predicted.tolist(), actual.tolist(), sure.tolist())
    score = np.where(predicted == "yes", sure, 1 - sure)
    where = {"ml__quality__window": "1000", "ml__quality__averaging": "binary"}
    found = _values(capture_telemetry, **where)
    expected = metrics.precision_recall_fscore_support(
        actual, predicted, pos_label="yes", average="binary"
    )
    for name, value in zip(("precision", "recall", "f1"), expected, strict=False):
        assert found[name] == pytest.approx(value, rel=0, abs=1e-12)
    points = capture_telemetry.metric("ml.quality").where(ml__quality__window="1000").points
    plain = {p.attributes["ml.quality.metric"]: p.value for p in points
             if "ml.quality.averaging" not in p.attributes
             and p.attributes["ml.quality.estimated"] == "false"}  # fmt: skip
    assert plain == pytest.approx(
        {
            "accuracy": metrics.accuracy_score(actual, predicted),
            "roc_auc": metrics.roc_auc_score(actual == "yes", score),
            "pr_auc": metrics.average_precision_score(actual == "yes", score),
            "brier": metrics.brier_score_loss(actual == "yes", score),
            "log_loss": metrics.log_loss(actual == "yes", score),
        },
        rel=0,
        abs=1e-12,
    )
    assert {
        p.attributes["ml.quality.label"]
        for p in capture_telemetry.metric("ml.quality").where(**where).points
    } == {"yes"}
    classic = capture_telemetry.metric("ml.quality").where(
        ml__quality__window="100", ml__quality__metric="accuracy"
    )
    assert classic.points[0].value == pytest.approx(np.mean((actual == predicted)[-100:]))
    lower = _values(capture_telemetry, "ml.quality.lower", **where)
    upper = _values(capture_telemetry, "ml.quality.upper", **where)
    assert all(lower[name] < found[name] < upper[name] for name in found)


def test_many_labels_and_corrections(capture_telemetry):
    """Macro, weighted and per class; a second label for the same prediction replaces the first."""
    generator = np.random.default_rng(1)
    names = np.array(["a", "b", "c"])
    predicted, actual = generator.choice(names, 60), generator.choice(names, 60)
    ids = _feed(predicted.tolist(), actual.tolist(), [None] * 60)
    for place in range(20):
        actual[place] = predicted[place]
        otelml.feedback(ids[place], actual[place], source="second look")
    for average in ("macro", "weighted"):
        found = _values(
            capture_telemetry, ml__quality__averaging=average, ml__quality__window="1000"
        )
        expected = metrics.precision_recall_fscore_support(actual, predicted, average=average)
        for name, value in zip(("precision", "recall", "f1"), expected, strict=False):
            assert found[name] == pytest.approx(value, rel=0, abs=1e-12)
    found = _values(capture_telemetry, ml__quality__label="b", ml__quality__window="1000")
    assert found["f1"] == pytest.approx(metrics.f1_score(actual, predicted, average=None)[1])


def test_regressions(capture_telemetry):
    """MAE, RMSE and R² of values."""
    generator = np.random.default_rng(2)
    _feed([1e300], [1.0], [None], kind="value")  # cannot be squared: left out
    actual = generator.normal(50, 9, 80)
    predicted = actual + generator.normal(0, 3, 80)
    _feed(predicted.tolist(), actual.tolist(), [None] * 80, kind="value")
    found = _values(capture_telemetry, ml__quality__window="1000")
    assert found == pytest.approx(
        {
            "mae": metrics.mean_absolute_error(actual, predicted),
            "rmse": math.sqrt(metrics.mean_squared_error(actual, predicted)),
            "r2": metrics.r2_score(actual, predicted),
        },
        rel=1e-12,
    )


def test_before_labels_quality_is_estimated(capture_telemetry):
    """The mean confidence, said to be an estimate; nothing of coverage without feedback."""
    _feed(["yes"] * 4, [None] * 4, [0.5, 0.75, 1.0, 0.75])
    (point,) = capture_telemetry.metric("ml.quality").points
    assert point.attributes["ml.quality.estimated"] == "true"
    assert point.value == 0.75
    assert not capture_telemetry.metric("ml.label.coverage").points


def test_what_has_no_label_yet(capture_telemetry):
    """Bounds and coverage of all predictions, labelled or not."""
    _feed(["yes", "yes", "no", "no"], ["yes", None, "yes", None], [0.95] * 4)
    assert _values(capture_telemetry, "ml.quality.bound.lower")["accuracy"] == 0.25
    assert _values(capture_telemetry, "ml.quality.bound.upper")["accuracy"] == 0.75
    found = capture_telemetry.metric("ml.label.coverage").where(ml__confidence__band="0.9-1.0")
    assert {p.attributes["ml.label.predicted"]: p.value for p in found.points} == {
        "yes": 0.5,
        "no": 0.5,
    }


def test_window_is_bounded_and_positive_is_as_said():
    """The last ``quality_rows`` labels only, with the label that was asked for."""
    options = FeedbackOptions(quality_rows=10, positive="no")
    with capture(Config(feedback=options)) as telemetry:
        _feed(["yes", "no"] * 20, ["no"] * 20 + ["yes", "no"] * 10, [0.9] * 40)
        found = telemetry.metric("ml.quality").where(ml__quality__averaging="binary")
        assert {p.attributes["ml.quality.label"] for p in found.points} == {"no"}
        labelled = [p for p in found.points if p.attributes["ml.quality.estimated"] == "false"]
        assert {p.attributes["ml.quality.window"] for p in labelled} == {"10"}
        assert {p.value for p in labelled} == {1.0}
