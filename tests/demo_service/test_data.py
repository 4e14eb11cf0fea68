from __future__ import annotations

import numpy as np
import pytest

from demo_service.validation import validate
from otelml import samples as data


@pytest.fixture(scope="module")
def loans():
    return data.generate(20_000, 7)


def _column(loans, name):
    return np.array([np.nan if row[name] is None else row[name] for row in loans.applications])


def _correlation(one, other):
    known = ~(np.isnan(one) | np.isnan(other))
    return np.corrcoef(one[known], other[known])[0, 1]


def test_same_seed_same_applications():
    """A seed fixes every value; another one gives other applicants."""
    assert data.generate(300, 3) == data.generate(300, 3)
    assert data.generate(300, 3) != data.generate(300, 4)


def test_rows_must_be_positive():
    """No rows is a mistake."""
    with pytest.raises(ValueError, match="at least 1"):
        data.generate(0)


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        ("age", "employment_years", 0.5, 0.75),
        ("annual_income", "loan_amount", 0.45, 0.7),
        ("annual_income", "credit_score", 0.2, 0.45),
        ("existing_loans", "debt_to_income", 0.5, 0.8),
        ("loan_amount", "loan_term_months", 0.3, 0.55),
    ],
)
def test_columns_are_correlated(loans, one, other, low, high):
    """Columns hang together as those of a lender do."""
    assert low < _correlation(_column(loans, one), _column(loans, other)) < high


def test_missing_rates(loans):
    """Only the optional columns have gaps, at the documented rates."""
    shares = dict.fromkeys(data.FEATURES, 0.0)
    for row in loans.applications:
        for name, value in row.items():
            shares[name] += (value is None) / len(loans.applications)
    expected = {"annual_income": 0.03, "employment_years": 0.05, "credit_score": 0.04}
    expected |= {"debt_to_income": 0.04, "home_ownership": 0.02}
    assert shares == pytest.approx({name: expected.get(name, 0) for name in shares}, abs=0.01)


def test_thin_files_lack_a_score_more_often(loans):
    """Below 25 the credit score is missing more often."""
    young = [r["credit_score"] is None for r in loans.applications if r["age"] < 25]
    older = [r["credit_score"] is None for r in loans.applications if r["age"] >= 25]
    assert np.mean(young) > 2.5 * np.mean(older)


def test_about_two_in_three_are_approved(loans):
    """Neither label is rare."""
    assert 0.6 < loans.labels.count(data.APPROVED) / 20_000 < 0.73


def test_label_follows_the_risk(loans):
    """A better score and smaller debts are approved more often."""
    approved = np.array([label == data.APPROVED for label in loans.labels]) * 1.0
    assert _correlation(_column(loans, "credit_score"), approved) > 0.3
    assert _correlation(_column(loans, "debt_to_income"), approved) < -0.15


def test_amounts_stay_in_the_normal_range(loans):
    """Drifted amounts are clearly outside."""
    amounts = _column(loans, "loan_amount")
    assert (amounts.min(), amounts.max()) == (500, 60_000)


def test_every_application_is_valid(loans):
    """What the generator makes, the service takes."""
    assert [validate(row) for row in loans.applications[:2000]] == loans.applications[:2000]


def test_drifted_applicants():
    """Four in five ask for more than anyone in training; the people stay the same."""
    drifted = data.generate(2000, 11, drifted=True)
    amounts = np.array([row["loan_amount"] for row in drifted.applications])
    assert 0.75 < (amounts > data.MAX_AMOUNT).mean() < 0.85
    assert 850_000 < amounts.max() <= 900_000
    assert drifted.labels.count("approved") < 0.4 * 2000
    normal = data.generate(2000, 11)
    assert [r["age"] for r in drifted.applications] == [r["age"] for r in normal.applications]
