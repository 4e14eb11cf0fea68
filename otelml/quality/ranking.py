"""Measures of a ranking: area under the ROC curve, average precision."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from otelml.quality.intervals import Floats, between, bootstrap, quantile, wilson
from otelml.quality.score import Score

Bools = npt.NDArray[np.bool_]


def _midranks(values: Floats) -> Floats:
    """Return ranks from 1; equal values share the middle of theirs."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    middles: Floats = ends - (counts - 1) / 2
    return middles[places.ravel()]


def roc_auc(is_positive: Bools, scores: Floats, confidence: float = 0.95) -> Score | None:
    """Return the area under the ROC curve with DeLong's interval.

    AUC = P(score of a positive > score of a negative) + P(equal) / 2. DeLong's variance is
    var(V₁)/m + var(V₀)/n, where V₁ is, of each positive, the share of negatives below it, and V₀
    of each negative the share of positives above it. Where the classes are told apart without an
    error that variance is 0, and Wilson's interval of the smaller class stands in for it.

    Args:
        is_positive: Shape (n,).
        scores: Shape (n,), finite; higher means more likely positive.
        confidence: What the interval is to cover.

    Returns:
        None where there are not both classes.

    >>> roc_auc(np.array([False, True, False, True]), np.array([0.1, 0.4, 0.35, 0.8])).value
    1.0
    """
    positive, negative = scores[is_positive], scores[~is_positive]
    m, n = len(positive), len(negative)
    if not m or not n:
        return None
    ranks = _midranks(np.concatenate([positive, negative]))
    below = (ranks[:m] - _midranks(positive)) / n
    above = 1 - (ranks[m:] - _midranks(negative)) / m
    value = float(below.mean())
    variance = (below.var(ddof=1) / m if m > 1 else 0.0) + (above.var(ddof=1) / n if n > 1 else 0.0)
    if not variance > 0 or min(m, n) == 1:
        few = min(m, n)
        _, lower, upper = wilson(min(max(value, 0.0), 1.0) * few, few, confidence)
        return Score(value, lower, upper)
    half = quantile(confidence) * math.sqrt(variance)
    return Score(value, max(0.0, value - half), min(1.0, value + half))


def _average_precisions(hits: Floats, ends: npt.NDArray[np.intp], weights: Floats) -> Floats:
    """Return Σ (Rₖ - Rₖ₋₁) Pₖ for each row of weights.

    Args:
        hits: 1 for a positive, by falling score, shape (n,).
        ends: The last place of each different score.
        weights: Shape (m, n), in the same order.
    """
    right = np.cumsum(weights * hits, axis=1)[:, ends]
    seen = np.cumsum(weights, axis=1)[:, ends]
    precision = np.divide(right, seen, out=np.zeros_like(right), where=seen > 0)
    gained = np.diff(right, axis=1, prepend=0.0)
    total = right[:, -1]
    summed = (gained * precision).sum(axis=1)
    found: Floats = np.divide(summed, total, out=np.full_like(summed, np.nan), where=total > 0)
    return found


def pr_auc(
    is_positive: Bools,
    scores: Floats,
    confidence: float = 0.95,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Score | None:
    """Return the average precision, Σ (Rₖ - Rₖ₋₁) Pₖ over falling scores, with its bootstrap.

    Args:
        is_positive: Shape (n,).
        scores: Shape (n,), finite.
        confidence: What the interval is to cover.
        resamples: Resamples of the bootstrap.
        seed: Of the bootstrap.

    Returns:
        None where there is no positive.

    >>> value = pr_auc(np.array([False, True, False, True]), np.array([0.1, 0.4, 0.5, 0.8])).value
    >>> round(value, 4)
    0.8333
    """
    if not is_positive.any():
        return None
    order = np.argsort(-scores, kind="stable")
    hits, ordered = is_positive[order].astype(np.float64), scores[order]
    ends = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)
    value = float(_average_precisions(hits, ends, np.ones((1, len(hits))))[0])
    drawn = bootstrap(
        len(hits),
        lambda weights: _average_precisions(hits, ends, weights),
        resamples=resamples,
        seed=seed,
    )
    return between(value, drawn, confidence)
