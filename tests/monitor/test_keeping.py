"""A restart does not learn anew: what was learned is in the reference's file."""

from __future__ import annotations

import numpy as np
import pytest

from otelml import _guard, semconv
from otelml._monitor import Asked
from otelml.reference import Reference, accepted
from tests.monitor._driver import Driver, normal, reference_of

OPTIONS = {"every": "1h", "calibrate_for": "1d", "false_alarm_every": 1000 * 3600}


def _wave(generator, hour, size=0.3, rows=500):
    return normal(generator, rows) + size * np.sin(2 * np.pi * hour / 24)


@pytest.fixture
def path(tmp_path):
    reference_of().save(tmp_path / "reference.json")
    return tmp_path / "reference.json"


def _driver(path, **options):
    return Driver(Reference.load(path), **{**OPTIONS, **options})


def _season(driver, generator, shift=0.0):
    for hour in range(30):
        driver.check(_wave(generator, hour) + shift)
    assert driver.monitor.keeper.flush(10)


def test_a_restart_knows_the_swing_of_the_day(path):
    """It tests from the first window on, is silent through a day, and finds a shift."""
    generator = np.random.default_rng(1)
    first = _driver(path)
    _season(first, generator)
    learned = Reference.load(path).learned
    assert set(learned) == {"f0", "f1", "f2"}
    assert learned["f0"].margins[500] > 0.05
    assert learned["f0"].windows >= 24
    again = _driver(path)
    assert again.monitor.status()[0]["reference"]["learned"] == ["f0", "f1", "f2"]
    for hour in range(48):
        assert again.check(_wave(generator, hour)).detected == ()
    assert not any(report.learning for report in again.reports)
    assert again.reports[0].findings["f0"].p_value > 0
    for hour in range(8):
        again.check(_wave(generator, hour) + np.array([1.0, 0, 0]))
    found = {name for one in again.reports for name in one.detected}
    assert "f0" in found
    assert found <= {"f0", semconv.FEATURE_MULTIVARIATE}


def test_without_it_a_restart_learns_anew(path):
    """By option the file stays as it is."""
    before = path.read_bytes()
    first = _driver(path, keep_learned=False)
    _season(first, np.random.default_rng(2))
    assert not first.reports[-1].learning
    assert path.read_bytes() == before
    assert _driver(path).check(_wave(np.random.default_rng(3), 0)).learning


def test_skew_is_known_after_a_restart(path):
    """What serving looks like is the normal: no alarm for it, and no second event."""
    generator = np.random.default_rng(4)
    first = _driver(path)
    _season(first, generator, np.array([1.5, 0, 0]))
    assert first.reports[-1].findings["f0"].skewed
    again = _driver(path)
    for hour in range(24):
        report = again.check(_wave(generator, hour) + np.array([1.5, 0, 0]))
        assert (report.detected, report.skewed) == ((), ())
        assert report.findings["f0"].skewed
    found = {
        name
        for hour in range(8)
        for name in again.check(_wave(generator, hour) + np.array([3.0, 0, 0])).detected
    }
    assert found == {"f0"}


def test_an_accepted_normal_outlives_the_process(path):
    """With who and why; what was normal before is a change then."""
    generator = np.random.default_rng(5)
    first = _driver(path, calibrate_for=0)
    moved = np.array([1.0, 0, 0])
    assert first.check(normal(generator, 2000) + moved).detected == ("f0",)
    first.monitor.ask(Asked("accept", "loan", who="ann", why="a new product"))
    first.finish()
    assert first.monitor.keeper.flush(10)
    learned = Reference.load(path).learned
    assert (learned["f0"].source, learned["f0"].who) == ("accepted", "ann")
    again = _driver(path, calibrate_for=0)
    for _ in range(10):
        assert again.check(normal(generator, 2000) + moved).drifted == ()
    assert again.check(normal(generator, 2000)).detected == ("f0",)


def test_rows_accepted_by_the_command_are_the_normal_of_the_next_start(path):
    """Serving as it was accepted is silent; what the reference says is a change."""
    generator = np.random.default_rng(9)
    rows = normal(generator, 5000) + np.array([1.0, 0, 0])
    reference = Reference.load(path)
    named = dict(zip(("f0", "f1", "f2"), rows.T, strict=True))
    reference.keep(accepted(reference.features, reference.learned, named, names=["f0"]))
    driver = _driver(path, calibrate_for=0)
    for _ in range(10):
        assert driver.check(normal(generator, 2000) + np.array([1.0, 0, 0])).drifted == ()
    assert driver.check(normal(generator, 2000)).detected == ("f0",)


def test_shorter_windows_than_those_learned_from_learn_anew(path):
    """They show more of the day's pattern than long ones did."""
    generator = np.random.default_rng(6)
    _season(_driver(path), generator)
    assert _driver(path, window_rows=100).check(_wave(generator, 0, rows=100)).learning
    assert not _driver(path, window_rows=300).check(_wave(generator, 0, rows=300)).learning


def test_a_file_that_cannot_be_written_does_no_harm(path):
    """It is counted and told once; the monitor goes on with what it learned."""
    driver = _driver(path)
    before = _guard.errors["drift margins"]
    path.unlink()
    _season(driver, np.random.default_rng(7))
    assert _guard.errors["drift margins"] == before + 1
    assert not driver.reports[-1].learning
    assert driver.check(_wave(np.random.default_rng(8), 6)).detected == ()
