"""Every log record once as a JSON line on stdout, and once over OTLP.

The application's own handlers print what they printed before:

- The root logger's default level, WARNING, would hide INFO from us, so it is lowered to
  ``LogOptions.level``; records that the old level would have hidden reach only our handlers.
  A level that the application sets, before or after, is left alone.
- A root handler of the application that writes to stdout owns stdout: JSON lines are left out.
- An OpenTelemetry handler of the application owns the export: records are not sent twice.
- Loggers that do not propagate are left to their own handlers; otelml's own are not.

Records are seen in ``Logger.callHandlers``, where it is still known which level let them pass, and
which no configuration of logging changes.
"""

from __future__ import annotations

import functools
import logging
import logging.handlers
import sys
from collections.abc import Callable
from types import FunctionType
from typing import TYPE_CHECKING, Any

from otelml import _guard
from otelml._state import ProcessState
from otelml._worker import event_writer, hidden_events
from otelml.instrumentors.logging.active import Active, is_of_opentelemetry, root
from otelml.instrumentors.logging.events import EventWriter
from otelml.instrumentors.logging.json_lines import is_being_written
from otelml.instrumentors.logging.otlp import OtlpHandler, is_exporting
from otelml.instrumentors.logging.owners import is_otel_handler, note_listener
from otelml.instrumentors.patch import Patches
from otelml.semconv import SERVICE_NAME

if TYPE_CHECKING:
    from opentelemetry._logs import LoggerProvider
    from opentelemetry.sdk.resources import Resource

    from otelml.config import Config

__all__ = ["OtlpHandler", "instrument_logging", "is_otel_handler", "uninstrument_logging"]

_active: ProcessState[Active | None] = ProcessState(None)
_patches = Patches()


def _call_handlers(original: Callable[[logging.Logger, logging.LogRecord], None]) -> Any:
    @functools.wraps(original)
    def callHandlers(self: logging.Logger, record: logging.LogRecord) -> None:  # noqa: N802 - the name it replaces
        active = _active.value
        if active is None:
            original(self, record)
            return
        if is_exporting() and is_of_opentelemetry(record):
            return  # a complaint about a record under export would come with every record
        written = is_being_written(record)
        if written:
            return
        way = active.claims(self, record) if written is None else None
        try:
            if not active.hides(self, record):
                original(self, record)
        finally:
            if way is not None:
                _guard.call("log output", active.take, record, way)

    # Handlers that look for the caller (loguru's recipe) skip the frames of logging's own file.
    wrapper: Any = callHandlers
    filename = logging.Logger.handle.__code__.co_filename
    wrapper.__code__ = wrapper.__code__.replace(co_filename=filename)
    return wrapper


def _basic_config(original: Callable[..., None]) -> Any:
    @functools.wraps(original)
    def basicConfig(**kwargs: Any) -> None:  # noqa: N802 - the name it replaces
        # logging.info() and the like call it so that there is a handler: there is, ours.
        by: Any = sys._getframe(1).f_globals  # noqa: SLF001 - who asks decides
        by_logging = not kwargs and by is vars(logging)
        if not by_logging or not root.hasHandlers():
            original(**kwargs)

    return basicConfig


def _start(original: Callable[..., Any]) -> Any:
    @functools.wraps(original)
    def start(self: logging.handlers.QueueListener, *args: Any, **kwargs: Any) -> Any:
        note_listener(self)
        return original(self, *args, **kwargs)

    return start


def _patch() -> None:
    targets: tuple[tuple[Any, str, Callable[[Any], Any]], ...] = (
        (logging.Logger, "callHandlers", _call_handlers),
        (logging, "basicConfig", _basic_config),
        (logging.handlers.QueueListener, "start", _start),
    )
    for owner, name, wrap in targets:
        _patches.replace(owner, name, wrap(getattr(owner, name)))


def _is_untouched() -> bool:
    """Whether nobody but us has a hand in what logging does with a record."""
    ours: Any = logging.Logger.callHandlers
    inner: Any = getattr(ours, "__wrapped__", None)
    # What others put in the place of logging's own functions has names of its own.
    given = (inner, *(getattr(logging.Logger, name) for name in ("handle", "filter")))
    return _patches.are_all_in_place() and all(
        isinstance(one, FunctionType) and one.__globals__ is logging.__dict__ for one in given
    )


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
    active = Active(config.logs, logger_provider, service)
    if not _patches.replaced:
        _patch()
    _active.value = active
    hidden_events.value = active.take_hidden
    event_writer.value = EventWriter(active, _is_untouched)
    active.start()


def uninstrument_logging() -> None:
    """Leave logging as it was before; without :func:`instrument_logging` do nothing."""
    active = _active.exchange(None)
    if active is not None:
        hidden_events.value = None
        writer, event_writer.value = event_writer.value, None
        if writer is not None:
            writer.flush()
        active.stop()
    if _patches.are_all_in_place():  # else someone wrapped us: stay, passing everything through
        _patches.undo()


def is_instrumented() -> bool:
    """Whether log records are being taken by us."""
    return _active.value is not None
