"""Open Inference Protocol V2 over REST: ``POST /v2/models/NAME[/versions/VERSION]/infer``.

https://github.com/open-inference/open-inference-protocol
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from otelml._proxy.fields import NOTHING, Outcome, column_rows, outcome_of

__all__ = ["InferenceBody"]

_MATRIX: Final = 2
_LABELS: Final = ("label", "class", "prediction")
_PROBABILITIES: Final = ("prob", "score")
_CONFIDENCES: Final = ("confidence",)


class InferenceBody:
    """Reads tensors: one a column, or one of shape (rows, columns)."""

    def features(self, body: Any) -> Any:
        """Return the features in the JSON of a request; None where there are none.

        >>> InferenceBody().features(
        ...     {"inputs": [{"name": "a", "shape": [2], "datatype": "INT64", "data": [1, 2]}]}
        ... )
        [{'a': 1}, {'a': 2}]
        """
        if not isinstance(body, dict):
            return None
        tensors = {str(one["name"]): _rows(one) for one in body.get("inputs", ())}
        if len(tensors) == 1:
            (rows,) = tensors.values()
            if rows and isinstance(rows[0], list) and len(rows[0]) > 1:
                return None if isinstance(rows[0][0], list) else rows
        return column_rows({name: rows for name, rows in tensors.items() if rows is not None})

    def outcome(self, body: Any) -> Outcome:
        """Return what the JSON of an answer says: its outputs by their names, else the first.

        >>> InferenceBody().outcome(
        ...     {"outputs": [{"name": "y", "shape": [1], "datatype": "BYTES", "data": ["yes"]}]}
        ... ).label
        ['yes']
        """
        outputs = body.get("outputs") or ()
        named = {str(one["name"]).lower(): one for one in outputs}
        sole = _named(named, _LABELS) if len(outputs) == 1 else None
        left = {} if sole is not None else dict(named)
        confidence = _taken(left, _CONFIDENCES)
        probable = _taken(left, _PROBABILITIES)
        label = sole if sole is not None else _named(left, _LABELS)
        found = _read(label) if label is not None else NOTHING
        if label is None and left:
            first = _read(next(iter(left.values())))
            # Beside probabilities, numbers may be anything.
            alone = confidence is None and probable is None
            found = first if alone or first.label is not None else NOTHING
        if confidence is not None:
            found = found._replace(confidence=_column(confidence))
        if probable is not None:
            rows = _rows(probable)
            matrix = rows is not None and all(isinstance(row, list) and row[1:] for row in rows)
            part = {"probabilities": rows} if matrix else {"confidence": _column(probable)}
            found = found._replace(**part)
        return found


def _named(outputs: Mapping[str, Any], words: tuple[str, ...]) -> Any:
    return next((one for name, one in outputs.items() if any(w in name for w in words)), None)


def _taken(outputs: dict[str, Any], words: tuple[str, ...]) -> Any:
    """Return the first output of such a name, and take it out."""
    name = next((name for name in outputs if any(word in name for word in words)), None)
    return None if name is None else outputs.pop(name)


def _read(tensor: Any) -> Outcome:
    rows = _rows(tensor)
    if rows is None:
        return NOTHING
    floats = str(tensor.get("datatype", "")).upper().startswith(("FP", "BF"))
    if floats and not isinstance(rows[0], list):  # JSON may write 2.0 as 2
        return Outcome(value=rows)
    return outcome_of(rows)


def _column(tensor: Any) -> Any:
    rows = _rows(tensor)
    if rows and all(isinstance(row, list) and len(row) == 1 for row in rows):
        return [row[0] for row in rows]
    return rows


def _rows(tensor: Any) -> list[Any] | None:
    """Return the data of a tensor by row, flat or nested as it came; None where it has none."""
    data, shape = tensor.get("data"), tensor.get("shape")
    if not isinstance(data, list) or not data or not isinstance(shape, list):
        return None
    if isinstance(data[0], list) or len(shape) <= 1:
        return data if not shape or len(data) == shape[0] else None
    if len(shape) == _MATRIX and shape[1] == 1:
        return data if len(data) == shape[0] else None
    if len(data) != math.prod(shape):
        return None
    width = len(data) // shape[0]
    if len(shape) > _MATRIX:  # of images and the like only the rows count
        return [[data[at : at + width]] for at in range(0, len(data), width)]
    return [data[at : at + width] for at in range(0, len(data), width)]
