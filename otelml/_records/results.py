"""The result of a prediction, made uniform."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

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
