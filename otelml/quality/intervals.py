"""Intervals: Wilson's for a proportion, the bootstrap for anything else."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from otelml.exceptions import QualityError
from otelml.quality.score import Score

Floats = npt.NDArray[np.float64]
_CELLS_AT_ONCE = 4_000_000  # 32 MB of weights


def quantile(confidence: float) -> float:
    """Return z of a two-sided interval: 1.96 for 0.95.

    Raises:
        QualityError: ``confidence`` is not between 0 and 1.
    """
    if not 0.0 < confidence < 1.0:
        raise QualityError(f"confidence is {confidence!r:.80}; it must be between 0 and 1")
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def wilson(successes: float, trials: float, confidence: float = 0.95) -> Score:
    """Return a proportion with Wilson's interval.

    With p = successes / trials, the ends are
    (p + z²/2n ± z √(p(1 - p)/n + z²/4n²)) / (1 + z²/n).

    Args:
        successes: From 0 to ``trials``.
        trials: More than 0.
        confidence: What the interval is to cover.

    Raises:
        QualityError: The counts or the confidence are not usable.

    >>> [round(end, 3) for end in wilson(9, 10)]
    [0.9, 0.596, 0.982]
    """
    if not (0 <= successes <= trials and 0 < trials < math.inf):
        raise QualityError(f"{successes!r:.40} of {trials!r:.40} is not a proportion")
    z = quantile(confidence)
    share, spread = successes / trials, z * z / trials
    middle = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / trials + spread / (4 * trials)) / (1 + spread)
    lower = 0.0 if successes == 0 else max(0.0, middle - half)
    upper = 1.0 if successes == trials else min(1.0, middle + half)
    return Score(share, lower, upper)


def between(value: float, drawn: Floats, confidence: float) -> Score:
    """Return ``value`` with the middle ``confidence`` of what resampling gave.

    Args:
        value: The measure of all rows.
        drawn: The measure of each resample, shape (resamples,); NaN where undefined.
        confidence: What the interval is to cover.
    """
    defined = drawn[np.isfinite(drawn)]
    if not len(defined):
        return Score(value, value, value)
    tail = (1 - confidence) / 2
    lower, upper = np.quantile(defined, [tail, 1 - tail])
    return Score(value, min(value, float(lower)), max(value, float(upper)))


def bootstrap(
    rows: int,
    statistic: Callable[[Floats], Floats],
    *,
    resamples: int,
    seed: int,
) -> Floats:
    """Return a statistic of resamples of the rows.

    Args:
        rows: How many rows there are; at least 1.
        statistic: From weights of shape (m, rows), how often each row was drawn, to shape (m,).
        resamples: How many to draw; of many rows fewer, but at least 200 or as many as asked.
        seed: Of a generator of its own: the same seed gives the same interval.
    """
    generator = np.random.default_rng(seed)
    wanted = min(resamples, max(200, 20_000_000 // rows))
    at_once = max(1, _CELLS_AT_ONCE // rows)
    parts: list[Floats] = []
    for start in range(0, wanted, at_once):
        count = min(at_once, wanted - start)
        drawn = generator.integers(0, rows, (count, rows))
        drawn += (np.arange(count) * rows)[:, None]
        weights = np.bincount(drawn.ravel(), minlength=count * rows).reshape(count, rows)
        parts.append(statistic(weights.astype(np.float64)))
    return np.concatenate(parts) if parts else np.empty(0)


def means(values: Floats) -> Callable[[Floats], Floats]:
    """Return the statistic that is the mean of ``values``, shape (rows,)."""
    return lambda weights: weights @ values / len(values)
