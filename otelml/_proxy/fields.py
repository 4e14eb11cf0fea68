"""What bodies say of a prediction, and the guesses that protocols share."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

__all__ = ["NOTHING", "Body", "Outcome", "column_rows", "outcome_of", "rows_of"]

_LABELS: Final = ("label", "prediction", "class")
_CONFIDENCES: Final = ("confidence", "probability", "score")
_SUM_TOLERANCE: Final = 1e-3


class Outcome(NamedTuple):
    """What came out, as ``Prediction.set_result`` takes it.

    Args:
        label: A class, or one a row.
        value: A number of a regression, or one a row.
        confidence: 0 to 1, or one a row.
        probabilities: Rows of one number a class.
    """

    label: Any = None
    value: Any = None
    confidence: Any = None
    probabilities: Any = None


NOTHING: Final = Outcome()


class Body(Protocol):
    """How the bodies of a protocol are read: pure functions, which may raise for odd bodies."""

    def features(self, body: Any) -> Any:
        """Return the features in the JSON of a request; None where there are none."""
        ...

    def outcome(self, body: Any) -> Outcome:
        """Return what the JSON of an answer says."""
        ...


def rows_of(rows: Any) -> Any:
    """Return a list of rows as ``Prediction.set_features`` takes it; scalars are rows of one.

    >>> rows_of([1, 2]), rows_of([[1, 2]]), rows_of([{"a": 1}]), rows_of([])
    ([[1], [2]], [[1, 2]], [{'a': 1}], None)
    """
    if not isinstance(rows, list) or not rows:
        return rows if isinstance(rows, dict) and rows else None
    kinds = {type(row) for row in rows}
    if kinds in ({dict}, {list}):
        return rows
    return None if kinds & {dict, list} else [[row] for row in rows]


def column_rows(columns: Mapping[str, Any]) -> Any:
    """Return rows of named columns of one length; a column of arrays is left out.

    >>> column_rows({"a": [1, 2], "b": ["x", "y"], "c": [[1], [2, 3]]})
    [{'a': 1, 'b': 'x'}, {'a': 2, 'b': 'y'}]
    >>> column_rows({"a": 1.5})
    {'a': 1.5}
    """
    if not any(isinstance(column, list) for column in columns.values()):
        return dict(columns) or None
    flat = {name: _flat(column) for name, column in columns.items()}
    known = {name: column for name, column in flat.items() if column is not None}
    if not known or len({len(column) for column in known.values()}) != 1:
        return None
    return [dict(zip(known, row, strict=True)) for row in zip(*known.values(), strict=True)] or None


def _flat(column: Any) -> list[Any] | None:
    if not isinstance(column, list):
        return None
    if column and all(isinstance(item, list) and len(item) == 1 for item in column):
        column = [item[0] for item in column]
    return None if any(isinstance(item, (list, dict)) for item in column) else column


def outcome_of(answers: Any) -> Outcome:
    """Return what one answer a row says: whole numbers and texts are labels, others are values.

    Rows of numbers that add up to 1 are probabilities; rows of any other numbers say nothing.

    >>> outcome_of([1, 0]).label, outcome_of([0.5]).value, outcome_of([[0.9, 0.1]]).probabilities
    ([1, 0], [0.5], [[0.9, 0.1]])
    """
    if isinstance(answers, dict):
        return _of_columns(answers)
    if not isinstance(answers, list):
        return outcome_of([answers]) if isinstance(answers, (str, int, float)) else NOTHING
    if answers and all(isinstance(row, dict) for row in answers):
        names = answers[0].keys()
        return _of_columns({name: [row.get(name) for row in answers] for name in names})
    if answers and all(isinstance(row, list) for row in answers):
        if all(len(row) == 1 for row in answers):
            return outcome_of([row[0] for row in answers])
        return Outcome(probabilities=answers) if _are_probabilities(answers) else NOTHING
    if not answers or not all(isinstance(row, (str, int, float)) for row in answers):
        return NOTHING
    if any(isinstance(row, float) for row in answers):
        numbers = all(isinstance(row, (int, float)) for row in answers)
        return Outcome(value=answers) if numbers else NOTHING
    return Outcome(label=answers)


def _of_columns(columns: Mapping[str, Any]) -> Outcome:
    label = next((columns[name] for name in _LABELS if name in columns), None)
    if label is None and len(columns) == 1:
        return outcome_of(next(iter(columns.values())))
    confidence = next((columns[name] for name in _CONFIDENCES if name in columns), None)
    found = outcome_of(label) if isinstance(label, (list, str, int, float)) else NOTHING
    return found._replace(confidence=confidence) if confidence is not None else found


def _are_probabilities(rows: Sequence[Sequence[Any]]) -> bool:
    if len({len(row) for row in rows}) != 1 or not rows[0]:
        return False
    return all(
        all(isinstance(cell, (int, float)) and 0 <= cell <= 1 for cell in row)
        and math.isclose(sum(row), 1.0, abs_tol=_SUM_TOLERANCE)
        for row in rows
    )
