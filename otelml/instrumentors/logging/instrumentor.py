"""Every log record once as a JSON line on stdout, and once over OTLP.

The application's own handlers print what they printed before:

- The root logger's default level, WARNING, would hide INFO from us, so it is lowered to
  ``LogOptions.level``; records that the old level would have hidden reach only our handlers.
  A level that the application sets, before or after, is left alone.
- A root handler of the application that writes to stdout owns stdout: JSON lines are left out.
- An OpenTelemetry handler on the root logger owns the export: records are not sent twice.
- Loggers that do not propagate are left to their own handlers.

Records are seen in ``Logger.callHandlers``, where it is still known which level let them pass.
"""

from __future__ import annotations

import functools
import logging
import logging.config
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from opentelemetry._logs import LogRecord, NoOpLogger, SeverityNumber, get_logger
from opentelemetry.context import get_current

from otelml import _guard
from otelml._state import ProcessState
from otelml._suppression import is_suppressed
from otelml.instrumentors.logging.json_lines import StdoutHandler, exception_of, parts_of, put
from otelml.instrumentors.patch import Patches
from otelml.semconv import SERVICE_NAME

if TYPE_CHECKING:
    from opentelemetry._logs import LoggerProvider
    from opentelemetry.sdk.resources import Resource

    from otelml.config import Config

__all__ = ["OtlpHandler", "instrument_logging", "is_otel_handler", "uninstrument_logging"]

_logger = logging.getLogger("otelml")
_root = logging.getLogger()
_exporting = threading.local()
_MAX_ATTRIBUTES = 128  # the specification's default limit
_SEVERITY_TEXT = {"WARNING": "WARN", "CRITICAL": "FATAL"}


class OtlpHandler(logging.Handler):
    """Emits records as OpenTelemetry log records; nothing that a record holds makes it raise.

    Args:
        logger_provider: Where the records go.
    """

    def __init__(self, logger_provider: LoggerProvider) -> None:
        super().__init__()
        self._provider = logger_provider

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
        if getattr(_exporting, "active", False):
            return
        _exporting.active = True
        try:
            _guard.call("log export", self._send, record)
        finally:
            _exporting.active = False

    def _send(self, record: logging.LogRecord) -> None:
        logger = get_logger(record.name, logger_provider=self._provider)
        if not isinstance(logger, NoOpLogger):
            logger.emit(self._translate(record))

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


class _RootLevel(int):
    """The level that we gave the root logger; by its identity we see whether it is still ours."""


class _Active:
    """What is in place between instrument and uninstrument."""

    def __init__(self, config: Config, provider: LoggerProvider | None, service: str) -> None:
        options = config.logs
        self._level: int = getattr(logging, options.level)
        self.json = StdoutHandler(service, self._is_for_stdout) if options.json else None
        self._otlp = OtlpHandler(provider) if options.otlp and provider is not None else None
        self._lowered: _RootLevel | None = None

    def start(self) -> None:
        """Take our places on the root logger."""
        if self._level < _root.level == logging.WARNING and (self.json or self._otlp):
            self._lowered = _RootLevel(self._level)
            _root.setLevel(self._lowered)
        if self.json is not None:
            if _writes_to_stdout(_root.handlers):
                _logger.info(
                    "otelml: the application's log handler writes to stdout, so JSON lines are "
                    "left out there; remove that handler to have them, or set "
                    "LogOptions(json=False) to say that this is wanted"
                )
            _root.addHandler(self.json)

    def stop(self) -> None:
        """Give them back."""
        if self.json is not None:
            _root.removeHandler(self.json)
        if self._lowered is not None and _root.level is self._lowered:
            _root.setLevel(logging.WARNING)

    def hides(self, logger: logging.Logger, record: logging.LogRecord) -> bool:
        """Return whether only the lowered root level let a record pass."""
        if record.levelno >= logging.WARNING or _root.level is not self._lowered:
            return False
        at: logging.Logger | None = logger
        while at is not None and at is not _root:
            if at.level:
                return False
            at = at.parent
        return True

    def write_hidden(self, record: logging.LogRecord) -> None:
        """Write a record that the application's handlers do not get."""
        if self.json is not None and self.json in _root.handlers:
            self.json.handle(record)

    def export(self, record: logging.LogRecord) -> None:
        """Send a record over OTLP, unless it is about sending or someone else sends it."""
        if (
            self._otlp is not None
            and record.levelno >= self._level
            and not _is_of_opentelemetry(record)
            and not is_suppressed(get_current())
            and not any(is_otel_handler(handler) for handler in _root.handlers)
        ):
            self._otlp.emit(record)

    def _is_for_stdout(self, record: logging.LogRecord) -> bool:
        if record.levelno < self._level or _writes_to_stdout(_root.handlers):
            return False
        at: Any = _root.manager.loggerDict.get(record.name)
        while isinstance(at, logging.Logger) and at is not _root:
            if _writes_to_stdout([h for h in at.handlers if h.level <= record.levelno]):
                return False
            at = at.parent if at.propagate else None
        return True


def _is_of_opentelemetry(record: logging.LogRecord) -> bool:
    return record.name.partition(".")[0] == "opentelemetry"


def is_otel_handler(handler: logging.Handler) -> bool:
    """Return whether a handler exports records by OpenTelemetry: the SDK's or contrib's."""
    return any(
        base.__name__ == "LoggingHandler" and base.__module__.startswith("opentelemetry.")
        for base in type(handler).__mro__
    )


def _writes_to_stdout(handlers: list[logging.Handler]) -> bool:
    for handler in handlers:
        console = getattr(handler, "console", None)  # as rich's handler has
        stream = getattr(handler, "stream", None) or getattr(console, "file", None)
        if stream is not None and (stream is sys.stdout or stream is sys.__stdout__):
            return True
    return False


def _reaches_root(logger: logging.Logger) -> bool:
    at = logger
    while at.parent is not None:
        if not at.propagate:
            return False
        at = at.parent
    return at is _root


_active: ProcessState[_Active | None] = ProcessState(None)
_patches = Patches()


def _call_handlers(original: Callable[[logging.Logger, logging.LogRecord], None]) -> Any:
    @functools.wraps(original)
    def callHandlers(self: logging.Logger, record: logging.LogRecord) -> None:  # noqa: N802 - the name it replaces
        active = _active.value
        if active is None:
            original(self, record)
            return
        if getattr(_exporting, "active", False) and _is_of_opentelemetry(record):
            return  # a complaint about a record under export would come with every record
        reaches_us = _reaches_root(self)
        if not active.hides(self, record):
            original(self, record)
        elif reaches_us:
            _guard.call("log output", active.write_hidden, record)
        if reaches_us:
            _guard.call("log export", active.export, record)

    return callHandlers


def _without_us(original: Callable[..., Any]) -> Any:
    """Let a configuration function see, change and clear only the application's handlers."""

    @functools.wraps(original)
    def configure(*args: Any, **kwargs: Any) -> Any:
        active = _active.value
        ours = active.json if active is not None else None
        if ours is None or ours not in _root.handlers:
            return original(*args, **kwargs)
        _root.removeHandler(ours)
        try:
            return original(*args, **kwargs)
        finally:
            if _active.value is active:
                _root.addHandler(ours)

    return configure


def _patch() -> None:
    targets: tuple[tuple[Any, str, Callable[[Any], Any]], ...] = (
        (logging.Logger, "callHandlers", _call_handlers),
        (logging, "basicConfig", _without_us),
        (logging.config, "dictConfig", _without_us),
        (logging.config, "fileConfig", _without_us),
    )
    for owner, name, wrap in targets:
        _patches.replace(owner, name, wrap(getattr(owner, name)))


def instrument_logging(
    config: Config, logger_provider: LoggerProvider | None, resource: Resource | None
) -> None:
    """Write log records as JSON lines and send them over OTLP; a second call starts afresh.

    Args:
        config: Says which of both, and from which level on.
        logger_provider: Where records go; None sends none.
        resource: Says the service's name.
    """
    uninstrument_logging()
    service = str(resource.attributes.get(SERVICE_NAME, "")) if resource is not None else ""
    active = _Active(config, logger_provider, service)
    if not _patches.replaced:
        _patch()
    _active.value = active
    active.start()


def uninstrument_logging() -> None:
    """Leave logging as it was before; without :func:`instrument_logging` do nothing."""
    active = _active.exchange(None)
    if active is not None:
        active.stop()
    if _patches.are_all_in_place():  # else someone wrapped us: stay, passing everything through
        _patches.undo()


def is_instrumented() -> bool:
    """Whether log records are being taken by us."""
    return _active.value is not None
