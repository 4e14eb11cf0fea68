"""What a client says of a label, checked: whatever it is, a FeedbackError at most."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any, Final

import numpy as np

from otelml import _guard
from otelml._prediction import Token, label_text
from otelml.exceptions import FeedbackError

API: Final = "api"
"""The source of labels that name none."""
_MAX_TEXT = 200
_LATEST_S = 32_503_680_000  # the year 3000


def checked(
    prediction_id: str,
    actual: Any,
    source: str,
    reviewer: str | None,
    timestamp: datetime | float | None,
    read: Callable[[str], Token],
) -> tuple[Token, str, str, str, int]:
    """Return token, source, label, reviewer and time (ns) of a label that is usable.

    Raises:
        FeedbackError: It is not.
    """
    token = read(prediction_id)
    label = _actual(actual, is_number=token.is_value)
    who = "" if reviewer is None else _text("reviewer", reviewer, "")
    origin = source if source is API else _text("source", source, API)
    when = time.time_ns() if timestamp is None else _time_ns(timestamp)
    return token, origin, label, who, when


def _time_ns(timestamp: Any) -> int:
    seconds = timestamp
    if isinstance(timestamp, datetime):
        seconds = _guard.quietly(_seconds_of, timestamp)
    if (
        isinstance(seconds, (int, float))
        and not isinstance(seconds, bool)
        and 0 <= seconds <= _LATEST_S
    ):
        return int(seconds * 1e9)
    raise FeedbackError(
        f"timestamp is {_shown(timestamp)}; it must be a datetime or seconds since the epoch",
        "timestamp",
    )


def _seconds_of(timestamp: datetime) -> float:
    aware = timestamp if timestamp.tzinfo else timestamp.replace(tzinfo=timezone.utc)
    return aware.timestamp()


def _shown(value: Any) -> str:
    """Return a value for a message, whatever its repr does."""
    return _guard.quietly(repr, value, default="odd")[:80]


@lru_cache(maxsize=1024)
def _clean(text: str) -> str:
    """Return text that every exporter and database takes."""
    return text[:_MAX_TEXT].encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def _text(name: str, value: Any, default: str) -> str:
    if value is None:
        return default
    if not isinstance(value, str):
        raise FeedbackError(f"{name} is {_shown(value)}; it must be a string", name)
    return _clean(str.__str__(value))


def _one_text(value: Any) -> str | None:
    is_one = isinstance(value, (str, int, float, np.generic)) and value == value  # noqa: PLR0124 - not NaN
    return label_text(value) if is_one else None


def _actual(value: Any, *, is_number: bool) -> str:
    if type(value) is str and not is_number:
        text: str | None = value
    else:
        text = _guard.quietly(_one_text, value)
    if text is None:
        raise FeedbackError("actual must be a single label or number", "label")
    if is_number:
        try:
            finite = math.isfinite(float(text))
        except ValueError:
            finite = False
        if not finite:
            raise FeedbackError(f"actual is {_shown(value)}; it must be a finite number", "label")
    if not text or len(text) > _MAX_TEXT:
        raise FeedbackError(f"actual must have 1 to {_MAX_TEXT} characters", "label")
    return _clean(text)
