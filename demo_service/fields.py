"""What a loan application is made of: one place for the form, the validation and the messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from otelml import samples

Kind = Literal["integer", "number", "choice"]


@dataclass(frozen=True)
class Field:
    """One value of an application.

    Args:
        name: Key in the JSON body and name of the form's control.
        label: What the form calls it.
        kind: Type of the value.
        minimum: Smallest value, for numbers.
        maximum: Largest value, for numbers.
        choices: Allowed values, for choices.
        required: Whether it may be left out or ``null``.
        unit: Unit shown beside the label.
        hint: What to enter, in a few words.
        example: Value that the empty form starts with.
    """

    name: str
    label: str
    kind: Kind
    minimum: float = 0
    maximum: float = 0
    choices: tuple[str, ...] = ()
    required: bool = True
    unit: str = ""
    hint: str = ""
    example: str = ""

    @property
    def limits(self) -> str:
        """The allowed range, as a person writes it."""
        return f"{self.minimum:,g} to {self.maximum:,.10g}"

    @property
    def step(self) -> str:
        """Granularity of the form's number control."""
        return "1" if self.kind == "integer" else "any"


FIELDS: Final = (
    Field("age", "Age", "integer", 18, 100, unit="years", example="41"),
    Field(
        "annual_income", "Annual income", "number", 0, 10_000_000,
        required=False, unit="€ before tax", example="38500",
    ),
    Field(
        "employment_type", "Employment", "choice",
        choices=samples.EMPLOYMENT_TYPES, example="employed",
    ),
    Field(
        "employment_years", "Years in work", "number", 0, 70,
        required=False, unit="years", example="9.5",
    ),
    Field(
        "home_ownership", "Home", "choice",
        choices=samples.HOME_OWNERSHIPS, required=False, example="mortgage",
    ),
    Field(
        "credit_score", "Credit score", "integer", 300, 850,
        required=False, hint="300 to 850", example="690",
    ),
    Field(
        "debt_to_income", "Debt to income", "number", 0, 5,
        required=False, hint="0.25 means a quarter", example="0.22",
    ),
    Field("existing_loans", "Running loans", "integer", 0, 50, example="1"),
    Field("loan_amount", "Loan amount", "number", 100, 1_000_000, unit="€", example="12000"),
    Field("loan_term_months", "Term", "integer", 6, 360, unit="months", example="36"),
    Field("purpose", "Purpose", "choice", choices=samples.PURPOSES, example="car"),
)  # fmt: skip
BY_NAME: Final = {field.name: field for field in FIELDS}
