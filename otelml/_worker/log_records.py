"""Log records made after the fact: with the time and the span of what they tell of."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from opentelemetry import trace
from opentelemetry.context import Context, attach

from otelml._guard import quietly
from otelml._prediction import detach
from otelml._spans import SPAN_KEY, Mark, Marks
from otelml._state import ProcessState

EVENT_NAME = "otel.event.name"
"""The key that the logging handler turns into the record's field."""
CLEAN_PARTS = "_otelml_clean_parts"
"""Attribute of a log record whose message and fields need no cleaning."""

hidden_events: ProcessState[Callable[[logging.Logger, logging.LogRecord], object] | None] = (
    ProcessState(None)
)
"""Takes the records that the application's handlers are not to get; the logging instrumentor's."""


class EventTemplate(Protocol):
    """The log events of predictions that are alike, JSON and OTLP."""

    def write(self, time_ns: int, trace_id: int, span_id: int, values: Sequence[Any]) -> None:
        """Log one event.

        Args:
            time_ns: When, nanoseconds since the epoch.
            trace_id: Of its span.
            span_id: Of its span.
            values: The id, the value, the confidence and the duration, those that there are.
        """
        ...


class EventWriter(Protocol):
    """Who writes log events from templates: the logging instrumentor."""

    def open(self, logger: logging.Logger, level: int) -> object:
        """Return what a template holds for, for a short while; None where records are needed."""
        ...

    def template(
        self,
        holds_for: object,
        make: Callable[[int, Marks], tuple[logging.LogRecord, Sequence[Mark]]],
        flags: int,
    ) -> EventTemplate:
        """Return the template of a record.

        Args:
            holds_for: What :meth:`open` returned.
            make: Makes the record for a time, and the marks of its values.
            flags: The flags of its span.

        Raises:
            ValueError: It cannot be had by a template.
        """
        ...

    def flush(self) -> None:
        """Write what waits to be written."""
        ...

    def forget(self) -> None:
        """Let go of it, in a child: the parent writes it."""
        ...


event_writer: ProcessState[EventWriter | None] = ProcessState(None)
"""Writes events of predictions without a record each; the logging instrumentor's."""


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

    The root logger's level and ``logging.disable`` are about the application's log: such a record
    they keep from its handlers, and from ours only a level set on a logger of otelml's does.

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
    writer = event_writer.value
    if writer is not None:
        writer.flush()  # what came before stands before it
    hidden = not logger.isEnabledFor(level)
    sink = hidden_events.value if hidden and lets_pass(logger, level) else None
    if hidden and sink is None:
        return
    record = make_record(logger, level, message, extra, time_ns, is_clean=is_clean)
    token = attach(Context({SPAN_KEY: span})) if span is not None else None
    try:
        if sink is None:
            logger.handle(record)
            return
        kept: Any = logger.filter(record)
        if kept:
            sink(logger, kept if isinstance(kept, logging.LogRecord) else record)
    finally:
        detach(token)


def make_record(
    logger: logging.Logger,
    level: int,
    message: str,
    extra: Mapping[str, Any],
    time_ns: int,
    *,
    is_clean: bool = False,
) -> logging.LogRecord:
    """Return a record as if made at ``time_ns``; see :func:`write_record`."""
    record = _record(logger, level, message, extra)
    record.created = time_ns / 1e9
    record.msecs = (time_ns // 1_000_000) % 1000
    if is_clean:
        fields = dict(extra)
        event = fields.pop(EVENT_NAME, None)
        # With its size: a filter of the application's may add fields, which then need a look.
        size = len(record.__dict__) + 1
        record.__dict__[CLEAN_PARTS] = (size, message, fields, event)
    return record


def lets_pass(logger: logging.Logger, level: int) -> bool:
    """Return whether our logger itself, and its parents below the root logger, let a level pass."""
    at: logging.Logger | None = logger
    while at is not None and at is not logging.root:
        if at.level:
            return level >= at.level and not logger.disabled
        at = at.parent
    return not logger.disabled


def _record(
    logger: logging.Logger, level: int, message: str, extra: Mapping[str, Any]
) -> logging.LogRecord:
    """Make a record; a factory of the application's that cannot is done without."""
    given = (logger.name, level, "otelml", 0, message, (), None)
    plain = type(logger).makeRecord is logging.Logger.makeRecord
    if plain and logging.getLogRecordFactory() is logging.LogRecord:
        ours = logging.LogRecord(*given)
        ours.__dict__.update(extra)  # no name of ours is one of its own
        return ours
    record = quietly(lambda: logger.makeRecord(*given, extra=dict(extra)))
    if record is None:
        record = logging.LogRecord(*given)
        record.__dict__.update(extra)
    return record
