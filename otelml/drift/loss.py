"""How much worse labelled predictions are than the reference's: the loss, and how sure it is."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np

from otelml.exceptions import QualityError
from otelml.quality import wilson

_GIVEN_AWAY = 0.98  # two-sided: one reference in a hundred is better than it says by more
_Z = NormalDist().inv_cdf(0.975)
_MARGIN_Z = NormalDist().inv_cdf(0.5 + _GIVEN_AWAY / 2)


class Loss(NamedTuple):
    """How much worse quality is than the reference's; negative where it is better.

    Args:
        value: The loss.
        lower: Lower end of its 95 % interval.
        upper: Upper end.
        p_value: How probable so large a loss is where nothing changed. The reference's own error
            is given away before, so that p-values of windows beside one reference may be summed.
    """

    value: float
    lower: float
    upper: float
    p_value: float


def share_loss(
    right: float,
    rows: int,
    reference: float,
    reference_rows: int,
    *,
    effective: float | None = None,
    open_rows: float = 0.0,
) -> Loss:
    """Return the loss of a share of right predictions: reference - right / rows.

    The interval is Newcombe's (1998, his method 10), of Wilson's of either share. The p-value is
    the exact lower tail of the binomial distribution, at the lower end of the reference's own
    Wilson interval.

    Args:
        right: Right ones of the window.
        rows: Labelled rows of the window; at least 1.
        reference: The share of right ones in the reference, 0 to 1.
        reference_rows: Rows that it is of; at least 1.
        effective: Independent rows that the window is worth; all of them by default.
        open_rows: Labels that are still to come. In the p-value they count as right.

    Raises:
        QualityError: The counts are not usable.

    >>> loss = share_loss(80, 100, 0.9, 10_000)
    >>> round(loss.value, 3), loss.p_value < 0.01
    (0.1, True)
    """
    now = wilson(right, rows)
    before = wilson(reference * reference_rows, reference_rows)
    value = before.value - now.value
    below = math.hypot(before.value - before.lower, now.upper - now.value)
    above = math.hypot(before.upper - before.value, now.value - now.lower)
    scale = min(1.0, (rows if effective is None else effective) / rows)
    all_rows = rows + max(0.0, open_rows)
    trials = max(1, math.floor(all_rows * scale))
    successes = min(trials, math.ceil((right + max(0.0, open_rows)) / all_rows * trials - 1e-9))
    chance = wilson(reference * reference_rows, reference_rows, _GIVEN_AWAY).lower
    return Loss(value, value - below, value + above, _binomial_tail(successes, trials, chance))


def mean_loss(
    errors: Any,
    reference: float,
    reference_spread: float,
    reference_rows: int,
    *,
    effective: float | None = None,
) -> Loss:
    """Return the loss of a mean error: that of the window less the reference's.

    The p-value is that of Johnson's t (1978), which allows for errors that are skewed, at the
    larger of both spreads.

    Args:
        errors: Absolute errors of the window, shape (n,), finite; at least 2.
        reference: The reference's mean error.
        reference_spread: Standard deviation of the reference's errors; NaN where it is not known.
        reference_rows: Rows that they are of; at least 1.
        effective: Independent rows that the window is worth; all of them by default.

    Raises:
        QualityError: There are not two errors.

    >>> loss = mean_loss([3.0, 5.0] * 50, 2.0, 1.0, 10_000)
    >>> loss.value, loss.p_value < 1e-6
    (2.0, True)
    """
    found = np.asarray(errors, np.float64)
    if len(found) < 2:  # noqa: PLR2004 - a spread
        raise QualityError("a loss needs two errors or more")
    rows = min(float(len(found)), effective or float(len(found)))
    mean, spread = float(found.mean()), float(found.std(ddof=1))
    spread = max(spread, 0.0 if math.isnan(reference_spread) else reference_spread)
    own = 0.0 if math.isnan(reference_spread) else reference_spread
    own = (own or spread) / math.sqrt(reference_rows)
    value = mean - reference
    half = _Z * math.hypot(spread / math.sqrt(rows), own)
    beyond = value - _MARGIN_Z * own
    if spread <= 0:
        return Loss(value, value, value, 0.0 if beyond > 0 else 1.0)
    t = beyond * math.sqrt(rows) / spread
    skew = float((((found - mean) / spread) ** 3).mean())
    # A long tail of errors makes the mean of few stray upwards.
    t -= max(0.0, skew) / (6 * math.sqrt(rows)) * (1 + 2 * max(0.0, t) ** 2)
    return Loss(value, value - half, value + half, 0.5 * math.erfc(t / math.sqrt(2)))


def _binomial_tail(successes: int, trials: int, chance: float) -> float:
    """Return P(X <= successes) of a binomial distribution."""
    if successes >= trials or chance <= 0:
        return 1.0
    if chance >= 1:
        return 0.0
    counts = np.arange(successes + 1)
    steps = np.log(trials - counts[1:] + 1) - np.log(counts[1:])
    logs = np.concatenate([[0.0], np.cumsum(steps)])
    logs = logs + counts * math.log(chance) + (trials - counts) * math.log1p(-chance)
    largest = float(logs.max())
    return min(1.0, math.exp(largest) * float(np.exp(logs - largest).sum()))
