"""Log records over OTLP: nothing that a record holds makes this raise."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any

from opentelemetry._logs import LogRecord, NoOpLogger, SeverityNumber, get_logger
from opentelemetry.context import get_current

from otelml import _guard
from otelml.instrumentors.logging.clean import put
from otelml.instrumentors.logging.parts import exception_of, parts_of

if TYPE_CHECKING:
    from collections.abc import Callable

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


class OtlpHandler(logging.Handler):
    """Emits records as OpenTelemetry log records.

    Args:
        logger_provider: Where the records go.
    """

    def __init__(self, logger_provider: LoggerProvider) -> None:
        super().__init__()
        self.provider = logger_provider

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
            severity_number=severity_of(record.levelno),
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
            _guard.call("log export", self._send, record)
        finally:
            _exporting.active = False

    def _send(self, record: logging.LogRecord) -> None:
        logger = get_logger(record.name, logger_provider=self.provider)
        if not isinstance(logger, NoOpLogger):
            logger.emit(self._translate(record))

    def prepared(self, record: logging.LogRecord) -> tuple[LogRecord, Callable[[], None]]:
        """Return what a record becomes, and what would hand that to the provider."""
        logger = get_logger(record.name, logger_provider=self.provider)
        translated = self._translate(record)
        return translated, lambda: logger.emit(translated)

    def flush(self) -> None:
        """Do nothing: the provider is flushed with the other signals, under one budget."""


def severity_of(level: int) -> SeverityNumber:
    """Return OpenTelemetry's number for a level of logging: four steps in each ten levels."""
    if level < logging.DEBUG:
        return SeverityNumber.UNSPECIFIED
    tens, ones = divmod(min(level, logging.CRITICAL + 3), 10)
    return SeverityNumber(1 + 4 * tens + min(ones, 3))


def _folded(attributes: dict[str, Any]) -> dict[str, Any]:
    """Put what the SDK would drop for its number into one attribute."""
    if len(attributes) <= _MAX_ATTRIBUTES:
        return attributes
    keys = list(attributes)
    folded = {key: attributes[key] for key in keys[: _MAX_ATTRIBUTES - 1]}
    put(folded, "extra", {key: attributes[key] for key in keys[_MAX_ATTRIBUTES - 1 :]})
    return folded
