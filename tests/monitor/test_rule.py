"""The monitor decides as ``otelml.drift.FeatureRule`` does: there is one rule."""

from __future__ import annotations

import numpy as np
import pytest

from otelml.drift import AlarmBudget, Evidence, FeatureRule, LearnedMargin
from otelml.reference import Reference, read_column
from tests.monitor._driver import Driver


def _columns(generator, rows, shift=0.0):
    return {
        "number": generator.normal(shift, 1, rows),
        "few": generator.poisson(2 + shift, rows).astype(float),
        "level": generator.choice(["a", "b", "c", "new"][: 4 if shift else 3], rows).tolist(),
    }


def _rows(columns):
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


@pytest.mark.parametrize("every", ["1h", "6h"])
@pytest.mark.parametrize("calibrate_for", [0, "1d"])
def test_the_same_windows_give_the_same_evidence(every, calibrate_for):
    """P-values, evidence and alarms of each window, learned margins included."""
    generator = np.random.default_rng(1)
    reference = Reference.from_data(_columns(generator, 5000))
    driver = Driver(reference, every=every, calibrate_for=calibrate_for, window_rows=300)
    budget = AlarmBudget.every(30 * 86_400, driver.options.every_s, 6)
    learned = 24 if calibrate_for else 0
    rules = {
        name: FeatureRule(feature, 6, 1, LearnedMargin(learned), LearnedMargin(learned))
        for name, feature in reference.features.items()
    }
    evidence = {name: Evidence(budget) for name in rules}
    alarms = 0
    for window in range(32):
        columns = _columns(generator, 300, 0.4 if window > 27 else 0.0)
        report = driver.check(_rows(columns))
        expected = []
        for name, rule in rules.items():
            p_value = rule.p_value(read_column(columns[name]))
            if evidence[name].add(p_value) == "alarm":
                expected.append(name)
            finding = report.findings[name]
            assert finding.learning is rule.learning
            assert finding.evidence == pytest.approx(evidence[name].value)
            if not rule.learning:
                assert finding.p_value == pytest.approx(p_value)
        assert sorted(report.detected) == sorted(expected)
        alarms += len(expected)
    assert alarms


def test_what_is_learned_is_bounded_and_ends():
    """Of very many windows some are kept; the margin is that of the one that strayed most."""
    generator = np.random.default_rng(2)
    reference = Reference.from_data({"x": generator.normal(size=5000)})
    driver = Driver(reference, every=10, calibrate_for=15_000, window_rows=50)
    for window in range(1510):
        driver.check([[x] for x in generator.normal(0.8 if window == 9 else 0, 1, 60)])
        rule = driver.watch.states["x"].rule
        assert len(rule.learned.distances) <= 1025
    assert not driver.reports[-1].learning
    assert rule.known_excess(60) > 0.1
