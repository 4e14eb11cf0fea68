"""Labels that arrive later: checked, de-duplicated, and sent to where their prediction went."""

from __future__ import annotations

import math
import time
from datetime import datetime, timezone
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from opentelemetry.context import get_current

from otelml import _guard, semconv
from otelml._feedback.records import FeedbackRecord, FeedbackResult, RejectedRecord
from otelml._feedback.seen import Seen
from otelml._prediction import Runtime, Token, current_runtime, label_text
from otelml._prediction.tokens import decode, same_label
from otelml.exceptions import FeedbackError

_MAX_TEXT = 200
_seen: WeakKeyDictionary[Runtime, Seen] = WeakKeyDictionary()
_LATEST_S = 32_503_680_000  # the year 3000


def _time_ns(timestamp: Any) -> int:
    if timestamp is None:
        return time.time_ns()
    if isinstance(timestamp, datetime):
        aware = timestamp if timestamp.tzinfo else timestamp.replace(tzinfo=timezone.utc)
        return int(aware.timestamp() * 1e9)
    is_number = isinstance(timestamp, (int, float)) and not isinstance(timestamp, bool)
    if is_number and 0 <= timestamp <= _LATEST_S:
        return int(timestamp * 1e9)
    raise FeedbackError(
        f"timestamp is {timestamp!r:.80}; it must be a datetime or seconds since the epoch",
        "timestamp",
    )


def _text(name: str, value: Any, default: str) -> str:
    if value is None:
        return default
    if not isinstance(value, str):
        raise FeedbackError(f"{name} is {value!r:.80}; it must be a string", name)
    return value[:_MAX_TEXT].encode("utf-8", "replace").decode()


def _one_text(value: Any) -> str | None:
    is_one = isinstance(value, (str, int, float, np.generic)) and value == value  # noqa: PLR0124 - not NaN
    return label_text(value) if is_one else None


def _actual(value: Any, *, is_number: bool) -> str:
    text = _guard.quietly(_one_text, value)
    if text is None:
        raise FeedbackError("actual must be a single label or number", "label")
    if is_number:
        try:
            finite = math.isfinite(float(text))
        except ValueError:
            finite = False
        if not finite:
            raise FeedbackError(f"actual is {value!r:.80}; it must be a finite number", "label")
    if not text or len(text) > _MAX_TEXT:
        raise FeedbackError(f"actual must have 1 to {_MAX_TEXT} characters", "label")
    return text


def _seen_by(runtime: Runtime) -> Seen:
    seen = _seen.get(runtime)
    if seen is None:
        seen = _seen.setdefault(runtime, Seen(runtime.config.feedback.remember))
    return seen


def feedback_after_fork(runtime: Runtime) -> None:
    """Replace the locks, which another thread of the parent may have held."""
    if runtime in _seen:
        _seen[runtime].after_fork()


def _outcome(token: Token, actual: str, previous: str | None) -> str:
    if previous == actual:
        return semconv.OUTCOME_DUPLICATE
    if previous is not None:
        return semconv.OUTCOME_CONFLICT
    if not token.label or token.is_value:
        return semconv.OUTCOME_RECORDED
    same = same_label(token.label, actual)
    return semconv.OUTCOME_CORRECT if same else semconv.OUTCOME_WRONG


def feedback(
    prediction_id: str,
    actual: Any,
    *,
    source: str = "api",
    reviewer: str | None = None,
    timestamp: datetime | float | None = None,
) -> FeedbackResult:
    """Say what was true for an earlier prediction, on any replica, hours later too.

    Args:
        prediction_id: What the prediction's ``id`` was.
        actual: The true label, or the true number of a regression.
        source: Where the label comes from; the newest of one source wins.
        reviewer: Who gave it.
        timestamp: When it became known: a datetime or seconds since the epoch; now by default.

    Raises:
        FeedbackError: The id is forged, damaged or another service's, or the label is not usable.
            This is the one call of otelml that raises while a service runs: it answers a client.
    """
    start_ns = time.time_ns()
    runtime = current_runtime()
    secret = runtime.ids.secret if runtime is not None else None
    if runtime is not None and not runtime.config.feedback.enabled:
        raise FeedbackError("feedback is turned off in this service", "disabled")
    try:
        token = decode(prediction_id, secret)
        label = _actual(actual, is_number=token.is_value)
        origin, who = _text("source", source, "api"), _text("reviewer", reviewer, "")
        when = _time_ns(timestamp)
    except FeedbackError as error:
        if runtime is not None:
            runtime.recorder.submit(RejectedRecord(error.reason))
        raise
    key = (token.trace_id, token.span_id, token.row, origin)
    previous = _seen_by(runtime).exchange(key, label) if runtime is not None else None
    delay = max(0.0, when / 1e9 - token.time_ms / 1e3)
    outcome = _outcome(token, label, previous)
    result = FeedbackResult(token.model, token.version, token.label, label, outcome, delay)
    if runtime is not None:
        # A span of no length is a negative one to Jaeger.
        span = (get_current(), start_ns, max(time.time_ns(), start_ns + 1))
        runtime.recorder.submit(FeedbackRecord(token, result, origin, who, when, previous, *span))
    return result
