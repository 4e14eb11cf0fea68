"""From what a model puts out to an answer: probabilities, margins, labels and values."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from otelml._records.model import ModelInfo
from otelml._records.results import Answer

BINARY: Final = "binary"
"""One number a row: the probability of the second class, or its margin."""
MULTICLASS: Final = "multiclass"
"""One number a class."""
EACH_CLASS: Final = "each class"
"""One number a class, which are probabilities of one class against the others."""
LABELS: Final = "labels"
"""One label a row."""
VALUES: Final = "values"
"""One number a row; its margin is that number."""
LINKED_VALUES: Final = "linked values"
"""One number a row; its margin is another number."""

_Floats = npt.NDArray[np.float64]


def answer(kind: str, output: Any, classes: tuple[Any, ...] | None) -> Answer:
    """Return what an output says.

    Args:
        kind: :data:`BINARY` and the others.
        output: Shape (rows,), (rows, 1) or (rows, classes).
        classes: The labels of the classes, in their order; None where the model has none.
    """
    numbers = _columns(output)
    if kind == LABELS:
        return _labels(output, numbers, classes)
    if kind in (VALUES, LINKED_VALUES):
        if numbers.ndim > 1:
            return several(numbers)
        return Answer(value=numbers)
    if kind == BINARY:
        return several(numbers) if numbers.ndim > 1 else of_second_class(numbers, classes)
    if numbers.ndim == 1:
        numbers = numbers[None, :]  # one row
    return Answer(probabilities=numbers, classes=classes)


def answer_of_margins(kind: str, output: Any, classes: tuple[Any, ...] | None) -> Answer:
    """Return what margins, also called raw scores or logits, say.

    Args:
        kind: :data:`BINARY` and the others.
        output: Shape (rows,), (rows, 1) or (rows, classes).
        classes: The labels of the classes, in their order.
    """
    numbers = _columns(output)
    if kind == VALUES:
        return answer(VALUES, output, classes)
    if kind == BINARY and numbers.ndim == 1:
        return of_second_class(sigmoid(numbers), classes)
    if kind in (MULTICLASS, EACH_CLASS):
        numbers = numbers[None, :] if numbers.ndim == 1 else numbers
        chances = softmax(numbers) if kind == MULTICLASS else sigmoid(numbers)
        return Answer(probabilities=chances, classes=classes)
    return Answer(left_out="margins of this objective are no predictions; left out")


def of_second_class(chances: Any, classes: tuple[Any, ...] | None) -> Answer:
    """Return the answer of a classifier that gives the probability of its second class alone."""
    second = np.asarray(chances, dtype=np.float64)
    return Answer(
        probabilities=np.column_stack((1.0 - second, second)),
        classes=classes if classes is not None and len(classes) == 2 else (0, 1),  # noqa: PLR2004 - two
    )


def of_network(output: Any, info: ModelInfo, last: str) -> Answer:
    """Return the answer of a network, of which it is known how it ends, or not.

    Args:
        output: Shape (rows,), (rows, 1) or (rows, outputs).
        info: Of the model; its task may be registered.
        last: Its last function: ``softmax``, ``log_softmax``, ``sigmoid``, ``linear``; empty
            where that is not known.

    Whole numbers are labels. Of a classifier whose end is not known, rows that add up to 1 are
    probabilities and others logits, and single numbers from 0 to 1 probabilities of class 1.
    """
    numbers = _columns(output)
    classifies = info.task == "classification"
    if numbers.dtype.kind in "iubOUS":
        return _labels(output, numbers, info.classes)
    if numbers.ndim > 2:  # noqa: PLR2004 - pictures or sequences
        return Answer(left_out=f"outputs of shape {numbers.shape} are left out")
    if numbers.ndim == 1:
        if last != "sigmoid" and not classifies:
            return Answer(value=numbers)
        known = last == "sigmoid" or bool(((numbers >= 0) & (numbers <= 1)).all())
        return of_second_class(numbers if known else sigmoid(numbers), info.classes)
    if last == "sigmoid" and not classifies:
        return Answer(left_out="probabilities of several labels a row; they are left out")
    classes = info.classes or tuple(range(numbers.shape[1]))
    if last == "softmax" or are_probabilities(numbers):
        return Answer(probabilities=numbers, classes=classes)
    if last == "log_softmax" or classifies:
        return Answer(probabilities=softmax(numbers), classes=classes)
    return several(numbers)


def several(output: Any) -> Answer:
    """Return the answer of a model that gives several numbers a row."""
    return Answer(left_out=f"{output.shape[1]} outputs a row; labels and values are left out")


def sigmoid(margins: Any) -> _Floats:
    """Return probabilities, of the shape of the margins."""
    numbers = np.asarray(margins, dtype=np.float64)
    with np.errstate(over="ignore"):
        chances: _Floats = 1.0 / (1.0 + np.exp(-numbers))
    return chances


def softmax(margins: Any) -> _Floats:
    """Return probabilities of the classes, shape (rows, classes).

    Logarithms of probabilities give those probabilities.
    """
    numbers = np.asarray(margins, dtype=np.float64)
    powers = np.exp(numbers - numbers.max(axis=1, keepdims=True))
    chances: _Floats = powers / powers.sum(axis=1, keepdims=True)
    return chances


def are_probabilities(output: Any) -> bool:
    """Whether each row of a matrix adds up to 1, with nothing below 0."""
    numbers = np.asarray(output, dtype=np.float64)
    return bool(
        numbers.size and (numbers >= 0).all() and np.allclose(numbers.sum(axis=1), 1.0, atol=1e-3)
    )


def _columns(output: Any) -> Any:
    array = np.asarray(output)
    if array.ndim == 0:
        return array.reshape(1)
    return array.reshape(len(array)) if array.ndim > 1 and array.size == len(array) else array


def _labels(output: Any, labels: Any, classes: tuple[Any, ...] | None) -> Answer:
    if labels.ndim > 1:
        return Answer(left_out=f"{labels.shape[1]} labels a row; they are left out")
    return Answer(label=output if np.ndim(output) == 0 else labels, classes=classes)
