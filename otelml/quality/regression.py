"""The quality of predicted numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from otelml.exceptions import QualityError
from otelml.quality import inputs
from otelml.quality.intervals import Floats, between, bootstrap, quantile
from otelml.quality.result import Regression

_LARGEST = 1e150  # squares and their sums stay finite


def regression(
    actual: Any,
    predicted: Any,
    *,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> Regression:
    """Return MAE, RMSE and R² of predicted numbers, with bootstrap intervals.

    With e = actual - predicted: mean |e|, √(mean e²), and 1 - Σ e² / Σ (actual - mean actual)².
    R² is undefined with one row, or where the actual numbers are all the same. Rows whose numbers
    are not finite are left out and counted.

    Args:
        actual: The true numbers, shape (n,).
        predicted: The predicted ones.
        confidence: What each interval is to cover.
        resamples: Resamples of the bootstrap.
        seed: Of the bootstrap; NumPy's own generator is left alone.

    Raises:
        QualityError: They are no numbers, not as many, or too large to be squared.

    >>> regression([1.0, 2.0, 4.0], [1.0, 3.0, 4.0]).overall["mae"].value
    0.3333333333333333
    """
    quantile(confidence)
    true, said = inputs.numbers(actual, "actual"), inputs.numbers(predicted, "predicted")
    inputs.same_length(true, said, "actual and predicted")
    used = np.isfinite(true) & np.isfinite(said)
    true, said = true[used], said[used]
    rows, missing = len(true), int((~used).sum())
    if not rows:
        return Regression(0, missing, {})
    if max(np.abs(true).max(), np.abs(said).max()) > _LARGEST:
        raise QualityError(f"actual and predicted must lie within {_LARGEST:g}")
    errors = true - said
    from_mean = true - true.mean()
    columns = np.column_stack([np.abs(errors), errors**2, from_mean, from_mean**2])

    def drawn_means(weights: Floats) -> Floats:
        found: Floats = weights @ columns / rows
        return found

    drawn = bootstrap(rows, drawn_means, resamples=resamples, seed=seed).reshape(-1, 4)
    spread = drawn[:, 3] - drawn[:, 2] ** 2
    overall = {
        "mae": between(float(columns[:, 0].mean()), drawn[:, 0], confidence),
        "rmse": between(float(np.sqrt(columns[:, 1].mean())), np.sqrt(drawn[:, 1]), confidence),
    }
    total = float(columns[:, 3].sum())
    if total > 0:
        lost = np.divide(drawn[:, 1], spread, out=np.full(len(drawn), np.nan), where=spread > 0)
        overall["r2"] = between(1 - float(columns[:, 1].sum()) / total, 1 - lost, confidence)
    return Regression(rows, missing, overall)
