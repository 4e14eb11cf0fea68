"""How long labels take, learned from cohorts that are still being watched."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

# From a second to most of a year, each half as long again as the one before, about.
EDGES_S: npt.NDArray[np.float64] = 2.0 ** (np.arange(50) / 2)
_MATURE = 0.95
_LABELS = 50
_AHEAD = 4.0
Counts = npt.NDArray[np.int64]


def no_lags() -> Counts:
    """Return no label in any bin of lags."""
    return np.zeros(len(EDGES_S) + 1, np.int64)


def lag_bin(lag_s: float) -> int:
    """Return the bin of a lag: the first whose end, in seconds, it does not pass."""
    return int(np.searchsorted(EDGES_S, lag_s, side="left"))


class Maturity(NamedTuple):
    """From when on the labels of a cohort are as good as complete.

    Args:
        age_s: The age of its youngest prediction, seconds; infinite while that is not known.
        share: The share of its labels that have come by then.
    """

    age_s: float
    share: float


NOT_KNOWN = Maturity(float("inf"), 0.0)


def learn(cohorts: Iterable[tuple[float, Counts]]) -> Maturity:
    """Return from which age on at least 95 % of the labels have come that come at all.

    Kaplan and Meier's estimate with time reversed (Lagakos, Barraj and De Gruttola, 1988): of a
    cohort of age T only labels with a lag below T have been seen, so each bin of lags is looked at
    in cohorts that are older than it alone. How many predictions there were is not needed: most
    may never have a label, or may be another process's. An age counts only if cohorts four times
    as old have had labels: else one would not know of those that are later still.

    Args:
        cohorts: Of each its age in seconds and its labels by bin of their lag.
    """
    known = [(age, counts) for age, counts in cohorts if counts.any()]
    if not known:
        return NOT_KNOWN
    ages = np.array([age for age, _ in known])
    counts = np.stack([found[:-1] for _, found in known])
    seen = ages[:, None] >= EDGES_S[None, :]
    came = np.where(seen, counts, 0).sum(axis=0)
    at_risk = np.where(seen, np.cumsum(counts, axis=1), 0).sum(axis=0)
    enough = np.flatnonzero(at_risk >= _LABELS)
    if not len(enough):
        return NOT_KNOWN
    last = int(enough[-1])
    stays = 1 - came[: last + 1] / np.maximum(at_risk[: last + 1], 1)
    shares = np.append(np.cumprod(stays[:0:-1])[::-1], 1.0)
    fits = (shares >= _MATURE) & (EDGES_S[: last + 1] * _AHEAD <= EDGES_S[last])
    places = np.flatnonzero(fits)
    if not len(places):
        return NOT_KNOWN
    place = int(places[0])
    return Maturity(float(EDGES_S[place]), float(shares[place]))
