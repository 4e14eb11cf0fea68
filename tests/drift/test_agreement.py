"""The largest difference to scipy of each statistic, over the generated cases; printed."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon
from scipy.special import rel_entr

from otelml.drift import chi_squared, js, kl, ks, psi, wasserstein
from tests.drift.test_statistics import KINDS, counts_of, draw

SIZES = ((50, 64), (199, 500), (200, 199), (1000, 500))
SHIFTS = (0.0, 0.1, 1.0)
LIMIT = 1e-12


def cases():
    """Return every pair of samples, as floats."""
    for place, kind in enumerate(KINDS):
        for rows, now in SIZES:
            for shift in SHIFTS:
                seed = 100 * place + rows
                yield (
                    np.asarray(draw(kind, rows, 0.0, seed), float),
                    np.asarray(draw(kind, now, shift, seed + 1), float),
                )


def differences(before, now):
    """Return each statistic's difference; of what has a scale, as a share of that."""
    a, b = counts_of(before, now)
    p, q = (np.where(x > 0, x / x.sum(), 1e-4) for x in (a, b))
    exact = stats.ks_2samp(before, now, method="exact")
    spread = max(1.0, float(np.ptp(np.concatenate([before, now]))))
    moved = wasserstein(before, now).value - stats.wasserstein_distance(before, now)
    found = ks(before, now)
    distance = jensenshannon(a, b, 2)
    gone = {
        "ks": found.value - exact.statistic,
        "ks p-value": found.p_value - exact.pvalue,
        "wasserstein": moved / spread,
        "psi": psi(before, now).value - (rel_entr(p, q).sum() + rel_entr(q, p).sum()),
        "kl": kl(before, now).value - rel_entr(p, q).sum(),
        "js": js(before, now).value - (0.0 if math.isnan(distance) else distance),
    }
    used = a + b > 0
    if used.sum() > 1:
        pearson = stats.chi2_contingency([a[used], b[used]], correction=False)
        one = chi_squared(before, now)
        gone["chi_squared"] = (one.value - pearson.statistic) / max(1, pearson.statistic)
        gone["chi_squared p-value"] = one.p_value - pearson.pvalue
    return {name: abs(float(value)) for name, value in gone.items()}


@pytest.fixture(scope="module")
def largest():
    """Return the largest difference of each statistic."""
    worst = {}
    for before, now in cases():
        for name, value in differences(before, now).items():
            worst[name] = max(worst.get(name, 0.0), value)
    print("\n" + "\n".join(f"{name:20} {value:.1e}" for name, value in worst.items()))  # noqa: T201
    return worst


@pytest.mark.parametrize(
    "name", ["ks", "wasserstein", "psi", "kl", "js", "chi_squared", "chi_squared p-value"]
)
def test_values_are_those_of_scipy(largest, name):
    """All cases agree."""
    assert largest[name] <= LIMIT


def test_the_p_value_of_ks_is_near(largest):
    """It is a series, within 0.005 of the exact one."""
    assert largest["ks p-value"] <= 0.005
