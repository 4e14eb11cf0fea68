"""Quality before there are labels, from how sure the model was."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from otelml.exceptions import QualityError
from otelml.quality import inputs
from otelml.quality.intervals import quantile
from otelml.quality.score import Score


def cbpe(
    confidences: Any, predicted: Any = None, positive: Any = None, *, confidence: float = 0.95
) -> dict[str, Score]:
    """Return the quality to be expected if confidences are calibrated.

    Accuracy is the mean confidence; its interval is that of the sum of so many throws of coins,
    ± z √(Σ c(1 - c)) / n. Of two labels, with the positive one, the expected counts are
    tp = Σ c and fp = Σ (1 - c) where it was predicted, fn = Σ (1 - c) elsewhere.

    Args:
        confidences: The probability that each predicted label is right, 0 to 1; NaN is left out.
        predicted: The predicted labels, of two kinds, for precision, recall and F1.
        positive: The positive label.
        confidence: What the interval of accuracy is to cover, given the calibration. The others
            have the same in their expected counts, as if each were a proportion.

    Raises:
        QualityError: What is given does not fit together.

    >>> cbpe([0.9, 0.7])["accuracy"].value
    0.8
    """
    z = quantile(confidence)
    given = inputs.numbers(confidences, "confidences")
    used = ~np.isnan(given)
    sure = given[used]
    if np.any((sure < 0) | (sure > 1)):
        raise QualityError("confidences must lie from 0 to 1")
    if not len(sure):
        return {}
    found = {"accuracy": _mean(sure, z)}
    if predicted is None or positive is None:
        return found
    said, is_there = inputs.labels(predicted, "predicted")
    inputs.same_length(said, given, "predicted and confidences")
    if len({*said[is_there].tolist(), positive}) > 2:  # noqa: PLR2004 - more than two labels
        raise QualityError("precision, recall and f1 are estimated of two labels only")
    is_said = (said == positive)[used & is_there]
    sure = given[used & is_there]
    tp, fp, fn = sure[is_said].sum(), (1 - sure[is_said]).sum(), (1 - sure[~is_said]).sum()
    if is_said.any():
        found["precision"] = _mean(sure[is_said], z)
    spread = math.sqrt(float((sure * (1 - sure)).sum()))
    for name, top, bottom in (("recall", tp, tp + fn), ("f1", 2 * tp, 2 * tp + fp + fn)):
        if bottom > 0:
            found[name] = _within(float(top / bottom), z * spread / float(bottom))
    return found


def _mean(sure: Any, z: float) -> Score:
    spread = math.sqrt(float((sure * (1 - sure)).sum()))
    return _within(float(sure.mean()), z * spread / len(sure))


def _within(value: float, half: float) -> Score:
    return Score(value, max(0.0, value - half), min(1.0, value + half))
