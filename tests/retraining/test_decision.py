"""The decision: which rules follow from what is known, and how often it is told."""

from __future__ import annotations

import numpy as np
import pytest

from otelml._retraining import Retraining
from otelml._retraining.decision import Facts, decide
from otelml.config import RetrainingOptions
from tests.monitor._driver import Driver, normal, reference_of

DAY_S = 86_400.0


class Decider:
    """A monitor with a critical feature, and the decision on a clock of the test's."""

    def __init__(self, **options):
        self.driver = Driver(reference_of(), window_rows=100, critical_features=("f0",))
        self.retraining = Retraining(
            RetrainingOptions(**{"command": ("true",), "dry_run": True, **options}),
            self.driver.monitor,
            None,
            "loan-api",
            clock=lambda: self.driver.now,
        )
        self.generator = np.random.default_rng(2)
        self.told = []
        self.triggered = []
        self.retraining.on_recommended = self.told.append
        self.retraining.tell_outcomes(lambda trigger, outcome, _: self.triggered.append(trigger.id))

    def check(self, shift):
        """Check a window of rows of which f0 is shifted, and decide."""
        self.driver.check(normal(self.generator, 400) + np.array([shift, 0, 0]))
        self.decide()

    def decide(self):
        self.retraining.work()
        assert self.retraining.triggers.wait(20)

    def wait(self, seconds):
        self.driver.now += seconds
        self.decide()


def test_a_critical_feature_is_told_once_and_again_after_the_cooldown():
    """While it lasts: one event, one trigger a cooldown, each with an id of its own."""
    decider = Decider()
    decider.check(0)
    assert (decider.told, decider.triggered) == ([], [])
    for _ in range(5):
        decider.check(3)
    assert len(decider.told) == 1
    assert decider.told[0].reasons == ("f0 drifted and is critical",)
    assert len(decider.triggered) == 1
    decider.wait(DAY_S / 2)
    assert len(decider.triggered) == 1
    decider.wait(DAY_S / 2)
    decider.wait(120)
    assert len(set(decider.triggered)) == 2
    assert len(decider.retraining.past()) == 2


def test_what_comes_and_goes_is_told_of_once():
    """The feature drifts, clears and drifts again within the cooldown: one event."""
    decider = Decider()
    for shift in (3, 0, 0, 0, 0, 3, 3):
        decider.check(shift)
    assert decider.retraining.of("loan", "1").recommended
    assert len(decider.told) == 1
    assert len(decider.triggered) == 1


def test_nobody_is_told_without_a_trigger():
    """Without webhook and command there is the recommendation alone."""
    decider = Decider(command=(), dry_run=False)
    decider.check(3)
    assert len(decider.told) == 1
    assert decider.retraining.past() == []


def test_what_is_not_known_does_not_hold():
    """No check, no labels, no date: no condition, and each says so."""
    decision = decide(Facts("loan", "1", None, None, None), RetrainingOptions())
    assert not decision.recommended
    assert not any(one.holds for one in decision.conditions.values())
    assert "not known" in decision.conditions["age"].text
    assert decision.to_dict()["reasons"] == []


@pytest.mark.parametrize(("days", "holds"), [(6.9, False), (7.1, True)])
def test_age(days, holds):
    """More than seven days."""
    facts = Facts("loan", "1", None, None, days * DAY_S)
    decision = decide(facts, RetrainingOptions(rules=("age",)))
    assert decision.recommended is holds


def test_the_age_is_that_of_the_reference_unless_it_is_said():
    """A reference knows when it was made; ``trained_at`` comes before it."""
    decider = Decider()
    decider.check(0)
    said = Decider(trained_at="2001-09-01T00:00:00Z")
    said.check(0)
    # The driver's clock is in 2001, before the reference was made.
    assert decider.retraining.of("loan", "1").age_s == 0
    assert said.retraining.of("loan", "1").age_s == pytest.approx(
        said.driver.now - 999_302_400, abs=1
    )
