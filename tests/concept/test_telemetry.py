"""What a service emits of quality beside training and of retraining, through the pipeline."""

from __future__ import annotations

import time

import numpy as np
import pytest

import otelml
from otelml import semconv, semconv_quality
from otelml.config import Config, DriftOptions, FeedbackOptions, LogOptions, RetrainingOptions
from otelml.reference import Reference
from otelml.testing import capture

RETRAINING = RetrainingOptions(trained_at="2020-01-01", rules=("quality and age", "critical"))


def _config(**more):
    return Config(
        model="loan",
        model_version="1",
        drift=DriftOptions(every=0.2, calibrate_for=0, window_rows=100, retraining=RETRAINING),
        feedback=FeedbackOptions(mature_after="0.3s"),
        logs=LogOptions(sample_ratio=0.0, json=False),
        system=False,
        instrument=("logging",),
        **more,
    )


def _reference():
    generator = np.random.default_rng(0)
    said = np.where(np.arange(4000) % 2 == 0, "yes", "no")
    true = np.where(np.arange(4000) % 10 == 0, "other", said)
    rows = {"f0": generator.normal(size=4000), "level": generator.choice(["a", "b"], 4000)}
    return Reference.from_data(rows, predictions=said, y=true)


class Traffic:
    """Sends predictions with labels."""

    def __init__(self):
        self.generator = np.random.default_rng(7)

    def send(self, rows, right, shift=0.0):
        for place in range(rows):
            f0 = self.generator.normal() + shift
            level = str(self.generator.choice(["a", "b"]))
            label = "yes" if place % 2 else "no"
            with otelml.prediction("loan", version="1", features={"f0": f0, "level": level}) as p:
                p.set_result(label=label, confidence=0.9)
            chance = right(level) if callable(right) else right
            is_right = self.generator.random() < chance
            otelml.feedback(p.id, label if is_right else "other")

    def until(self, condition, *args):
        end = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < end, "it did not happen within twenty seconds"
            self.send(100, *args)
            time.sleep(0.02)


def _events(captured, name):
    captured.flush()
    found = [record.log_record for record in captured._logs.get_finished_logs()]
    return [record for record in found if record.event_name == name]


def _points(captured, metric, *by):
    captured.flush()
    return {
        tuple(point.attributes.get(key, "") for key in by): point.value
        for point in captured.metric(metric.name).points
    }


def test_degraded_recommended_and_recovered():
    """Each is told once; metrics say how much, how sure, why and for how long."""
    names = semconv_quality
    with capture(_config(), reference=_reference()) as captured:
        traffic = Traffic()
        traffic.until(lambda: _points(captured, names.ML_QUALITY_LOSS), 0.9)
        assert _points(captured, names.ML_QUALITY_DEGRADED) == {(): 0}
        assert _points(captured, names.ML_QUALITY_REFERENCE, names.ML_QUALITY_BASELINE) == {
            ("reference",): pytest.approx(0.9)
        }
        rules = _points(captured, names.ML_RETRAINING_RECOMMENDED, names.ML_RETRAINING_REASON)
        assert rules == {("quality and age",): 0, ("critical",): 0}
        assert not _events(captured, names.EVENT_QUALITY_DEGRADED)
        traffic.until(lambda: _events(captured, names.EVENT_RETRAINING_RECOMMENDED), 0.5)
        traffic.send(300, 0.5)
        (event,) = _events(captured, names.EVENT_QUALITY_DEGRADED)
        told = event.attributes
        assert told[semconv.ML_MODEL_NAME] == "loan"
        assert told[names.ML_QUALITY_METRIC] == "accuracy"
        low, loss, high = (
            told[m.name]
            for m in (
                names.ML_QUALITY_LOSS_LOWER,
                names.ML_QUALITY_LOSS,
                names.ML_QUALITY_LOSS_UPPER,
            )
        )
        assert 0 < low < loss < high
        assert event.severity_text == "WARN"
        (event,) = _events(captured, names.EVENT_RETRAINING_RECOMMENDED)
        assert event.attributes[names.ML_RETRAINING_REASON] == "quality and age"
        assert len(event.attributes[names.ML_RETRAINING_REASONS]) == 2
        rules = _points(captured, names.ML_RETRAINING_RECOMMENDED, names.ML_RETRAINING_REASON)
        assert rules == {("quality and age",): 1, ("critical",): 0}
        age = _points(captured, names.ML_MODEL_AGE)[()]
        assert age == pytest.approx(time.time() - 1_577_836_800, abs=30)
        assert (
            _points(captured, names.ML_QUALITY_SEVERITY, names.ML_QUALITY_METRIC)["accuracy",] == 2
        )
        assert _points(captured, names.ML_LABEL_MATURE_AGE) == {(): pytest.approx(0.3)}
        traffic.until(lambda: _events(captured, names.EVENT_QUALITY_RECOVERED), 0.95)
        assert _points(captured, names.ML_QUALITY_DEGRADED) == {(): 0}
        assert len(_events(captured, names.EVENT_QUALITY_DEGRADED)) == 1


def test_quality_by_bin_of_what_has_drifted():
    """The feature that drifted has its accuracy by bin; the other has none."""
    names = semconv_quality
    by = (semconv.ML_FEATURE_NAME, semconv.ML_FEATURE_BIN)
    with capture(_config(), reference=_reference()) as captured:
        traffic = Traffic()
        traffic.send(200, 0.9)
        assert not _points(captured, names.ML_QUALITY_BY_BIN, *by)
        traffic.until(
            lambda: sum(_points(captured, names.ML_QUALITY_BY_BIN_ROWS, *by).values()) > 400,
            0.8,
            2.0,
        )
        rows = _points(captured, names.ML_QUALITY_BY_BIN_ROWS, *by)
        found = _points(captured, names.ML_QUALITY_BY_BIN, *by)  # has those bins, and may have more
        assert {feature for feature, _ in found} == {"f0"}
        top = max(rows, key=rows.get)
        assert top[1].endswith("inf)") or top[1].endswith("inf]")
        assert abs(found[top] - 0.8) < 0.15
        total = sum(found[key] * rows[key] for key in rows) / sum(rows.values())
        assert abs(total - 0.8) < 0.1


def test_quality_by_cohort_of_what_is_complete_and_what_is_not():
    """Each label is in one cohort; those older than the age said are complete."""
    names = semconv_quality
    by = (names.ML_QUALITY_METRIC, names.ML_LABEL_AGE, names.ML_LABEL_MATURE)
    with capture(_config(), reference=_reference()) as captured:
        traffic = Traffic()
        traffic.send(100, 1.0)
        old = ("accuracy", "1m", "true")
        traffic.until(
            lambda: _points(captured, names.ML_QUALITY_BY_COHORT_ROWS, *by).get(old, 0) >= 100, 1.0
        )
        found = _points(captured, names.ML_QUALITY_BY_COHORT, *by)
        assert set(found) <= {old, ("accuracy", "1m", "false")}
        assert set(found.values()) == {1.0}


def test_turned_off_there_is_nothing():
    """Without the drift monitor, or without feedback, nothing of it is emitted."""
    for more in (
        {"drift": DriftOptions(enabled=False)},
        {"feedback": FeedbackOptions(enabled=False)},
    ):
        with capture(Config(model="loan", system=False, instrument=(), **more)) as captured:
            Traffic().generator.random()
            with otelml.prediction("loan", features={"f0": 1.0}) as p:
                p.set_result(label="yes")
            captured.flush()
            assert not captured.metric(semconv_quality.ML_QUALITY_LOSS.name).points


def test_accepting_drift_accepts_the_quality():
    """The new normal is that of the answers too."""
    names = semconv_quality
    with capture(_config(), reference=_reference()) as captured:
        traffic = Traffic()
        traffic.until(lambda: _events(captured, names.EVENT_QUALITY_DEGRADED), 0.5)
        from otelml._monitor import Asked

        asked = Asked("accept", who="ann", why="a new product")
        assert captured._pipeline.ask(asked, 5.0)
        assert not _points(captured, names.ML_QUALITY_DEGRADED)
        traffic.until(lambda: _points(captured, names.ML_QUALITY_DEGRADED), 0.5)
        assert _points(captured, names.ML_QUALITY_REFERENCE, names.ML_QUALITY_BASELINE).keys() == {
            ("serving",)
        }
