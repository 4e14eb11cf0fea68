"""The loss of quality beside a reference: its values, intervals and p-values."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from otelml.drift import AlarmBudget, Evidence, mean_loss, share_loss
from otelml.drift.loss import _binomial_tail
from otelml.exceptions import QualityError


@pytest.mark.parametrize(
    ("successes", "trials", "chance"),
    [(80, 100, 0.9), (0, 50, 0.1), (9_700, 10_000, 0.98), (3, 3, 0.5), (1, 2, 0.0), (1, 2, 1.0)],
)
def test_the_tail_is_scipys(successes, trials, chance):
    """The exact binomial tail, to a billionth."""
    expected = stats.binom.cdf(successes, trials, chance)
    assert _binomial_tail(successes, trials, chance) == pytest.approx(expected, rel=1e-9)


def test_intervals_hold_the_loss():
    """Of 2,000 windows, 93 to 97 % of the intervals hold the true loss of 0.05."""
    generator = np.random.default_rng(0)
    held = 0
    for _ in range(2000):
        found = share_loss(
            generator.binomial(300, 0.85), 300, generator.binomial(2000, 0.9) / 2000, 2000
        )
        held += found.lower <= 0.05 <= found.upper
    assert 0.93 <= held / 2000 <= 0.97


@pytest.mark.parametrize("kind", ["normal", "exponential", "lognormal"])
def test_errors_without_a_change_raise_few_alarms(kind):
    """20 references, 300 windows of 60 errors each, a budget of 1,000: at most a third alarms."""
    generator = np.random.default_rng(5)
    draw = {
        "normal": lambda n: np.abs(generator.normal(size=n)),
        "exponential": lambda n: generator.exponential(size=n),
        "lognormal": lambda n: generator.lognormal(size=n),
    }[kind]
    alarms = 0
    for _ in range(20):
        errors = draw(3000)
        evidence = Evidence(AlarmBudget(1, 1000))
        mean, spread = errors.mean(), errors.std()
        events = [evidence.add(mean_loss(draw(60), mean, spread, 3000).p_value) for _ in range(300)]
        alarms += "alarm" in events
    assert alarms <= 6


def test_labels_still_to_come_count_as_right():
    """With them the p-value is larger; the loss is of what has come."""
    plain, waiting = (share_loss(80, 100, 0.9, 10_000, open_rows=n) for n in (0, 10))
    assert waiting.value == plain.value
    assert waiting.p_value > plain.p_value


def test_fewer_effective_rows_say_less():
    """The same share of a tenth of the rows is less improbable."""
    assert (
        share_loss(800, 1000, 0.9, 10_000, effective=100).p_value
        > share_loss(800, 1000, 0.9, 10_000).p_value
    )


def test_degenerate():
    """No spread at all, one error, no rows."""
    assert mean_loss([1.0, 1.0], 1.0, 0.0, 10).p_value == 1.0
    assert mean_loss([2.0, 2.0], 1.0, 0.0, 10).p_value == 0.0
    with pytest.raises(QualityError):
        mean_loss([1.0], 1.0, 1.0, 10)
    with pytest.raises(QualityError):
        share_loss(0, 0, 0.9, 10)
    assert share_loss(10, 10, 1.0, 100).p_value == 1.0
