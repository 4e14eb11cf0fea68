"""Labels that come back: checked, de-duplicated, and sent to the worker."""

from __future__ import annotations

from otelml._feedback.receive import feedback, feedback_after_fork
from otelml._feedback.records import FeedbackRecord, FeedbackResult, RejectedRecord

__all__ = [
    "FeedbackRecord",
    "FeedbackResult",
    "RejectedRecord",
    "feedback",
    "feedback_after_fork",
]
