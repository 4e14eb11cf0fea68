"""Loan applications, made up from a seed: what the demo model learns from and simulations send.

Every column follows from the ones before it, so that the correlations are those of real lenders:

* ``age``: 18 to 80, a Beta(2, 3.2).
* ``employment_type``: retirement takes over around 66; the others are employed 74 %, self-employed
  18 %, unemployed 8 %.
* ``employment_years``: a Beta(1.6, 2.4) share of the years since 18; 0 for the unemployed.
* ``annual_income``: log-normal around 34,000, growing with employment years, shifted by type.
* ``home_ownership``: older and richer people own or pay off a house, the others rent.
* ``credit_score``: 300 to 850, higher with age, income and employment years.
* ``existing_loans``: Poisson, more with a mortgage.
* ``debt_to_income``: share of the income that goes to debts, from the loans and the mortgage.
* ``purpose`` and ``loan_amount``: a log-normal share of the income, 500 to 60,000.
* ``loan_term_months``: longer for larger amounts.

**The label.** The latent risk of default is::

    risk = -0.85
         - 0.016 * (credit_score - 650)
         + 4.0 * (debt_to_income - 0.30)
         + 5.0 * (installment - 0.08)        # installment: monthly payment / monthly income
         + 0.9 * log10(loan_amount / 8000)
         + 0.22 * existing_loans
         - 0.03 * employment_years
         + 1.5 if unemployed, 0.35 if self-employed, -0.2 if retired
         + 0.45 for a business, 0.25 for debt consolidation, -0.2 for a car
         + 0.30 if renting, -0.30 if owning

and an application is *approved* where ``risk + 0.5 * Logistic(0, 1) < 0``: about two in three.
The installment is the loan's annuity at 7 % a year, capped at 1.5 of the monthly income.

**Missing values** come last, after the label, so it depends on what the applicant did not say:
``annual_income`` 2 % (8 % of the self-employed), ``employment_years`` 5 %, ``credit_score`` 3 %
(12 % below the age of 25: a thin file), ``debt_to_income`` 4 %, ``home_ownership`` 2 %.

Applicants can be *drifted*: four in five of them ask for 60,000 to 900,000, and the label follows
the formula.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Application = dict[str, Any]

EMPLOYMENT_TYPES: Final = ("employed", "self_employed", "unemployed", "retired")
HOME_OWNERSHIPS: Final = ("rent", "mortgage", "own")
PURPOSES: Final = (
    "debt_consolidation", "car", "home_improvement", "education", "medical", "business",
)  # fmt: skip
TERMS: Final = (12, 24, 36, 48, 60, 84)
MAX_AMOUNT: Final = 60_000
ROWS: Final = 20_000
SEED: Final = 2024
MAX_DRIFTED_AMOUNT: Final = 900_000
_UNEMPLOYED: Final = EMPLOYMENT_TYPES.index("unemployed")
_DRIFTED_SHARE: Final = 0.8
_TO_BUSINESS_SHARE: Final = 0.3
_THIN_FILE_AGE: Final = 25
APPROVED: Final = "approved"
REJECTED: Final = "rejected"
FEATURES: Final = (
    "age", "annual_income", "employment_years", "employment_type", "home_ownership", "purpose",
    "credit_score", "debt_to_income", "existing_loans", "loan_amount", "loan_term_months",
)  # fmt: skip
CATEGORICAL: Final = ("employment_type", "home_ownership", "purpose")
WHOLE_NUMBERS: Final = ("age", "credit_score", "existing_loans", "loan_amount", "loan_term_months")

_INCOME_SHIFT: Final = np.array([0.05, 0.12, -0.85, -0.30])
_TYPE_RISK: Final = np.array([0.0, 0.35, 1.5, -0.2])
_HOME_RISK: Final = np.array([0.30, 0.0, -0.30])
_PURPOSE_RISK: Final = np.array([0.25, -0.2, 0.0, 0.0, 0.0, 0.45])
_AMOUNT_SHIFT: Final = np.array([0.1, 0.15, 0.0, -0.25, -0.6, 0.3])
_MONTHLY_RATE: Final = 0.07 / 12


class LoanData(NamedTuple):
    """Applications and what became of them.

    Args:
        applications: One mapping an application; ``None`` where a value is missing.
        labels: ``approved`` or ``rejected``, in the same order.
    """

    applications: list[Application]
    labels: list[str]


def generate(rows: int = ROWS, seed: int = SEED, *, drifted: bool = False) -> LoanData:
    """Return ``rows`` loan applications; the same ``seed`` gives the same people.

    Args:
        rows: How many.
        seed: Of the random numbers.
        drifted: Whether most ask for far more than anyone in training did.

    Raises:
        ValueError: ``rows`` is less than 1.
    """
    if rows < 1:
        raise ValueError(f"rows must be at least 1, not {rows}")
    rng = np.random.default_rng(seed)
    columns = _person(rng, rows)
    columns |= _finances(rng, columns)
    columns |= _loan(rng, columns)
    if drifted:
        columns["loan_amount"] = _drift(columns["loan_amount"], np.random.default_rng((seed, 1)))
    approved = risk(columns) + 0.5 * rng.logistic(size=rows) < 0
    labels = [APPROVED if good else REJECTED for good in approved.tolist()]
    return LoanData(_applications(columns, _missing(rng, columns)), labels)


def risk(columns: dict[str, Floats]) -> Floats:
    """Return the latent risk of default; categories are positions in their tuples."""
    return np.asarray(
        -0.85
        - 0.016 * (columns["credit_score"] - 650)
        + 4.0 * (columns["debt_to_income"] - 0.30)
        + 5.0 * (_installment(columns) - 0.08)
        + 0.9 * np.log10(columns["loan_amount"] / 8000)
        + 0.22 * columns["existing_loans"]
        - 0.03 * columns["employment_years"]
        + _TYPE_RISK[columns["employment_type"].astype(int)]
        + _PURPOSE_RISK[columns["purpose"].astype(int)]
        + _HOME_RISK[columns["home_ownership"].astype(int)],
        dtype=np.float64,
    )


def _drift(amount: Floats, rng: np.random.Generator) -> Floats:
    larger = np.round(rng.uniform(MAX_AMOUNT, MAX_DRIFTED_AMOUNT, amount.size), -2)
    return np.where(rng.random(amount.size) < _DRIFTED_SHARE, larger, amount)


def _installment(columns: dict[str, Floats]) -> Floats:
    """Return the monthly payment as a share of the monthly income, at most 1.5."""
    growth = 1 - (1 + _MONTHLY_RATE) ** -columns["loan_term_months"]
    payment = columns["loan_amount"] * _MONTHLY_RATE / growth
    return np.asarray(np.minimum(payment / (columns["annual_income"] / 12), 1.5))


def _person(rng: np.random.Generator, rows: int) -> dict[str, Floats]:
    age = np.floor(18 + 63 * rng.beta(2, 3.2, rows)).clip(18, 80)
    working = np.searchsorted([0.74, 0.92], rng.random(rows))
    retired = rng.random(rows) < 0.95 / (1 + np.exp(-(age - 66) / 1.5))
    employment_type = np.where(retired, 3, working)
    years = np.round((age - 18) * rng.beta(1.6, 2.4, rows), 1)
    years = np.where(employment_type == _UNEMPLOYED, 0.0, years)
    return {"age": age, "employment_type": employment_type * 1.0, "employment_years": years}


def _finances(rng: np.random.Generator, person: dict[str, Floats]) -> dict[str, Floats]:
    age, years = person["age"], person["employment_years"]
    rows = age.size
    log_income = (
        10.3
        + 0.012 * np.minimum(years, 30)
        + _INCOME_SHIFT[person["employment_type"].astype(int)]
        + rng.normal(0, 0.42, rows)
    )
    income = np.round(np.exp(log_income), -2).clip(6_000, 400_000)
    leaning = np.stack(
        [
            np.zeros(rows),
            -0.7 + 0.02 * (age - 40) + 1.1 * (log_income - 10.4),
            -1.2 + 0.06 * (age - 40) + 0.8 * (log_income - 10.4),
        ]
    )
    home = (leaning + rng.gumbel(size=leaning.shape)).argmax(axis=0)
    score = 655 + 0.9 * (age - 40) + 38 * (log_income - 10.4) + 1.2 * years
    score = np.round(score + rng.normal(0, 62, rows)).clip(300, 850)
    mortgage = home == 1
    loans = rng.poisson(0.9 + 0.6 * mortgage).clip(0, 10)
    debt = 0.04 + 0.055 * loans + 0.13 * mortgage + rng.gamma(2.0, 0.05, rows)
    return {
        "annual_income": income,
        "home_ownership": home * 1.0,
        "credit_score": score,
        "existing_loans": loans * 1.0,
        "debt_to_income": np.round(debt, 3).clip(0, 1.5),
    }


def _loan(rng: np.random.Generator, columns: dict[str, Floats]) -> dict[str, Floats]:
    rows = columns["age"].size
    purpose = np.searchsorted([0.36, 0.56, 0.73, 0.83, 0.91], rng.random(rows))
    to_business = (columns["employment_type"] == 1) & (rng.random(rows) < _TO_BUSINESS_SHARE)
    purpose = np.where(to_business, 5, purpose)
    share = np.exp(-1.35 + _AMOUNT_SHIFT[purpose] + rng.normal(0, 0.6, rows))
    amount = np.round(columns["annual_income"] * share, -2).clip(500, MAX_AMOUNT)
    size = np.log10(amount / 8000) * 1.6 + 2 + rng.normal(0, 1, rows)
    term = np.array(TERMS, dtype=np.float64)[np.round(size).clip(0, 5).astype(int)]
    return {"purpose": purpose * 1.0, "loan_amount": amount, "loan_term_months": term}


def _missing(
    rng: np.random.Generator, columns: dict[str, Floats]
) -> dict[str, npt.NDArray[np.bool_]]:
    rows = columns["age"].size
    shares: dict[str, Floats | float] = {
        "annual_income": np.where(columns["employment_type"] == 1, 0.08, 0.02),
        "employment_years": 0.05,
        "credit_score": np.where(columns["age"] < _THIN_FILE_AGE, 0.12, 0.03),
        "debt_to_income": 0.04,
        "home_ownership": 0.02,
    }
    return {name: rng.random(rows) < share for name, share in shares.items()}


def _applications(
    columns: dict[str, Floats], missing: dict[str, npt.NDArray[np.bool_]]
) -> list[Application]:
    choices = {
        "employment_type": EMPLOYMENT_TYPES,
        "home_ownership": HOME_OWNERSHIPS,
        "purpose": PURPOSES,
    }
    values: dict[str, list[Any]] = {}
    for name in FEATURES:
        column: list[Any] = columns[name].tolist()
        if name in choices:
            column = [choices[name][int(value)] for value in column]
        elif name in WHOLE_NUMBERS:
            column = [int(value) for value in column]
        if name in missing:
            pairs = zip(column, missing[name].tolist(), strict=True)
            column = [None if gone else value for value, gone in pairs]
        values[name] = column
    rows = zip(*values.values(), strict=True)
    return [dict(zip(FEATURES, row, strict=True)) for row in rows]
