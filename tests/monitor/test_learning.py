"""What is learned: margins, a reference of one's own, skew, a new normal."""

from __future__ import annotations

import numpy as np
import pytest

from otelml import semconv
from otelml._monitor import Asked, Monitor
from otelml._records.results import Results
from otelml.reference import Reference
from tests.monitor._driver import MODEL, NOTHING, Driver, normal, reference_of

DAY = 86_400


def _wave(generator, hour, size, rows=500):
    return normal(generator, rows) + size * np.sin(2 * np.pi * hour / 24)


def test_a_daily_swing_is_learned_and_a_shift_on_top_of_it_found():
    """Windows of an hour swing by a day's sine; only a shift beyond what was learned alarms."""
    driver = Driver(reference_of(), every="1h", calibrate_for="1d", false_alarm_every=1000 * 3600)
    generator = np.random.default_rng(1)
    for hour in range(24 * 5):
        driver.check(_wave(generator, hour, 0.3))
    assert driver.reports[20].learning
    assert not driver.reports[40].learning
    assert not any(report.detected for report in driver.reports)
    for hour in range(12):
        driver.check(_wave(generator, hour, 0.3) + np.array([1.0, 0, 0]))
    assert {name for report in driver.reports for name in report.detected} == {"f0"}


def test_an_ordered_reference_teaches_its_own_margin():
    """With rows in the order of time nothing has to be learned from serving."""
    generator = np.random.default_rng(2)
    rows = np.concatenate([_wave(generator, hour, 0.3) for hour in range(48)])
    reference = Reference.from_data(rows, feature_names=["f0", "f1", "f2"], ordered=True)
    driver = Driver(reference, every="1h", calibrate_for="1d", false_alarm_every=1000 * 3600)
    for hour in range(24 * 3):
        driver.check(_wave(generator, hour, 0.3))
    assert not any(report.learning or report.detected for report in driver.reports)
    for hour in range(12):
        driver.check(_wave(generator, hour, 0.3) + np.array([0, 0.5, 0]))
    assert "f1" in {name for report in driver.reports for name in report.detected}


def test_skew_is_told_apart_and_is_no_alarm():
    """Serving that differs from its start is skew; a change from there on is drift."""
    driver = Driver(reference_of(), every="1h", calibrate_for="1d")
    generator = np.random.default_rng(3)
    skew = np.array([0.8, 0, 0])
    for _ in range(60):
        driver.check(normal(generator, 500) + skew)
    assert [report.skewed for report in driver.reports if report.skewed] == [("f0",)]
    assert not any(report.detected for report in driver.reports)
    assert driver.reports[-1].findings["f0"].skewed
    assert driver.reports[-1].findings["f0"].severity == 2
    assert driver.monitor.status()[0]["skewed"] == ["f0"]
    for _ in range(6):
        driver.check(normal(generator, 500) + 2 * skew)
    assert {name for report in driver.reports for name in report.detected} == {"f0"}


def test_while_learning_the_classic_thresholds_speak_and_nothing_alarms():
    """A swing cannot be told from a change on the first day: the severity is there to see."""
    driver = Driver(reference_of(), calibrate_for="1d")
    generator = np.random.default_rng(4)
    driver.check(normal(generator, 500))
    report = driver.check(normal(generator, 500) + np.array([1, 0, 0]))
    assert report.detected == ()
    assert report.findings["f0"].severity == 2
    assert report.findings["f1"].severity == 0
    assert report.learning
    assert driver.monitor.status()[0]["state"] == "learning"


def test_a_new_normal_is_accepted():
    """What was accepted is silent from then on; what was normal before is a change."""
    driver = Driver(reference_of())
    generator = np.random.default_rng(5)
    moved = np.array([1.0, 0, 0])
    assert driver.check(normal(generator, 2000) + moved).detected == ("f0",)
    asked = Asked("accept", "loan", who="ann", why="a new product")
    driver.monitor.ask(asked)
    driver.finish()
    assert asked.done.is_set()
    assert asked.answers == [{"model": "loan", "version": "1", "features": ["f0"]}]
    assert driver.accepted == [("ann", ["f0"])]
    for _ in range(20):
        assert driver.check(normal(generator, 2000) + moved).drifted == ()
    assert driver.check(normal(generator, 2000)).detected == ("f0",)


def test_without_a_reference_the_first_rows_become_it():
    """It is made of the first rows, said to be so, and a change from there is found."""
    driver = Driver(self_reference_rows=1000)
    generator = np.random.default_rng(6)
    for row in normal(generator, 400):
        driver.send(dict(zip(("f0", "f1", "f2"), row.tolist(), strict=True)))
    driver.now += 300
    driver.finish()
    assert not driver.reports
    assert driver.monitor.status()[0]["reference"]["collected"] == {"rows": 400, "of": 1000}
    assert driver.monitor.reference_of(*MODEL) == ("", semconv.REFERENCE_NONE)
    for row in normal(generator, 900):
        driver.send(dict(zip(("f0", "f1", "f2"), row.tolist(), strict=True)))
    digest, source = driver.monitor.reference_of(*MODEL)
    assert (len(digest), source) == (64, semconv.REFERENCE_SELF)
    rows = normal(generator, 600) + np.array([1, 0, 0])
    for row in rows:
        driver.send(dict(zip(("f0", "f1", "f2"), row.tolist(), strict=True)))
    assert driver.tick().detected == ("f0",)


def _labels(generator, share, rows=600):
    labels = generator.choice(["yes", "no"], rows, p=[share, 1 - share]).tolist()
    confidences = generator.beta(8, 2, rows)
    return Results(labels, None, confidences, (), float(confidences.min()))


def test_predictions_drift_by_their_labels():
    """A changed share of labels is drift of ``prediction`` and a change of rate."""
    generator = np.random.default_rng(7)
    reference = Reference.from_data(
        normal(generator, 5000),
        feature_names=["f0", "f1", "f2"],
        predictions=generator.choice(["yes", "no"], 5000),
    )
    driver = Driver(reference)
    report = driver.check(normal(generator, 600), _labels(generator, 0.5))
    assert report.detected == ()
    assert report.rate_change is not None
    assert not report.rate_change.changed
    report = driver.check(normal(generator, 600), _labels(generator, 0.75))
    assert report.detected == ("prediction",)
    assert report.rate_change is not None
    assert report.rate_change.changed
    assert 0.15 < abs(report.rate_change.current - report.rate_change.reference) < 0.35


def test_labels_of_numbers_in_the_reference_and_of_text_in_serving_are_the_same():
    """A reference of 0 and 1, and predictions named ``0`` and ``1`` or ``true`` and ``false``."""
    generator = np.random.default_rng(8)
    reference = Reference.from_data(
        normal(generator, 5000), predictions=generator.integers(0, 2, 5000)
    )
    for names in (["0", "1"], ["false", "true"]):
        driver = Driver(reference)
        labels = generator.choice(names, 600).tolist()
        report = driver.check(normal(generator, 600), Results(labels, None, None, ()))
        assert report.detected == ()
        assert report.findings["prediction"].drift.unseen == 0


def test_confidence_and_values_are_watched_from_their_first_rows():
    """Without predictions in the reference the first ones are what later ones are held against."""
    generator = np.random.default_rng(9)
    driver = Driver(reference_of(), self_reference_rows=600)
    driver.check(normal(generator, 600), _labels(generator, 0.5))
    driver.check(normal(generator, 600), _labels(generator, 0.5))
    low = _labels(generator, 0.5)
    assert low.confidences is not None
    report = driver.check(normal(generator, 600), low._replace(confidences=low.confidences / 2))
    assert report.detected == (semconv.FEATURE_CONFIDENCE,)


def test_a_fork_forgets_rows_and_keeps_the_reference():
    """A child counts from zero, with the reference of its parent."""
    driver = Driver(reference_of())
    generator = np.random.default_rng(10)
    driver.check(normal(generator, 600) + np.array([1, 0, 0]))
    driver.send(normal(generator, 300))
    driver.monitor.clear()
    assert driver.watch.rows == 0
    assert driver.watch.report is None
    assert driver.watch.source == semconv.REFERENCE_GIVEN
    assert {float(total.sum()) for total in driver.watch.totals.values()} == {0.0}


def test_one_replica_restarted_does_not_wake_the_others():
    """A replica that begins anew is silent, and so is the one that goes on."""
    generator = np.random.default_rng(11)
    reference = reference_of()
    old, new = Driver(reference), Driver(reference)
    for step in range(30):
        if step == 15:
            new = Driver(reference)
        for driver in (old, new):
            assert driver.check(normal(generator, 500)).detected == ()


def test_a_new_version_starts_anew():
    """Another version has a window and a reference of its own."""
    driver = Driver(reference_of())
    generator = np.random.default_rng(12)
    driver.send(normal(generator, 50), NOTHING, ("loan", "2"))
    keys = {(one.model, one.version): one.source for one in driver.monitor.watches()}
    assert keys == {MODEL: semconv.REFERENCE_GIVEN, ("loan", "2"): semconv.REFERENCE_NONE}


def test_models_are_bounded():
    """A flood of versions keeps a hundred."""
    monitor = Monitor(Driver().options)
    driver = Driver()
    driver.monitor = monitor
    for version in range(300):
        driver.send({"a": 1.0}, NOTHING, ("loan", str(version)))
    assert len(monitor.watches()) == 100


def test_what_is_learned_from_is_bounded():
    """A day of large windows keeps a few values of each feature, which say what all of them do."""
    driver = Driver(reference_of(), every="1h", calibrate_for="1d", false_alarm_every=1000 * 3600)
    generator = np.random.default_rng(4)
    for hour in range(20):
        driver.check(_wave(generator, hour, 0.3, 4_000))
    own = driver.watch.states["f0"]._gathered._own
    assert len(own.sample.values) <= 2_500
    assert own.usable == 40_000
    assert own.sample.mean == pytest.approx(
        0.3 * np.sin(2 * np.pi * np.arange(20) / 24).mean(), abs=0.02
    )
    assert own.sample.deviation == pytest.approx(1.02, abs=0.03)
