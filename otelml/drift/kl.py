"""Kullback-Leibler: what is lost by taking one distribution for the other."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from otelml.drift.pairs import EPSILON, MIN_ROWS, Histograms, Tested, histograms
from otelml.drift.statistic import Statistic
from otelml.reference.columns import Floats

Direction = Literal["reference_to_current", "current_to_reference"]


def kl(
    reference: Any,
    current: Any,
    bins: int = 10,
    epsilon: float = EPSILON,
    *,
    direction: Direction = "reference_to_current",
    bootstrap: int = 0,
    seed: int | None = None,
    min_rows: int = MIN_ROWS,
) -> Statistic:
    """Return KL = Σ p ln(p / q) over the reference's bins, and its p-value.

    The p-value is that of 2 nm/(n+m) · KL(q‖p) ~ χ²(B - 1), or of the parametric bootstrap.

    Args:
        reference: Values or levels of the reference.
        current: Values or levels now.
        bins: Quantile bins of numbers with more than 20 distinct values.
        epsilon: What an empty bin counts as; shares are not scaled again.
        direction: ``current_to_reference`` is Σ q ln(q / p).
        bootstrap: Windows drawn from the reference's shares for the p-value; 0 for χ².
        seed: Makes the bootstrap repeat; numpy's global state is never touched.
        min_rows: Usable values that each side needs; with less, the value is NaN.

    >>> round(kl(["a"] * 50 + ["b"] * 50, ["a"] * 60 + ["b"] * 40).value, 6)
    0.020411
    """
    pair = histograms(reference, current, bins, min_rows)
    if isinstance(pair, Statistic):
        return pair
    found = pair.statistic(kl_of(pair, epsilon, direction))
    if not bootstrap:
        return found
    p, _ = pair.filled(epsilon)
    null = kl_null(p, int(pair.rows[1]), bootstrap, epsilon, direction, seed)
    return Statistic(found.value, bootstrap_p_value(found.value, null))


def kl_of(
    pair: Histograms, epsilon: float = EPSILON, direction: Direction = "reference_to_current"
) -> Tested:
    """Return KL of two histograms."""
    p, q = pair.filled(epsilon)
    logs = pair.logs(epsilon)
    backward = (q * logs).sum(axis=-1)
    forward = direction == "reference_to_current"
    return Tested(-(p * logs).sum(axis=-1) if forward else backward, 2 * backward * pair.harmonic)


def kl_null(
    shares: Floats,
    rows: int,
    draws: int,
    epsilon: float = EPSILON,
    direction: Direction = "reference_to_current",
    seed: int | None = None,
) -> Floats:
    """Return KL of ``draws`` windows drawn from the shares, in order.

    Args:
        shares: The reference's share of each bin, none of them 0.
        rows: Rows of a window.
        draws: Windows to draw.
        epsilon: What an empty bin counts as.
        direction: As in ``kl``.
        seed: Makes the draws repeat.
    """
    generator = np.random.default_rng(seed)
    drawn = generator.multinomial(rows, shares / shares.sum(), size=draws) / rows
    q = np.where(drawn > 0, drawn, epsilon)
    logs = np.log(q / shares)
    found = (q * logs if direction == "current_to_reference" else -shares * logs).sum(axis=1)
    return np.sort(found)


def bootstrap_p_value(value: float, null: Floats) -> float:
    """Return the share of the null at or above the value, the value itself among it.

    Args:
        value: What was found.
        null: What windows without a change gave, in order.
    """
    above = len(null) - int(np.searchsorted(null, value - 1e-12 * abs(value)))
    return (above + 1) / (len(null) + 1)
