"""Watermarks: what tells new rows of a source from those that were read."""

from __future__ import annotations

import datetime as dt
from typing import Any

from otelml.exceptions import LabelSourceError
from otelml.labels.sources.batch import plain

_TIME, _DAY, _OTHER = "time", "day", "other"
_DAY_S = 86_400
_DATE = "2026-01-01"


def packed(value: Any) -> list[Any] | None:
    """Return a watermark as JSON can hold it; None stays None.

    Raises:
        LabelSourceError: It is neither a time, a number nor a text.
    """
    value = plain(value)
    if value is None:
        return None
    if isinstance(value, dt.datetime):
        return [_TIME, value.isoformat()]
    if isinstance(value, dt.date):
        return [_DAY, value.isoformat()]
    if isinstance(value, (int, float, str)) and not isinstance(value, bool):
        return [_OTHER, value]
    raise LabelSourceError(
        f"the watermark is {type(value).__name__}; it must be a time, a number or a text",
        "watermark",
    )


def unpacked(kept: Any) -> Any:
    """Return the watermark that ``packed`` has made."""
    if kept is None:
        return None
    kind, value = kept
    if kind == _TIME:
        return dt.datetime.fromisoformat(value)
    return dt.date.fromisoformat(value) if kind == _DAY else value


def earlier(value: Any, overlap_s: float) -> Any:
    """Return a watermark before another one; of a text that is no time, that itself.

    Args:
        value: A time, a number, a text.
        overlap_s: Seconds for times; of numbers it is taken off as it is.
    """
    if value is None or not overlap_s:
        return value
    if isinstance(value, dt.date):  # a datetime is one
        is_time = isinstance(value, dt.datetime)
        return value - dt.timedelta(
            seconds=overlap_s if is_time else -(-overlap_s // _DAY_S) * _DAY_S
        )
    if isinstance(value, str):
        try:
            moment = dt.datetime.fromisoformat(value.replace("Z", "+00:00"))
        except ValueError:
            return value
        # As the source spells times, as far as that can be seen: texts compare as texts.
        sep = "T" if "T" in value else " "
        text = (moment - dt.timedelta(seconds=overlap_s)).isoformat(sep=sep)
        text = text.replace("+00:00", "Z") if value.endswith("Z") else text
        return text[: len(value)] if len(value) == len(_DATE) else text
    return value - overlap_s
