"""What missing and late labels do to accuracy, and what bounds, weights and cohorts mend.

Loan applications, 62 % of them approved. A rejection is less often right than its confidence says,
which nobody can see from the labels of approvals. Each case is drawn anew in every run.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from otelml.quality import bounds, maturity, weighted
from otelml.quality.intervals import wilson

RUNS = 1_000
ROWS = 1_000
LOANS = 4_000
DAYS = 720.0
# A default is known three times sooner than a repayment.
DEFAULT_DAYS, REPAID_DAYS = 40.0, 120.0
MATURE = {"mature 95": 0.95, "mature 99": 0.99}
YOUNG_DAYS = 90.0
CLASSIC_DROP = 0.05
_REJECTION_LOSS = 0.12

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


class Loans(NamedTuple):
    """Predictions of one run, each field of shape (n,).

    Args:
        approved: Whether ``approved`` was predicted, else ``rejected``.
        confidence: 0.5 to 1.
        chance: The probability that the prediction is right.
        right: Whether it is.
    """

    approved: Bools
    confidence: Floats
    chance: Floats
    right: Bools

    @property
    def predicted(self) -> npt.NDArray[np.str_]:
        """The predicted labels."""
        return np.where(self.approved, "approved", "rejected")

    @property
    def actual(self) -> npt.NDArray[np.str_]:
        """The true labels."""
        return np.where(self.approved == self.right, "approved", "rejected")


def draw(rng: np.random.Generator, rows: int, drop: float = 0.0) -> Loans:
    """Return predictions; ``drop`` is taken from the chance of each to be right."""
    confidence = 0.5 + 0.5 * rng.beta(2.5, 1.2, rows)
    approved = rng.random(rows) < 0.62
    chance = confidence - drop - np.where(approved, 0.0, _REJECTION_LOSS)
    return Loans(approved, confidence, chance, rng.random(rows) < chance)


def long_run(chosen: Callable[[Loans], Bools], seed: int = 99) -> float:
    """Return the accuracy of all loans that are chosen, from many of them."""
    many = draw(np.random.default_rng(seed), 4_000_000)
    return float(many.chance[chosen(many)].mean())


def _actual(loans: Loans, labelled: Bools) -> list[str | None]:
    known = zip(loans.actual.tolist(), labelled.tolist(), strict=True)
    return [label if there else None for label, there in known]


def selective(runs: int = RUNS, seed: int = 1) -> dict[str, float]:
    """Labels of nine approved loans in ten, and of no rejected one.

    Returns:
        ``off``: mean of plain accuracy less the accuracy of all; ``worst``: the largest distance;
        ``held``: share of runs whose bounds hold the accuracy of all; ``width`` of the bounds;
        ``unreached``: what the weighted estimate says that it does not speak of.
    """
    rng = np.random.default_rng(seed)
    rows: list[tuple[float, ...]] = []
    for _ in range(runs):
        loans = draw(rng, ROWS)
        labelled = loans.approved & (rng.random(ROWS) < 0.9)
        actual = _actual(loans, labelled)
        low, high = bounds(actual, loans.predicted)["accuracy"]
        estimate = weighted(actual, loans.predicted, loans.confidence)
        truth = float(loans.right.mean())
        off = float(loans.right[labelled].mean()) - truth
        unreached = math.nan if estimate is None else estimate.unreached
        rows.append((off, abs(off), low <= truth <= high, high - low, unreached))
    off, worst, held, width, unreached = np.array(rows).T
    return {
        "off": off.mean(),
        "worst": worst.max(),
        "held": held.mean(),
        "width": width.mean(),
        "unreached": unreached.mean(),
    }


def uneven(runs: int = RUNS, seed: int = 2) -> dict[str, float]:
    """Labels of most sure approvals and of few others, by chance within label and confidence.

    Returns:
        ``off`` and ``weighted_off``: mean of plain and of weighted accuracy less that of the long
        run; ``plain_held`` and ``weighted_held``: share of runs whose 95 % interval holds it.
    """
    rng = np.random.default_rng(seed)
    truth = long_run(lambda loans: np.ones(len(loans.right), dtype=np.bool_))
    rows: list[tuple[float, ...]] = []
    for _ in range(runs):
        loans = draw(rng, ROWS)
        share = np.where(loans.approved, 1.6 * loans.confidence - 0.7, 0.15)
        labelled = rng.random(ROWS) < share
        plain = wilson(int(loans.right[labelled].sum()), int(labelled.sum()))
        found = weighted(_actual(loans, labelled), loans.predicted, loans.confidence)
        if found is None:
            raise AssertionError("no label was drawn")
        score = found.score
        rows.append(
            (
                plain.value - truth,
                plain.lower <= truth <= plain.upper,
                score.value - truth,
                score.lower <= truth <= score.upper,
            )
        )
    off, held, weighted_off, weighted_held = np.array(rows).T
    return {
        "off": off.mean(),
        "plain_held": held.mean(),
        "weighted_off": weighted_off.mean(),
        "weighted_held": weighted_held.mean(),
    }


class _Cohort(NamedTuple):
    off: float
    held: bool
    alarm: bool
    classic: bool


def _cohort(right: Bools, labelled: Bools, truth: float) -> _Cohort:
    """Return what the labels of some predictions say, beside the quality that they had."""
    if not labelled.any():
        return _Cohort(math.nan, held=True, alarm=False, classic=False)
    value, lower, upper = wilson(int(right[labelled].sum()), int(labelled.sum()))
    drop = truth - value
    return _Cohort(value - truth, lower <= truth <= upper, upper < truth, drop > CLASSIC_DROP)


def late(runs: int = RUNS, seed: int = 3, drop: float = 0.0) -> dict[str, dict[str, float]]:
    """Approved loans of two years; a default is known three times sooner than a repayment.

    Args:
        runs: How many.
        seed: Of the numbers.
        drop: By how much the model is worse than it was.

    Returns:
        For ``young`` (the last 90 days), ``all`` that has come, and the cohorts of ``MATURE`` (as
        old as the age by which that share of labels comes, by Kaplan and Meier): ``off``, the mean
        of accuracy
        less that of the long run before any drop; ``held``, the share of runs whose interval holds
        that; ``alarm``, in which the interval lies beneath it; ``classic``, which are more than
        0.05 beneath. And the bounds over all loans, rejected and young ones included.
    """
    rng = np.random.default_rng(seed)
    truth = long_run(lambda loans: loans.approved)
    found: dict[str, list[_Cohort]] = {name: [] for name in ("young", "all", *MATURE)}
    held: list[bool] = []
    for _ in range(runs):
        loans = draw(rng, LOANS, drop)
        age = rng.uniform(0, DAYS, LOANS)
        lag = rng.exponential(np.where(loans.right, REPAID_DAYS, DEFAULT_DAYS))
        labelled = loans.approved & (lag <= age)
        waiting = loans.approved & ~labelled
        curve = maturity(lag[labelled], age[waiting])
        cohorts = {"young": age <= YOUNG_DAYS, "all": loans.approved}
        cohorts |= {name: age >= curve.age_of(share) for name, share in MATURE.items()}
        for name, chosen in cohorts.items():
            found[name].append(_cohort(loans.right, labelled & chosen, truth))
        low, high = bounds(_actual(loans, labelled), loans.predicted)["accuracy"]
        held.append(low <= loans.right.mean() <= high)
    means = {name: _means(each) for name, each in found.items()}
    return {**means, "bounds": {"held": float(np.mean(held))}}


def _means(cohorts: list[_Cohort]) -> dict[str, float]:
    columns: list[Any] = list(np.array(cohorts, dtype=np.float64).T)
    return {
        name: float(np.nanmean(column))
        for name, column in zip(_Cohort._fields, columns, strict=True)
    }
