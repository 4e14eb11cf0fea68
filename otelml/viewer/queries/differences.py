"""Differences of shares and quantiles with their intervals: what is more than chance."""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from otelml.viewer.queries.quantiles import quantiles, wilson
from otelml.viewer.store import Counts

_LEVEL = 0.05
_Z_95 = NormalDist().inv_cdf(1 - _LEVEL / 2)


class Estimate(NamedTuple):
    """A number, the ends of its interval, and how many observations it is of."""

    value: float
    lower: float
    upper: float
    of: int


def z_of(comparisons: int) -> float:
    """Return the normal quantile at which all comparisons together err in 1 of 20 (Bonferroni)."""
    return NormalDist().inv_cdf(1 - _LEVEL / (2 * max(1, comparisons)))


def share(part: int, whole: int, z: float) -> Estimate | None:
    """Return a share with its Wilson interval, or None of nothing."""
    if not whole:
        return None
    return Estimate(part / whole, *wilson(part, whole, z), whole)


def quantile(edges: npt.NDArray[np.float64], counts: Counts, q: float, z: float) -> Estimate | None:
    """Return a histogram's quantile; its interval is that of the binomial rank.

    References:
        Conover: Practical Nonparametric Statistics, 3rd ed., section 3.2.
    """
    total = int(counts.sum())
    if not total:
        return None
    half = z * math.sqrt(q * (1 - q) / total)
    found = quantiles(edges, counts, (max(0.0, q - half), q, min(1.0, q + half)))
    return None if found is None else Estimate(found[1], found[0], found[2], total)


def widened(value: float, lower: float, upper: float, z: float) -> Estimate:
    """Return a number that came with a 95 % interval, with the interval of another level."""
    factor = z / _Z_95
    return Estimate(value, value - (value - lower) * factor, value + (upper - value) * factor, 0)


def difference(
    measure: str, unit: str, sides: Iterable[Estimate | None], subject: str | None = None
) -> dict[str, Any] | None:
    """Return a line: the second side minus the first; None where neither is known.

    The interval of the difference is made of those of its sides (MOVER). ``certain`` says that it
    leaves zero out.

    References:
        Zou, Donner: "Construction of confidence limits about effect measures: A general approach",
        Statistics in Medicine 27(10), 2008; for shares Newcombe, same journal, 17(8), 1998.
    """
    a, b = sides
    if a is None and b is None:
        return None
    line: dict[str, Any] = {
        "measure": measure,
        "subject": subject,
        "unit": unit,
        "a": a and a.value,
        "b": b and b.value,
        "count_a": a.of if a else 0,
        "count_b": b.of if b else 0,
        "difference": None,
        "lower": None,
        "upper": None,
        "certain": False,
    }
    if a is not None and b is not None:
        change = b.value - a.value
        lower = change - math.hypot(b.value - b.lower, a.upper - a.value)
        upper = change + math.hypot(b.upper - b.value, a.value - a.lower)
        line |= {"difference": change, "lower": lower, "upper": upper}
        line["certain"] = lower > 0 or upper < 0
    return line
