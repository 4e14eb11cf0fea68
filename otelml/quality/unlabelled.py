"""What labels that never came leave open: bounds, coverage, and accuracy weighted by it."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from otelml.exceptions import QualityError
from otelml.quality import inputs
from otelml.quality.intervals import Floats, quantile
from otelml.quality.score import Score

_BANDS = 10


class Bounds(NamedTuple):
    """Between what a measure of all predictions lies.

    Args:
        lower: Where every prediction without a label was wrong.
        upper: Where every one was right.
    """

    lower: float
    upper: float


class Coverage(NamedTuple):
    """How many predictions of a kind have their label.

    Args:
        predicted: The predicted label.
        lower: Start of the confidence band; NaN where there is no confidence.
        upper: Its end, itself included.
        rows: Predictions.
        labelled: Those with a label.
    """

    predicted: Any
    lower: float
    upper: float
    rows: int
    labelled: int

    @property
    def share(self) -> float:
        """Return the labelled share, 0 to 1."""
        return self.labelled / self.rows


class Weighted(NamedTuple):
    """Accuracy of all predictions, as the labelled ones of each kind say.

    Args:
        score: The accuracy and its interval.
        unreached: Share of predictions of which no like has a label.
    """

    score: Score
    unreached: float


def bounds(actual: Any, predicted: Any, positive: Any = None) -> dict[str, Bounds]:
    """Return bounds of accuracy, and of the positive label's precision, recall and F1.

    With u predictions without a label, accuracy lies from right / n to (right + u) / n. In the
    other measures a wrong one is a false positive where the positive label was predicted, and a
    false negative elsewhere. What is undefined at either end is absent.

    Args:
        actual: The true label of each prediction; None or NaN where it has not come.
        predicted: The predicted one of each.
        positive: The positive label.

    Raises:
        QualityError: What is given does not fit together.

    >>> bounds(["yes", None, "no", None], ["yes", "no", "yes", "yes"])["accuracy"]
    Bounds(lower=0.25, upper=0.75)
    """
    true, has_label = inputs.labels(actual, "actual")
    said, is_there = inputs.labels(predicted, "predicted")
    inputs.same_length(true, said, "actual and predicted")
    true, said, has_label = true[is_there], said[is_there], has_label[is_there]
    inputs.same_kind(true[has_label], said, "actual and predicted")
    if not len(said):
        return {}
    is_right = has_label & (true == said) if has_label.any() else np.zeros(len(said), dtype=bool)
    right, open_ = int(is_right.sum()), int((~has_label).sum())
    found = {"accuracy": Bounds(right / len(said), (right + open_) / len(said))}
    if positive is None:
        return found
    is_said = said == positive
    tp = int((is_right & is_said).sum())
    fp = int((has_label & ~is_right & is_said).sum())
    fn = int((has_label & ~is_right & (true == positive)).sum()) if has_label.any() else 0
    open_said, open_other = int((~has_label & is_said).sum()), int((~has_label & ~is_said).sum())
    best = tp + open_said
    ends = {
        "precision": ((tp, tp + fp + open_said), (best, best + fp)),
        "recall": ((tp, tp + fn + open_other), (best, best + fn)),
        "f1": ((2 * tp, 2 * tp + fp + fn + open_said + open_other), (2 * best, 2 * best + fp + fn)),
    }
    for name, (worst_end, best_end) in ends.items():
        if worst_end[1] and best_end[1]:
            found[name] = Bounds(worst_end[0] / worst_end[1], best_end[0] / best_end[1])
    return found


def _bands(confidences: Any, rows: int, bands: int) -> Floats:
    """Return the band of each row, from 0; -1 where it has no confidence."""
    if bands < 1:
        raise QualityError(f"bands is {bands!r:.80}; it must be at least 1")
    if confidences is None:
        return np.full(rows, -1.0)
    given = inputs.numbers(confidences, "confidences")
    if len(given) != rows:
        raise QualityError(f"predicted and confidences: {rows} rows and {len(given)} rows")
    finite = np.isfinite(given)
    if np.any((given[finite] < 0) | (given[finite] > 1)):
        raise QualityError("confidences must lie from 0 to 1")
    places = np.clip(np.ceil(np.where(finite, given, 0.0) * bands) - 1, 0, bands - 1)
    return np.where(finite, places, -1.0)


def coverage(
    labelled: Any, predicted: Any, confidences: Any = None, *, bands: int = _BANDS
) -> list[Coverage]:
    """Return how many predictions have a label, by predicted label and confidence band.

    Args:
        labelled: Whether each prediction has its label, or the label itself (None or NaN: none).
        predicted: The predicted label of each.
        confidences: How sure each was, 0 to 1.
        bands: Bands of equal width.

    Returns:
        Kinds that occur, by label and band.

    Raises:
        QualityError: What is given does not fit together.

    >>> [kind.share for kind in coverage([True, False, True], ["no", "no", "yes"])]
    [0.5, 1.0]
    """
    said, is_there = inputs.labels(predicted, "predicted")
    raw, present = inputs.labels(labelled, "labelled")
    inputs.same_length(raw, said, "labelled and predicted")
    has_label = raw.astype(bool) & present if raw.dtype.kind == "b" else present
    in_band = _bands(confidences, len(said), bands)
    found: list[Coverage] = []
    for label in sorted(set(said[is_there].tolist())):
        is_label = is_there & (said == label)
        for band in np.unique(in_band[is_label]).tolist():
            chosen = is_label & (in_band == band)
            lower, upper = (band / bands, (band + 1) / bands) if band >= 0 else (math.nan, math.nan)
            rows, with_label = int(chosen.sum()), int((chosen & has_label).sum())
            found.append(Coverage(label, lower, upper, rows, with_label))
    return found


def weighted(
    actual: Any,
    predicted: Any,
    confidences: Any = None,
    *,
    bands: int = _BANDS,
    confidence: float = 0.95,
) -> Weighted | None:
    """Return accuracy with each labelled prediction weighted by the inverse of its coverage.

    Σ (nₖ / n) aₖ, where aₖ is the accuracy of the labelled among the nₖ predictions of one label
    and confidence band. It is right for all predictions if labels are missing at random within
    each kind. The variance is Σ (nₖ / n)² āₖ(1 - āₖ) / mₖ of mₖ labels, with āₖ of one more right
    and one more wrong, so that few labels do not look certain.

    Args:
        actual: The true label of each prediction; None or NaN where it has not come.
        predicted: The predicted one of each.
        confidences: How sure each was, 0 to 1.
        bands: Bands of equal width.
        confidence: What the interval is to cover.

    Returns:
        None where there is no label.

    Raises:
        QualityError: What is given does not fit together.

    >>> weighted(["a", None, None, "b"], ["a", "a", "a", "a"], [0.9, 0.9, 0.9, 0.2]).score.value
    0.75
    """
    z = quantile(confidence)
    true, has_label = inputs.labels(actual, "actual")
    said, is_there = inputs.labels(predicted, "predicted")
    inputs.same_length(true, said, "actual and predicted")
    inputs.same_kind(true[has_label], said[is_there], "actual and predicted")
    in_band = _bands(confidences, len(said), bands)
    value = variance = reached = 0.0
    for label in set(said[is_there].tolist()):
        is_label = is_there & (said == label)
        for band in np.unique(in_band[is_label]).tolist():
            chosen = is_label & (in_band == band)
            known = chosen & has_label
            rows, labels = int(chosen.sum()), int(known.sum())
            if not labels:
                continue
            right = int((true[known] == label).sum())
            reached += rows
            value += rows * right / labels
            near = (right + 1) / (labels + 2)
            variance += rows**2 * near * (1 - near) / labels
    if not reached:
        return None
    share, half = value / reached, z * math.sqrt(variance) / reached
    score = Score(share, max(0.0, share - half), min(1.0, share + half))
    return Weighted(score, 1 - reached / int(is_there.sum()))
