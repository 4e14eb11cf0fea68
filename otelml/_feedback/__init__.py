"""Labels that come back: checked, de-duplicated, and sent to the worker."""

from __future__ import annotations

from otelml._feedback.contents import Contents
from otelml._feedback.files import import_csv
from otelml._feedback.follower import Follower, Taken, is_dead, owner
from otelml._feedback.following import Sources
from otelml._feedback.kept import (
    Keys,
    check_store,
    kept_label,
    register_key,
    running_store,
    store_of,
)
from otelml._feedback.many import BulkResult, Refusal, feedback_many
from otelml._feedback.receive import feedback, feedback_after_fork, prepare_feedback
from otelml._feedback.records import (
    FeedbackRecord,
    FeedbackResult,
    KeptRecords,
    KeyRecord,
    RejectedRecord,
)
from otelml._feedback.uncertain import Uncertain

__all__ = [
    "BulkResult",
    "Contents",
    "FeedbackRecord",
    "FeedbackResult",
    "Follower",
    "KeptRecords",
    "KeyRecord",
    "Keys",
    "Refusal",
    "RejectedRecord",
    "Sources",
    "Taken",
    "Uncertain",
    "check_store",
    "feedback",
    "feedback_after_fork",
    "feedback_many",
    "import_csv",
    "is_dead",
    "kept_label",
    "owner",
    "prepare_feedback",
    "register_key",
    "running_store",
    "store_of",
]
