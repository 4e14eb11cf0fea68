"""Measures of probabilities: Brier score and log loss, row by row."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from otelml.quality.intervals import Floats

_SUM_TOLERANCE = 1e-6


def are_probabilities(scores: Floats) -> bool:
    """Whether scores, shape (n,) or (n, k), lie from 0 to 1, and rows of k sum to 1."""
    if not (np.all(scores >= 0) and np.all(scores <= 1)):
        return False
    return scores.ndim == 1 or bool(np.all(np.abs(scores.sum(axis=1) - 1) <= _SUM_TOLERANCE))


def squared_errors(is_class: npt.NDArray[np.bool_], probabilities: Floats) -> Floats:
    """Return each row's part of the Brier score: (p - y)², summed over classes if there are many.

    Args:
        is_class: Shape (n,) or (n, k).
        probabilities: The same shape.
    """
    errors = (probabilities - is_class) ** 2
    return errors if errors.ndim == 1 else errors.sum(axis=1)


def log_losses(is_class: npt.NDArray[np.bool_], probabilities: Floats) -> Floats:
    """Return each row's part of the log loss: -ln of the probability of what came true.

    Probabilities of 0 and 1 count as the nearest that a float64 tells apart from these.

    Args:
        is_class: Shape (n,) or (n, k).
        probabilities: The same shape.
    """
    least = np.finfo(np.float64).eps
    clipped = np.clip(probabilities, least, 1 - least)
    if clipped.ndim == 1:
        return -np.log(np.where(is_class, clipped, 1 - clipped))
    return -np.log(clipped[is_class])
