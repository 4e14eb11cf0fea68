"""Log records made after the fact: with the time and the span of what they tell of."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context, attach

from otelml._prediction import detach

EVENT_NAME = "otel.event.name"
"""The key that the logging handler turns into the record's field."""
CLEAN_PARTS = "_otelml_clean_parts"
"""Attribute of a log record whose message and fields need no cleaning."""


def write_record(
    logger: logging.Logger,
    level: int,
    message: str,
    extra: Mapping[str, Any],
    span: trace.Span | None,
    time_ns: int,
    *,
    is_clean: bool = False,
) -> None:
    """Log a record as if at ``time_ns`` inside ``span``.

    Args:
        logger: The logger.
        level: The level.
        message: The message, complete.
        extra: Further fields.
        span: Whose ids the record has.
        time_ns: Nanoseconds since the epoch.
        is_clean: Whether ``extra`` holds short texts and finite numbers alone, so that our
            handlers need not look at each.
    """
    if not logger.isEnabledFor(level):
        return
    record = logger.makeRecord(
        logger.name, level, "otelml", 0, message, (), None, extra=dict(extra)
    )
    record.created = time_ns / 1e9
    record.msecs = (time_ns // 1_000_000) % 1000
    if is_clean:
        fields = {key: value for key, value in extra.items() if key != EVENT_NAME}
        # With its size: a filter of the application's may add fields, which then need a look.
        size = len(record.__dict__) + 1
        record.__dict__[CLEAN_PARTS] = (size, message, fields, extra.get(EVENT_NAME))
    token = attach(trace.set_span_in_context(span, Context())) if span is not None else None
    try:
        logger.handle(record)
    finally:
        detach(token)
