"""Log records over OTLP: nothing that a record holds makes this raise."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any

from opentelemetry._logs import LogRecord
from opentelemetry.context import get_current
from opentelemetry.instrumentation.log_utils import std_to_otel
from opentelemetry.instrumentation.logging.handler import LoggingHandler

from otelml import _guard
from otelml.instrumentors.logging.clean import put
from otelml.instrumentors.logging.parts import exception_of, parts_of

if TYPE_CHECKING:
    from opentelemetry._logs import LoggerProvider

__all__ = ["OtlpHandler", "is_exporting"]

_MAX_ATTRIBUTES = 128  # the specification's default limit
_SEVERITY_TEXT = {"WARNING": "WARN", "CRITICAL": "FATAL"}


class _Exporting(threading.local):
    """Whether this thread is handing a record to the provider."""

    active = False


_exporting = _Exporting()


def is_exporting() -> bool:
    """Return whether this thread is handing a record to the provider."""
    return _exporting.active


class OtlpHandler(LoggingHandler):  # type: ignore[misc] # upstream has no types
    """Emits records as OpenTelemetry log records.

    Args:
        logger_provider: Where the records go.
    """

    def __init__(self, logger_provider: LoggerProvider) -> None:
        super().__init__(logger_provider=logger_provider)

    def _translate(self, record: logging.LogRecord) -> LogRecord:
        message, extras, event = parts_of(record)
        attributes: dict[str, Any] = dict(exception_of(record))
        for key, value in extras.items():
            put(attributes, key, value)
        return LogRecord(
            timestamp=int(record.created * 1e9),
            observed_timestamp=time.time_ns(),
            context=get_current(),
            severity_text=_SEVERITY_TEXT.get(record.levelname, str(record.levelname)),
            severity_number=std_to_otel(record.levelno),
            body=message,
            attributes=_folded(attributes),
            event_name=event,
        )

    def emit(self, record: logging.LogRecord) -> None:
        """Hand a record to the provider; what that logs itself is not exported."""
        if is_exporting():
            return
        _exporting.active = True
        try:
            _guard.call("log export", super().emit, record)
        finally:
            _exporting.active = False

    def flush(self) -> None:
        """Do nothing: the provider is flushed with the other signals, under one budget."""


def _folded(attributes: dict[str, Any]) -> dict[str, Any]:
    """Put what the SDK would drop for its number into one attribute."""
    if len(attributes) <= _MAX_ATTRIBUTES:
        return attributes
    keys = list(attributes)
    folded = {key: attributes[key] for key in keys[: _MAX_ATTRIBUTES - 1]}
    put(folded, "extra", {key: attributes[key] for key in keys[_MAX_ATTRIBUTES - 1 :]})
    return folded
