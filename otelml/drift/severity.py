"""The classic thresholds, as severities; they do not decide an alarm."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

from otelml.drift.statistic import Statistic

Severity = Literal["none", "moderate", "high"]
_RANK: tuple[Severity, ...] = ("none", "moderate", "high")

BANDS: Mapping[str, tuple[float, float]] = {
    "psi": (0.1, 0.2),
    "kl": (0.1, 0.5),
    "js": (0.1, 0.2),
    "wasserstein": (0.1, 0.3),
}
P_VALUE = "p_value"
P_VALUES = (0.05, 0.01)


def severity(name: str, statistic: Statistic, bands: Mapping[str, tuple[float, float]]) -> Severity:
    """Return how severe a statistic is by its bands, or by its p-value where it has no bands.

    Args:
        name: The statistic.
        statistic: Its value; of ``wasserstein`` in standard deviations of the reference.
        bands: From where it is moderate and high; of ``p_value`` up to where.

    >>> severity("psi", Statistic(0.15), BANDS)
    'moderate'
    """
    if name in bands:
        low, high = bands[name]
        found = statistic.value
        return _RANK[(found >= low) + (found >= high)]
    low, high = bands.get(P_VALUE, P_VALUES)
    return _RANK[(statistic.p_value < low) + (statistic.p_value < high)]


def worst(*severities: Severity) -> Severity:
    """Return the most severe."""
    return _RANK[max((_RANK.index(found) for found in severities), default=0)]


def finite(value: float) -> float | None:
    """Return a number for JSON, which has no NaN."""
    return value if math.isfinite(value) else None
