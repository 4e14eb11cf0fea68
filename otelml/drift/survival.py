"""Upper tails of the chi-squared and the Kolmogorov distribution, without scipy."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from otelml.reference.columns import Floats

_SMALLEST_EXP = 700.0
_EXACT_BELOW = 50
_EXACT_PRODUCT = 60_000
_EXACT_NEAR = 1_000_000  # of nearly equal sizes, whose distances lie in clumps
_TERMS = 101
_NORMAL_FROM = 10_000
_MANY_DOF = 60  # above, one by one: features of many levels are few


def chi_squared_tail(value: float, dof: int) -> float:
    """Return P(X >= value) of a chi-squared X with a whole number of degrees of freedom.

    A finite sum: Abramowitz and Stegun, 26.4.4 and 26.4.5.

    >>> round(chi_squared_tail(3.841458820694124, 1), 12)
    0.05
    """
    if math.isnan(value):
        return math.nan
    if dof < 1:
        return 1.0
    half = value / 2
    if half <= 0:
        return 1.0
    power = 0.5 if dof % 2 else 0.0
    tail = math.erfc(math.sqrt(half)) if dof % 2 else 0.0
    places = [power + place for place in range(dof // 2)]
    if half < _SMALLEST_EXP:
        term = math.exp(-half) * half**power / math.gamma(power + 1)
        for place in places:
            tail += term
            term *= half / (place + 1)
    else:
        logs = (place * math.log(half) - half - math.lgamma(place + 1) for place in places)
        tail += math.fsum(math.exp(log) for log in logs)
    return min(1.0, tail)


def chi_squared_tails(values: Floats, dof: npt.NDArray[np.int64]) -> Floats:
    """Return ``chi_squared_tail`` of each value with its degrees of freedom.

    Args:
        values: Of any shape; none of them NaN.
        dof: Degrees of freedom, of a shape that fits.

    >>> chi_squared_tails(np.array([3.841458820694124, 0.0]), np.array([1, 4])).round(12).tolist()
    [0.05, 1.0]
    """
    values, dof = np.broadcast_arrays(values, dof)
    half = values / 2
    plain = (half > 0) & (half < _SMALLEST_EXP) & (dof >= 1) & (dof <= _MANY_DOF)
    odd = dof % 2 == 1
    safe = np.where(plain, half, 1.0)
    root = np.sqrt(safe)
    tail = np.zeros(half.shape)
    tail[odd] = [math.erfc(x) for x in root[odd].tolist()]
    term = np.exp(-safe) * np.where(odd, root / math.gamma(1.5), 1.0)
    power = np.where(odd, 0.5, 0.0)
    for place in range(int(dof.max(initial=0, where=plain)) // 2):
        tail += np.where(place < dof // 2, term, 0.0)
        term = term * safe / (power + place + 1)
    found: Floats = np.minimum(tail, 1.0)
    for index in zip(*np.nonzero(~plain), strict=True):
        found[index] = chi_squared_tail(float(values[index]), int(dof[index]))
    return found


def noncentral_chi_squared_tail(value: float, dof: int, noncentrality: float) -> float:
    """Return P(X >= value) of a noncentral chi-squared X: a mixture of chi-squared ones.

    Args:
        value: What was found.
        dof: Degrees of freedom, a whole number.
        noncentrality: How much the mean is larger than ``dof``; above 10,000 the normal limit.

    >>> round(noncentral_chi_squared_tail(20.0, 4, 5.0), 6)
    0.038734
    """
    if noncentrality <= 0 or dof < 1 or value <= 0:
        return chi_squared_tail(value, dof)
    if noncentrality > _NORMAL_FROM:
        spread = math.sqrt(2 * (dof + 2 * noncentrality))
        return 0.5 * math.erfc((value - dof - noncentrality) / spread / math.sqrt(2))
    half, mean = value / 2, noncentrality / 2
    places = np.arange(math.ceil(mean + 12 * math.sqrt(mean) + 20))
    # Logs of the weights e^-μ μ^j / j!, and of what each pair of degrees of freedom adds.
    gammas = np.concatenate([[0.0], np.cumsum(np.log(places[1:]))])
    weights = np.exp(places * math.log(mean) - mean - gammas)
    power = dof / 2
    gammas = math.lgamma(power + 1) + np.concatenate([[0.0], np.cumsum(np.log(power + places[1:]))])
    steps = np.exp((power + places) * math.log(half) - half - gammas)
    tails = chi_squared_tail(value, dof) + np.concatenate([[0.0], np.cumsum(steps[:-1])])
    return min(1.0, float((weights * tails).sum()))


def kolmogorov_tail(distance: float, rows: int, current: int) -> float:
    """Return P(D >= distance) of the two-sample Kolmogorov-Smirnov distance.

    Exact by counting paths for small samples: less than 50 rows in one, a product of at most
    60,000, or of a million where sizes are nearly equal. Above, the Kolmogorov series at the
    distance corrected as Hodges (1957) does for finite samples, less half a step of the lattice
    that distances lie on.

    Args:
        distance: The distance D.
        rows: Rows of one sample.
        current: Rows of the other.

    >>> round(kolmogorov_tail(0.2, 100, 100), 3)
    0.036
    """
    return kolmogorov_tails([distance], rows, current)[0]


def kolmogorov_tails(distances: Sequence[float], rows: int, current: int) -> list[float]:
    """Return ``kolmogorov_tail`` of several distances between samples of the same sizes."""
    few, many = sorted((rows, current))
    product = few * many
    near = 2 * many < 3 * few
    if few < _EXACT_BELOW or product <= (_EXACT_NEAR if near else _EXACT_PRODUCT):
        outside = _paths_outside(np.array(distances), few, many).tolist()
        return [p if d > 0 else 1.0 for p, d in zip(outside, distances, strict=True)]
    total = few + many
    lattice = math.gcd(few, many) / product
    correction = (many + 2 * few) / (6 * math.sqrt(product) * math.sqrt(total))
    root = math.sqrt(product / total)
    return [
        kolmogorov_series(root * (distance - lattice / 2) + correction) if distance > 0 else 1.0
        for distance in distances
    ]


def kolmogorov_series(scaled: float) -> float:
    """Return the limiting tail 2 Σ (-1)^(k-1) exp(-2 k² scaled²)."""
    if scaled < 0.2:  # noqa: PLR2004 - the tail is 1 to 12 digits
        return 1.0
    total = 0.0
    for k in range(1, _TERMS):
        term = math.exp(-2.0 * k * k * scaled * scaled)
        total += term if k % 2 else -term
        if term < 1e-17:  # noqa: PLR2004 - below a float's resolution of 1
            break
    return min(1.0, max(0.0, 2 * total))


def _paths_outside(distances: Floats, few: int, many: int) -> Floats:
    """Return the share of lattice paths that leave the band ``|i/few - j/many| < distance``."""
    step = math.gcd(few, many)
    limits = np.round(distances * (few * many / step))[:, None]  # in steps of the lattice
    across = np.arange(many + 1) * (few // step)
    inside = np.ones((len(distances), many + 1))
    every = np.ones(many + 1)
    for place in range(few + 1):
        band = np.abs(across - place * (many // step)) < limits
        if place:
            inside = np.cumsum(inside * band, axis=1) * band
            every = np.cumsum(every)
        else:
            inside = np.cumprod(band.astype(float), axis=1)
        largest = every[-1]
        inside, every = inside / largest, every / largest
    found: Floats = np.clip(1.0 - inside[:, -1] / every[-1], 0.0, 1.0)
    return found
