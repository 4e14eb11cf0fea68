"""The six statistics against scipy's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon
from scipy.special import rel_entr

from otelml.drift import chi_squared, js, kl, ks, psi, wasserstein
from otelml.drift.survival import chi_squared_tail, kolmogorov_tail

KINDS = (
    "normal",
    "lognormal",
    "one_decimal",
    "integer",
    "float32",
    "constant",
    "boolean",
    "two_values",
    "tiny_scale",
    "huge_scale",
)


def draw(kind, rows, shift, seed):
    """Return rows of a kind of data."""
    rng = np.random.default_rng(seed)
    normal = rng.normal(shift, 1, rows)
    return {
        "normal": lambda: normal,
        "lognormal": lambda: np.exp(4 * normal),
        "one_decimal": lambda: normal.round(1),
        "integer": lambda: (normal * 10).astype(np.int64),
        "float32": lambda: normal.astype(np.float32),
        "constant": lambda: np.full(rows, 3.7),
        "boolean": lambda: normal > 0.3,
        "two_values": lambda: np.where(normal > 1, -7.0, 1e6),
        "tiny_scale": lambda: normal * 1e-9 + 5,
        "huge_scale": lambda: normal * 1e9,
    }[kind]()


pairs = st.builds(
    lambda kind, n, m, shift, seed: (draw(kind, n, 0, seed), draw(kind, m, shift, seed + 1)),
    st.sampled_from(KINDS),
    st.sampled_from((1, 2, 7, 50, 199, 200, 1000, 3001)),
    st.sampled_from((1, 3, 50, 64, 199, 200, 500, 5000)),
    st.sampled_from((0.0, 0.1, 1.0, 5.0)),
    st.integers(0, 10_000),
)


def counts_of(reference, current, epsilon_bins=10):
    """Return rows in the documented bins, by another way than the code's."""
    reference, current = (np.asarray(x, float) for x in (reference, current))
    values = np.unique(reference)
    if len(values) <= 20:
        both = [
            np.array([(x == v).sum() for v in values] + [(~np.isin(x, values)).sum()])
            for x in (reference, current)
        ]
    else:
        edges = np.unique(np.quantile(reference, np.linspace(0, 1, epsilon_bins + 1)[1:-1]))
        both = [
            np.bincount([int((edges < v).sum()) for v in x], minlength=len(edges) + 1)
            for x in (reference, current)
        ]
    return [counts.astype(float) for counts in both]


@given(pairs)
@settings(max_examples=120, deadline=None)
def test_ks_is_that_of_scipy(pair):
    """D agrees to 1e-12, its p-value to 0.005 of the exact one."""
    found = ks(*pair, min_rows=1)
    pair = [np.asarray(x, float) for x in pair]  # newer ones of scipy reckon in float32
    value = stats.ks_2samp(*pair, method="asymp").statistic
    assert abs(found.value - value) <= 1e-12
    if len(pair[0]) * len(pair[1]) <= 1_000_000:
        exact = stats.ks_2samp(*pair, method="exact").pvalue
        assert abs(found.p_value - exact) <= 0.005


@given(pairs)
@settings(max_examples=120, deadline=None)
def test_wasserstein_is_that_of_scipy(pair):
    """W1 agrees to 1e-12 of the spread of the values."""
    pair = [np.asarray(x, float) for x in pair]
    scale = max(1.0, float(np.ptp(np.concatenate(pair))))
    found = wasserstein(*pair, min_rows=1).value
    assert abs(found - stats.wasserstein_distance(*pair)) <= 1e-12 * scale


@given(pairs)
@example((draw("two_values", 3001, 0, 1398), draw("two_values", 200, 0.0, 1399)))
@settings(max_examples=120, deadline=None)
def test_binned_statistics_are_those_of_scipy(pair):
    """PSI, KL, JS and chi-squared agree to 1e-12, and their p-values."""
    before, now = counts_of(*pair)
    n, m = before.sum(), now.sum()
    p, q = (np.where(x > 0, x / x.sum(), 1e-4) for x in (before, now))
    forward, backward = rel_entr(p, q).sum(), rel_entr(q, p).sum()
    used = before + now > 0
    dof = used.sum() - 1
    factor = n * m / (n + m)
    table = np.array([before[used], now[used]])
    pearson = stats.chi2_contingency(table, correction=False) if dof else None
    tail = (lambda x: stats.chi2.sf(x, dof)) if dof else lambda _: 1.0
    distance = jensenshannon(before, now, 2)
    distance = 0.0 if math.isnan(distance) else distance
    if dof:
        near(
            chi_squared(*pair, min_rows=1),
            (pearson.statistic, pearson.pvalue),
            max(1, pearson.statistic),
        )
    by_pearson = pearson.pvalue if dof else 1.0
    found = psi(*pair, min_rows=1)
    if m >= 200:
        near_by(found, forward + backward, forward + backward, lambda x: tail(factor * x))
    else:
        near(found, (forward + backward, by_pearson))
    near_by(kl(*pair, min_rows=1), forward, backward, lambda x: tail(2 * factor * x))
    found = kl(*pair, direction="current_to_reference", min_rows=1)
    near_by(found, backward, backward, lambda x: tail(2 * factor * x))
    # Its square is what is summed: near 0 the root of a rounding error is large.
    found = js(*pair, min_rows=1)
    assert abs(found.value**2 - distance**2) <= 1e-12
    assert abs(found.p_value - tail(8 * math.log(2) * factor * distance**2)) <= 1e-12 * max(
        1, factor
    )


def near_by(found, value, statistic, p_of):
    """Assert equality to 1e-12, of the p-value to what the statistic's own rounding makes of it.

    Near 0 a p-value is so steep that two sums of the same terms, in other orders, differ by more.
    """
    rounding = 2 * np.finfo(float).eps
    assert abs(found.value - value) <= 1e-12
    assert found.p_value >= p_of(statistic + rounding) - 1e-12
    assert found.p_value <= p_of(max(0.0, statistic - rounding)) + 1e-12


def near(found, expected, scale=1.0):
    """Assert equality to 1e-12."""
    assert abs(found.value - expected[0]) <= 1e-12 * scale
    assert abs(found.p_value - expected[1]) <= 1e-12


@given(st.integers(1, 60), st.floats(1e-9, 1e4))
def test_chi_squared_tail_is_that_of_scipy(dof, value):
    """The finite sum agrees with scipy's incomplete gamma function."""
    assert abs(chi_squared_tail(value, dof) - stats.chi2.sf(value, dof)) <= 1e-13


@pytest.mark.parametrize(
    "sizes", [(50, 51), (100, 101), (250, 251), (60, 1001), (500, 1000), (245, 250)]
)
def test_ks_p_value_within_five_thousandths_where_sizes_are_awkward(sizes):
    """Sizes whose distances lie in clumps are the hardest for a series."""
    rng = np.random.default_rng(1)
    for shift in np.linspace(0, 1.5, 12):
        a, b = rng.normal(size=sizes[0]), rng.normal(shift * 3 / sizes[0] ** 0.5, size=sizes[1])
        exact = stats.ks_2samp(a, b, method="exact")
        assert abs(kolmogorov_tail(exact.statistic, *sizes) - exact.pvalue) <= 0.005


def test_exact_asks_scipy():
    """method="exact" is scipy's p-value itself."""
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=300), rng.normal(0.2, 1, 400).round(1)
    assert ks(a, b, method="exact").p_value == pytest.approx(
        stats.ks_2samp(a, b, method="exact").pvalue, abs=1e-12
    )


def test_bootstrap_agrees_with_chi_squared_and_leaves_the_global_state_alone():
    """The parametric bootstrap's p-value is near the asymptotic one; numpy's seed is not reset."""
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=100_000), rng.normal(0.12, 1, 500)
    np.random.seed(7)  # noqa: NPY002 - the state that must stay
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    found = kl(a, b, bootstrap=4000, seed=1)
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002
    assert found == kl(a, b, bootstrap=4000, seed=1)
    assert found.value == kl(a, b).value
    assert abs(found.p_value - kl(a, b).p_value) <= 0.05
