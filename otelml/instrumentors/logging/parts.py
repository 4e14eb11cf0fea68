"""What a log record says: its message, its fields, its event's name, its exception.

Libraries for structured logging put these where logging does not: structlog hands over a mapping,
or the JSON that it rendered, in place of a message; loguru's message ends with the traceback.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from collections.abc import Mapping
from typing import Any

from pythonjsonlogger.core import RESERVED_ATTRS

from otelml import semconv
from otelml._guard import quietly
from otelml._privacy import clean_request_line, current_policy
from otelml._worker import CLEAN_PARTS
from otelml.instrumentors.logging.clean import Cleaner, clean, key_of, put, text_of, unprintable

__all__ = ["exception_of", "parts_of"]

EVENT_NAME = "otel.event.name"
# What the logging instrumentation of OpenTelemetry adds to records is there under our own names;
# the others are how daiquiri and structlog find their own way back.
_SKIPPED = frozenset(RESERVED_ATTRS) | {
    CLEAN_PARTS, "taskName", "otelTraceID", "otelSpanID", "otelTraceSampled", "otelServiceName",
    "_daiquiri_extra_keys",
}  # fmt: skip
_SKIPPED_OF_STRUCTLOG = _SKIPPED | {"_logger", "_name"}
_MESSAGE_KEYS = ("message", "event", "msg")
_EXC_INFO = "exc_info"
_POSITIONAL = "positional_args"
_MAX_JSON = 100_000
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")  # for terminals, as in Werkzeug's messages
_OF_LOGURU = "\n"  # its exc_text: what keeps a formatter from adding the traceback again
_TRACEBACK = "\nTraceback (most recent call last):"
_PLAIN = logging.Formatter()
_ACCESS = (
    "werkzeug",
    "gunicorn.access",
    "uvicorn.access",
    "waitress",
    "hypercorn.access",
    "aiohttp",
)


def parts_of(record: logging.LogRecord) -> tuple[str, dict[str, Any], str | None]:
    """Return the message, the cleaned extras and the event name of a record.

    A mapping in place of a message gives fields: its ``message``, ``event`` or ``msg``, whichever
    comes first in this order, is the message.
    """
    ready = record.__dict__.get(CLEAN_PARTS)
    if ready is not None and ready[0] == len(record.__dict__):
        return ready[1], current_policy().fields(dict(ready[2])), ready[3]
    cleaner = Cleaner()
    extras: dict[str, Any] = {}
    event: str | None = None
    skipped = _SKIPPED
    fields = _mapping_in(record)
    if fields is not None:
        message = _take_message(fields, cleaner, extras)
        skipped = _SKIPPED_OF_STRUCTLOG
    else:
        given = quietly(record.getMessage)
        message = _broken_message(record) if given is None else given
        if record.exc_text == _OF_LOGURU:
            message = _without_traceback(message, record)
    for key, value in tuple(vars(record).items()):
        if key == EVENT_NAME:
            event = str(clean(value))
        elif key not in skipped:
            put(extras, key_of(key), cleaner.clean(value))
    if record.stack_info:
        put(extras, "stack_info", text_of(str(record.stack_info)))
    policy = current_policy()
    message = _COLOURS.sub("", message)
    if "?" in message and record.name.startswith(_ACCESS) and not policy.is_open:
        message = clean_request_line(message)
    return text_of(message), policy.fields(extras), event


def _mapping_in(record: logging.LogRecord) -> dict[Any, Any] | None:
    """Return the mapping that stands in place of a message, or that structlog rendered as JSON."""
    if isinstance(record.msg, dict):
        return record.msg
    text = record.msg
    if (
        type(text) is str
        and text[:1] == "{"
        and len(text) <= _MAX_JSON
        and not record.args
        and "structlog" in sys.modules
    ):
        fields = quietly(json.loads, text)
        if isinstance(fields, dict) and any(type(fields.get(k)) is str for k in _MESSAGE_KEYS):
            return fields
    return None


def _take_message(given: dict[Any, Any], cleaner: Cleaner, extras: dict[str, Any]) -> str:
    """Put a mapping's fields into ``extras``; return its message."""
    fields = cleaner.clean(given)
    if not isinstance(fields, dict):
        return str(fields)
    key = next((key for key in _MESSAGE_KEYS if key in fields), None)
    message = "" if key is None else str(fields.pop(key))
    if key is not None and _POSITIONAL in fields:  # structlog's, not yet formatted
        formatted: str | None = quietly(lambda: str(message % given[_POSITIONAL]))
        if formatted is not None:
            message = formatted
            del fields[_POSITIONAL]
    if _EXC_INFO in fields and _info_in(given) is not None:
        del fields[_EXC_INFO]
    extras.update(fields)
    return message


def _broken_message(record: logging.LogRecord) -> str:
    """Return a message whose arguments do not fit, as far as it can be shown."""
    message = clean(record.msg)
    text = message if isinstance(message, str) else json.dumps(message)
    return f"{text} {json.dumps(clean(record.args))}" if record.args else text


def _without_traceback(message: str, record: logging.LogRecord) -> str:
    head, found, _ = message.partition(_TRACEBACK)
    if found:
        return head
    info = record.exc_info
    if isinstance(info, tuple) and info[0] is not None:
        lines: list[str] | None = quietly(traceback.format_exception_only, info[0], info[1])
        last = "".join(lines or ()).rstrip("\n")
        return message.rstrip("\n").removesuffix(f"\n{last}") if last else message
    return message


def exception_of(record: logging.LogRecord) -> dict[str, str]:
    """Return the ``exception.*`` fields of a record."""
    info: Any = _exc_info(record.exc_info)
    if info is None and isinstance(record.msg, dict):
        info = _info_in(record.msg)
    fields: dict[str, str] = {}
    policy = current_policy()
    if info is not None:
        kind, error = info[0], info[1]
        prefix = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
        fields[semconv.EXCEPTION_TYPE] = f"{prefix}{kind.__qualname__}"
        shown = quietly(str, error, default=unprintable(error))
        stack = quietly(_PLAIN.formatException, info, default="<unprintable stack>")
        fields[semconv.EXCEPTION_MESSAGE] = text_of(policy.message_of(error, shown))
        fields[semconv.EXCEPTION_STACKTRACE] = text_of(policy.trace_of(error, stack, shown))
    elif record.exc_text:
        fields[semconv.EXCEPTION_STACKTRACE] = text_of(policy.trace(str(record.exc_text)))
    return fields


def _info_in(fields: Mapping[Any, Any]) -> Any:
    return _exc_info(quietly(fields.get, _EXC_INFO))


def _exc_info(value: Any) -> Any:
    """Return what ``sys.exc_info`` would: libraries also hand over the exception, or True."""
    if not value:
        return None
    if isinstance(value, BaseException):
        return type(value), value, value.__traceback__
    if value is True:
        value = sys.exc_info()
    return value if isinstance(value, tuple) and value and value[0] is not None else None
