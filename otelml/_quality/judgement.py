"""What a window of complete labels says beside the quality at training: plain data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

from otelml import semconv_quality as names
from otelml.drift import Loss
from otelml.drift.evidence import Event
from otelml.reference import Reference

# The classic rule, and twice it; of errors as shares of the reference's.
_SHARE_BANDS = (0.05, 0.1)
_ERROR_BANDS = (0.25, 0.5)


class Baseline(NamedTuple):
    """The quality that windows are compared with.

    Args:
        value: Accuracy, or mean absolute error.
        spread: Standard deviation of absolute errors; NaN where it is not known.
        rows: Labelled rows that it is of.
        source: ``reference`` or ``serving``.
    """

    value: float
    spread: float
    rows: int
    source: str


def baseline_of(reference: Reference | None, *, is_value: bool) -> Baseline | None:
    """Return the quality that a reference holds; None where it holds none."""
    if reference is None or not reference.rows:
        return None
    quality = reference.quality
    rows = int(quality.get("labels", reference.rows))  # older files do not say
    if not is_value:
        value = quality.get("accuracy")
        return None if value is None else Baseline(value, math.nan, rows, names.BASELINE_REFERENCE)
    value = quality.get("mean_absolute_error")
    if value is None:
        return None
    square = quality.get("mean_squared_error")
    spread = math.nan if square is None else math.sqrt(max(0.0, square - value**2))
    return Baseline(value, spread, rows, names.BASELINE_REFERENCE)


def severity_of(loss: float, reference: float, *, is_value: bool) -> int:
    """Return how bad a loss is by the classic rule, 0 to 2.

    Args:
        loss: Accuracy lost, or absolute error gained.
        reference: The quality that it is beside.
        is_value: Whether it is of errors: then a quarter of the reference's is moderate.
    """
    if not is_value:
        return sum(loss > band for band in _SHARE_BANDS)
    return sum(loss > band * reference for band in _ERROR_BANDS)


@dataclass(frozen=True)
class Judgement:
    """One window.

    Args:
        model: The model.
        version: Its version.
        metric: ``accuracy``, or ``mae`` of values.
        at_s: When it was judged, seconds since the epoch.
        rows: Labelled predictions of it.
        value: The quality in it.
        baseline: What it is compared with.
        loss: How much worse it is.
        evidence: The evidence so far, as log10.
        threshold: From where on it is an alarm, as log10.
        degraded: Whether there is an alarm now.
        event: What the window brought: ``alarm``, ``clear`` or nothing.
        mature_s: From which age of predictions on labels are taken as complete, seconds.
    """

    model: str
    version: str
    metric: str
    at_s: float
    rows: int
    value: float
    baseline: Baseline
    loss: Loss
    evidence: float
    threshold: float
    degraded: bool
    event: Event
    mature_s: float

    @property
    def severity(self) -> int:
        """By the classic rule: 0 none, 1 a loss above 0.05 (of errors a quarter), 2 twice that."""
        is_value = self.metric == names.METRIC_MAE
        return severity_of(self.loss.value, self.baseline.value, is_value=is_value)

    def to_dict(self) -> dict[str, Any]:
        """Return it as what JSON can hold."""
        return {
            "metric": self.metric,
            "at": self.at_s,
            "rows": self.rows,
            "value": self.value,
            "reference": self.baseline.value,
            "reference_source": self.baseline.source,
            "loss": self.loss.value,
            "loss_interval": [self.loss.lower, self.loss.upper],
            "severity": ("none", "moderate", "significant")[self.severity],
            "evidence": self.evidence,
            "evidence_threshold": self.threshold,
            "degraded": self.degraded,
            "mature_after_s": self.mature_s,
        }
