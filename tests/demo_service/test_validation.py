from __future__ import annotations

import math

import pytest

from demo_service.validation import (
    MAX_BATCH,
    InvalidApplicationError,
    from_form,
    validate,
    validate_batch,
)

PURPOSES = "debt_consolidation, car, home_improvement, education, medical, business"


def _errors(body, check=validate):
    with pytest.raises(InvalidApplicationError) as caught:
        check(body)
    return caught.value.errors


def test_good_application(application):
    """A complete application comes back as it is."""
    assert validate(application) == application


def test_optional_values_may_be_missing(application):
    """Left out or null, an optional value is None."""
    del application["credit_score"]
    application["annual_income"] = None
    clean = validate(application)
    assert (clean["credit_score"], clean["annual_income"]) == (None, None)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("age", None, "is required"),
        ("age", "41", "must be a number, not “41”"),
        ("age", True, "must be a number, not true or false"),
        ("age", [1], "must be a number, not a list"),
        ("age", 41.5, "must be a whole number, not 41.5"),
        ("age", 17, "must be 18 to 100, not 17"),
        ("age", 10**30, f"must be 18 to 100, not {f'{10**30:,}'[:40]}"),
        ("loan_amount", math.nan, "must be a finite number"),
        ("loan_amount", math.inf, "must be a finite number"),
        ("loan_amount", 2_000_000, "must be 100 to 1,000,000, not 2,000,000"),
        ("loan_amount", -5.5, "must be 100 to 1,000,000, not -5.5"),
        ("purpose", "cars", f"must be one of {PURPOSES}; not “cars”. Did you mean car?"),
        ("purpose", "zzz", f"must be one of {PURPOSES}; not “zzz”"),
        ("purpose", {}, f"must be one of {PURPOSES}; not an object"),
        ("purpose", ["car"], f"must be one of {PURPOSES}; not a list"),
        ("purpose", "", f"must be one of {PURPOSES}; not empty text"),
    ],
)
def test_wrong_value(application, name, value, message):
    """Each wrong value is named, with what was expected."""
    assert _errors({**application, name: value}) == {name: message}


def test_unknown_field_names_the_nearest(application):
    """A misspelt field is told apart from one that is strange."""
    errors = _errors({**application, "loan_amout": 1, "shoe": 2})
    assert errors == {
        "loan_amout": "is not a field; did you mean loan_amount?",
        "shoe": "is not a field",
    }


@pytest.mark.parametrize(
    ("body", "what"), [([], "a list"), (None, "null"), ("x", "text"), (3, "a number")]
)
def test_not_an_object(body, what):
    """A body of another type says which."""
    assert _errors(body) == {
        "application": f"must be an object with the applicant's fields, not {what}"
    }


def test_batch_names_row_and_field(application):
    """A bad row does not hide another."""
    rows = [application, {**application, "age": 5}, 7]
    assert _errors(rows, validate_batch) == {
        "1.age": "must be 18 to 100, not 5",
        "2.application": "must be an object with the applicant's fields, not a number",
    }


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "must be a list of applications, not an object"),
        ([], "must have 1 to 1,000 applications, not 0"),
        ([{}] * (MAX_BATCH + 1), "must have 1 to 1,000 applications, not 1,001"),
    ],
)
def test_wrong_batch(body, message):
    """A batch has a type and a size."""
    assert _errors(body, validate_batch) == {"batch": message}


def test_form_values():
    """Numbers as people write them; empty is left out; words stay to be refused."""
    form = {"age": " 41 ", "loan_amount": "12,500.50", "credit_score": "", "purpose": "car"}
    assert from_form({**form, "existing_loans": "two"}) == {
        "age": 41,
        "loan_amount": 12500.5,
        "purpose": "car",
        "existing_loans": "two",
    }


@pytest.mark.parametrize("text", ["nan", "inf", "-1e999"])
def test_form_numbers_that_are_none(application, text):
    """A number that is not finite is a message, not a failure."""
    assert "loan_amount" in _errors(application | from_form({"loan_amount": text}))
