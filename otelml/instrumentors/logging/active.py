"""What is in place between instrument and uninstrument, and what becomes of each record."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, TypeAlias

from opentelemetry.context import get_current

from otelml import _guard
from otelml._suppression import is_suppressed
from otelml.instrumentors.logging.json_lines import StdoutHandler
from otelml.instrumentors.logging.once import claim, note_travel
from otelml.instrumentors.logging.otlp import OtlpHandler
from otelml.instrumentors.logging.own_loggers import OwnLoggers, is_own
from otelml.instrumentors.logging.owners import (
    find_listeners,
    is_otel_handler,
    reach,
    writes_to_stdout,
)

if TYPE_CHECKING:
    from opentelemetry._logs import LoggerProvider

    from otelml.config import LogOptions

__all__ = ["Active", "is_of_opentelemetry", "root"]

root = logging.getLogger()
_logger = logging.getLogger("otelml")


Way: TypeAlias = list[logging.Handler]


class _RootLevel(int):
    """The level that we gave the root logger; by its identity we see whether it is still ours."""


class Active:
    """Our places in the application's logging.

    The handler of the JSON lines is on a logger above the root logger: where a look for handlers
    ends, and no configuration function begins. It is there to be found; lines are written from
    ``take``, with the record in hand, so that they do not hang on it.

    Args:
        options: Which of both sinks, and from which level on.
        provider: Where records go; None sends none.
        service: The service's name.
    """

    def __init__(self, options: LogOptions, provider: LoggerProvider | None, service: str) -> None:
        self._level: int = getattr(logging, options.level)
        self._json = StdoutHandler(service, self.take_late) if options.json else None
        self._otlp = OtlpHandler(provider) if options.otlp and provider is not None else None
        self._lowered: _RootLevel | None = None
        self._above = logging.Logger("otelml.above_root")  # noqa: LOG001 - in no tree that a configuration walks
        self._own = OwnLoggers()

    def start(self) -> None:
        """Take our places."""
        self._own.take()
        find_listeners(root)
        if self._level < root.level == logging.WARNING and (self._json or self._otlp):
            self._lowered = _RootLevel(self._level)
            root.setLevel(self._lowered)
        if self._json is None:
            return
        if any(writes_to_stdout(handler) for handler in reach(root.handlers)):
            _logger.info(
                "otelml: the application's log handler writes to stdout, so JSON lines are "
                "left out there; remove that handler to have them, or set "
                "LogOptions(json=False) to say that this is wanted"
            )
        self._above.addHandler(self._json)
        self._above.parent = root.parent
        root.parent = self._above

    def stop(self) -> None:
        """Give them back."""
        if root.parent is self._above:
            root.parent = self._above.parent
        if self._json is not None:
            self._json.close()
        if self._lowered is not None and root.level is self._lowered:
            root.setLevel(logging.WARNING)
        self._own.give_back()

    def hides(self, logger: logging.Logger, record: logging.LogRecord) -> bool:
        """Return whether only the lowered root level let a record pass."""
        if record.levelno >= logging.WARNING or root.level is not self._lowered:
            return False
        at: logging.Logger | None = logger
        while at is not None and at is not root:
            if at.level:
                return False
            at = at.parent
        return True

    def way_beside(self, logger: logging.Logger, level: int) -> Way | None:
        """Return the handlers of a record of ours that is hidden from them; None: from none.

        Args:
            logger: The logger.
            level: The record's.
        """
        record = logging.LogRecord(logger.name, level, "otelml", 0, "", (), None)
        way = _handlers_of(logger, record)
        hidden = not logger.isEnabledFor(level) or self.hides(logger, record)
        return way if hidden or not way else None

    def sinks(self, level: int) -> tuple[StdoutHandler | None, OtlpHandler | None]:
        """Return where records of a level go."""
        return (self._json, self._otlp) if level >= self._level else (None, None)

    def claims(self, logger: logging.Logger, record: logging.LogRecord) -> Way | None:
        """Return the handlers of a record that is for us, and comes by for the first time."""
        if not ((_reaches_root(logger) or is_own(logger)) and claim(record)):
            return None
        way = _handlers_of(logger, record)
        if way:
            note_travel(record, way)
        return way

    def take(self, record: logging.LogRecord, on_the_way: Way) -> None:
        """Write and export a record that was claimed, unless one of the application's does."""
        if record.levelno < self._level:
            return
        if self._json is not None and not (on_the_way and any(map(writes_to_stdout, on_the_way))):
            self._json.write(record)
        if (
            self._otlp is not None
            and not is_of_opentelemetry(record)
            and not is_suppressed(get_current())
            and not any(map(is_otel_handler, on_the_way))
        ):
            self._otlp.emit(record)

    def take_hidden(self, logger: logging.Logger, record: logging.LogRecord) -> None:
        """Take a record that is for us alone."""
        if claim(record):
            _guard.call("log output", self.take, record, _handlers_of(logger, record))

    def take_late(self, record: logging.LogRecord) -> None:
        """Take a record whose logger does not call us: someone else replaced its method."""
        if not claim(record):
            return
        logger: Any = root.manager.loggerDict.get(record.name)
        logger = logger if isinstance(logger, logging.Logger) else root
        _guard.call("log output", self.take, record, _handlers_of(logger, record))


def is_of_opentelemetry(record: logging.LogRecord) -> bool:
    """Return whether a record is one of OpenTelemetry's own."""
    return record.name.partition(".")[0] == "opentelemetry"


def _handlers_of(logger: logging.Logger, record: logging.LogRecord) -> Way:
    """Return the handlers that get a record, with all of the root logger's."""
    found: Way = []
    at: logging.Logger | None = logger
    while at is not None and at is not root:
        if at.handlers:
            found += reach([h for h in at.handlers if h.level <= record.levelno])
        at = at.parent if at.propagate else None
    if at is None:
        return found
    return found + reach(root.handlers) if found else reach(root.handlers)


def _reaches_root(logger: logging.Logger) -> bool:
    at: logging.Logger = logger
    while at is not root:
        if not at.propagate or at.parent is None:
            return False
        at = at.parent
    return True
