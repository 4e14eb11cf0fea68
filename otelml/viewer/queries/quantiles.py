"""Quantiles of any histogram, and the interval of a share."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from otelml.viewer.records import Buckets
from otelml.viewer.store import Counts


def add_to(total: dict[tuple[float, float], float], buckets: Buckets) -> None:
    """Add buckets to ``total``, which maps (low, high) edges to counts."""
    if buckets.scale is None:
        edges = pairwise((-math.inf, *buckets.bounds, math.inf))
        for edge, count in zip(edges, buckets.counts, strict=True):
            if count:
                total[edge] = total.get(edge, 0) + count
        return
    if buckets.zero:
        total[0.0, 0.0] = total.get((0.0, 0.0), 0) + buckets.zero
    for sign, side in ((1, buckets.positive), (-1, buckets.negative)):
        for index, count in side.items():
            low, high = _power(index, buckets.scale), _power(index + 1, buckets.scale)
            edge = (low, high) if sign > 0 else (-high, -low)
            total[edge] = total.get(edge, 0) + count


def _power(index: int, scale: int) -> float:
    exponent = index * 2.0**-scale
    return math.inf if exponent >= 1024 else 2.0**exponent  # noqa: PLR2004 - the largest double


def quantiles(
    edges: npt.NDArray[np.float64], counts: Counts, qs: Sequence[float]
) -> list[float] | None:
    """Return the quantiles of a histogram by linear interpolation, or None when it is empty."""
    cumulative = np.cumsum(counts)
    total = int(cumulative[-1]) if len(cumulative) else 0
    if total == 0:
        return None
    found: list[float] = []
    for q in qs:
        rank = q * total
        # The first non-empty bucket that reaches the rank.
        index = int(np.searchsorted(cumulative, max(rank, 1e-9), side="left"))
        before = int(cumulative[index - 1]) if index else 0
        share = (rank - before) / (int(cumulative[index]) - before)
        low, high = float(edges[index]), float(edges[index + 1])
        found.append(low + (high - low) * min(max(share, 0.0), 1.0))
    return found


def bucket_quantile(buckets: Iterable[tuple[float, float, float]], q: float) -> float | None:
    """Return the quantile of ``(low, high, count)`` buckets, or None when they are empty.

    An unbounded bucket answers its finite edge, as Prometheus does.
    """
    ordered = sorted((each for each in buckets if each[2] > 0), key=lambda each: each[:2][::-1])
    total = sum(count for _, _, count in ordered)
    if not total:
        return None
    rank, seen = q * total, 0.0
    for low, high, count in ordered:
        if seen + count >= rank:
            if math.isinf(high):
                return low if math.isfinite(low) else None
            if math.isinf(low):
                return min(high, 0.0) if high > 0 else high
            return low + (high - low) * max(0.0, rank - seen) / count
        seen += count
    return ordered[-1][1]


def wilson(successes: int, total: int, z: float = 1.959964) -> tuple[float, float]:
    """Return the 95 % Wilson score interval of a share (Wilson 1927)."""
    if total == 0:
        return 0.0, 1.0
    share = successes / total
    centre = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * math.sqrt(share * (1 - share) / total + z * z / (4 * total**2))
    return max(0.0, centre - half), min(1.0, centre + half)
