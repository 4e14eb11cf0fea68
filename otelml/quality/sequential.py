"""Two variants compared while the numbers come in: a p-value that may be looked at any time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from otelml._shown import shown
from otelml.exceptions import QualityError

_FEWEST = 2


@dataclass(frozen=True)
class Sequential:
    """Two variants beside each other, so far.

    Args:
        difference: Mean of the second less mean of the first.
        lower: Lower end of the interval of the difference.
        upper: Its upper end.
        p_value: At most ``alpha`` at any time, with probability ``alpha``, where there is none.
        rows: Measurements of the first and of the second.
    """

    difference: float
    lower: float
    upper: float
    p_value: float
    rows: tuple[int, int]

    def differs(self, alpha: float = 0.05) -> bool:
        """Whether the variants differ; the experiment may end as soon as they do."""
        return self.p_value <= alpha


def sequential(first: Any, second: Any, *, effect: float, alpha: float = 0.05) -> Sequential:
    """Compare the means of two variants by a mixture sequential probability ratio test.

    Looking at an ordinary test every hour and stopping at its first success finds a difference
    between equal variants far more often than the test says. This one may be looked at after
    each measurement. With d the difference of the means, V the variance of d (s1²/n1 + s2²/n2)
    and τ the effect, the ratio is √(V / (V + τ²)) · exp(τ² d² / (2 V (V + τ²))), a normal mixture
    over the differences that there may be; p is one over it, at most 1 (Johari and others,
    2022). The variances are those of the measurements, so some hundred of each are needed.

    Args:
        first: Measurements of one variant, shape (n,): 0 and 1 for errors or right labels,
            logarithms of seconds for latencies.
        second: Those of the other one, shape (m,), independent of them.
        effect: The size of difference to look for, in the unit of the measurements; chosen
            before they come. Another one costs measurements, not validity.
        alpha: One less what the interval is to cover.

    Raises:
        QualityError: Fewer than two measurements of one, one that is not finite, or an effect or
            alpha out of range.

    >>> sequential([0, 1] * 400, [1, 1, 1, 0] * 200, effect=0.1).differs()
    True
    """
    one, other = _measurements("first", first), _measurements("second", second)
    if not 0 < effect < math.inf:
        raise QualityError(f"effect is {shown(effect)}; it must be a positive number")
    if not 0 < alpha < 1:
        raise QualityError(f"alpha is {shown(alpha)}; it must be between 0 and 1")
    difference = float(other.mean() - one.mean())
    variance = float(one.var(ddof=1) / len(one) + other.var(ddof=1) / len(other))
    rows = (len(one), len(other))
    if variance == 0:  # nothing is known of the spread yet: the test says nothing
        return Sequential(difference, -math.inf, math.inf, 1.0, rows)
    mixed = effect * effect
    total = variance + mixed
    log_ratio = 0.5 * math.log(variance / total) + mixed * difference**2 / (2 * variance * total)
    spread = math.log(total / variance) - 2 * math.log(alpha)
    half = math.sqrt(variance * total / mixed * spread)
    p_value = math.exp(-max(0.0, log_ratio))
    return Sequential(difference, difference - half, difference + half, p_value, rows)


def _measurements(name: str, given: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    try:
        values = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise QualityError(f"{name} are not all numbers") from None
    if values.ndim != 1 or len(values) < _FEWEST or not np.isfinite(values).all():
        raise QualityError(f"{name} must be two or more finite numbers, shape (n,)")
    return values
