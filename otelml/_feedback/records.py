"""What becomes of a label, and a label on its way to the worker."""

from __future__ import annotations

from dataclasses import dataclass

from otelml._prediction import Token


@dataclass(frozen=True)
class FeedbackResult:
    """What became of a label.

    Args:
        model: Name of the model that made the prediction.
        version: Its version.
        predicted: The predicted label or value, as text.
        actual: The label, as text.
        outcome: ``correct``, ``wrong``, ``recorded`` (nothing to compare with), ``duplicate``
            (the same label again: not counted), or ``conflict`` (another label than before from
            the same source: the newest wins).
        delay_s: Seconds from the prediction to the label.
    """

    model: str
    version: str
    predicted: str
    actual: str
    outcome: str
    delay_s: float


@dataclass(frozen=True)
class FeedbackRecord:
    """A label on its way to the worker."""

    token: Token
    result: FeedbackResult
    source: str
    reviewer: str
    time_ns: int
    previous: str | None


@dataclass(frozen=True)
class RejectedRecord:
    """A label that was refused."""

    reason: str
