"""The quality of predictions: what the plain functions return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from otelml.quality.confusion import Counts
from otelml.quality.score import Score


@dataclass(frozen=True)
class Classification:
    """The quality of predicted labels. What is undefined is absent.

    Args:
        rows: Rows that have an actual and a predicted label.
        missing: Rows left out because one is missing.
        missing_scores: Rows left out of what needs scores, because these are not finite.
        labels: The labels, in the order of the confusion.
        positive: The positive label; None where there is none.
        confusion: Rows by actual and predicted label, shape (k, k).
        overall: ``accuracy``; with a positive label its ``precision``, ``recall`` and ``f1``; from
            scores ``roc_auc`` and ``pr_auc`` (of many labels the mean of one against the rest),
            and from probabilities ``brier`` and ``log_loss``.
        macro: ``precision``, ``recall`` and ``f1``, averaged over labels.
        weighted: The same, weighted with the actual rows of each label.
        classes: The same of each label.
    """

    rows: int
    missing: int
    missing_scores: int
    labels: tuple[Any, ...]
    positive: Any
    confusion: Counts
    overall: dict[str, Score]
    macro: dict[str, Score]
    weighted: dict[str, Score]
    classes: dict[Any, dict[str, Score]]


@dataclass(frozen=True)
class Regression:
    """The quality of predicted numbers. What is undefined is absent.

    Args:
        rows: Rows whose two numbers are finite.
        missing: Rows left out.
        overall: ``mae``, ``rmse`` and ``r2``.
    """

    rows: int
    missing: int
    overall: dict[str, Score]
