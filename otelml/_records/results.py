"""The result of a prediction: as a library's instrumentor read it, and made uniform."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt


class Results(NamedTuple):
    """The result of one prediction, row by row.

    Args:
        labels: One text a row, or empty.
        values: Shape (rows,), finite or NaN; or None.
        confidences: Shape (rows,), 0 to 1 or NaN; or None.
        problems: What was wrong with the input, each a sentence.
        confidence: The lowest finite confidence; None where there is none.
    """

    labels: Sequence[str]
    values: npt.NDArray[np.float64] | None
    confidences: npt.NDArray[np.float64] | None
    problems: Sequence[str]
    confidence: float | None = None


class Answer(NamedTuple):
    """What the output of a model call says, as the instrumentor of its library understands it.

    Args:
        label: A label, or one a row; None where it says none.
        value: A number, or one a row; None where it says none.
        probabilities: Shape (rows, classes); None where it says none.
        classes: The labels of the columns; None where they are those of the model.
        left_out: Why the output is no result; empty where it is one.
    """

    label: Any = None
    value: Any = None
    probabilities: Any = None
    classes: tuple[Any, ...] | None = None
    left_out: str = ""
