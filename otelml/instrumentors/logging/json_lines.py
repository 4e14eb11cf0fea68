"""Log records as JSON lines: whatever is logged, one record is one valid line."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import functools
import json
import logging
import math
import re
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import numpy as np
from opentelemetry import trace
from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from otelml import semconv
from otelml._guard import quietly
from otelml._worker import CLEAN_PARTS

__all__ = ["JsonLineFormatter", "StdoutHandler", "clean", "exception_of", "parts_of"]


EVENT_NAME = "otel.event.name"
# What the logging instrumentation of OpenTelemetry adds to records is there under our own names.
_SKIPPED = frozenset(RESERVED_ATTRS) | {
    CLEAN_PARTS, "taskName", "otelTraceID", "otelSpanID", "otelTraceSampled", "otelServiceName",
}  # fmt: skip
_MAX_DEPTH = 12
_MAX_VALUES = 2000
_MAX_TEXT = 100_000
_MAX_TEXT_IN_ALL = 200_000
_SHORT = 100
_INT64 = 2**63
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")  # for terminals, as in Werkzeug's messages
# Times and long doubles: their Python form is coarser, or they themselves again.
_SHOWN_BY_NUMPY = "mMgG"
_MAX_BITS = 4096


class _Cleaner:
    """Turns one record's values into what JSON and OTLP can hold, within a budget."""

    def __init__(self) -> None:
        self._left = _MAX_VALUES
        self._text_left = _MAX_TEXT_IN_ALL
        self._path: set[int] = set()

    def clean(self, value: Any, depth: int = 0) -> Any:
        self._left -= 1
        if _is_clean(value):
            return value
        if isinstance(value, str) and not isinstance(value, enum.Enum):
            return self._bounded(_text(str.__str__(value)))
        return quietly(self._clean, value, depth, default=_unprintable(value))

    def _bounded(self, text: str) -> str:
        self._text_left -= len(text)
        return text if self._text_left >= 0 else f"<text of {len(text)} characters>"

    def _clean(self, value: Any, depth: int) -> Any:
        if isinstance(value, enum.Enum):
            return self.clean(value.value, depth)
        if isinstance(value, np.generic) and value.dtype.char not in _SHOWN_BY_NUMPY:
            value = value.item()
        if isinstance(value, (int, float)):
            return _integer(int(value)) if isinstance(value, int) else _number(float(value))
        children = _children(value, self._left)
        if children is None:
            return self._bounded(_text(_shown(value)))
        return self._container(value, children, depth)

    def _container(self, value: Any, children: Any, depth: int) -> Any:
        if id(value) in self._path:
            return "<cycle>"
        if depth >= _MAX_DEPTH:
            return f"<deeper than {_MAX_DEPTH}: {type(value).__name__}>"
        self._path.add(id(value))
        try:
            if isinstance(children, Mapping):
                return self._mapping(children, depth)
            items: list[Any] = []
            for item in children:
                if self._left <= 0:
                    items.append("<more>")
                    break
                items.append(self.clean(item, depth + 1))
            return items
        finally:
            self._path.discard(id(value))

    def _mapping(self, mapping: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for key, item in mapping.items():
            if self._left <= 0:
                out["<more>"] = True
                break
            put(out, key_of(key), self.clean(item, depth + 1))
        return out


def _is_clean(value: Any) -> bool:
    """Return whether a value is one of the many that need no cleaning, at the least cost."""
    kind = type(value)
    if kind is str:
        return len(value) < _SHORT and value.isascii()
    if kind is int:
        return bool(-_INT64 <= value < _INT64)
    if kind is float:
        return math.isfinite(value)
    return value is None or kind is bool


def _children(value: Any, budget: int) -> Any:
    """Return a mapping or an iterable of what ``value`` holds; None for what holds nothing."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, np.ndarray):
        # Only as much as can be shown is converted; rows are views.
        if value.ndim == 0:
            return [value.item()]
        shown = value[: max(budget, 1)]
        return shown.tolist() if value.ndim == 1 else list(shown)
    if isinstance(value, (list, tuple, AbstractSet, deque)):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return None


def _integer(value: int) -> int | str:
    if -_INT64 <= value < _INT64:
        return value
    bits = value.bit_length()
    return str(value) if bits <= _MAX_BITS else f"<integer of {bits} bits>"


def _number(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _text(text: str) -> str:
    if len(text) > _MAX_TEXT:
        text = f"{text[:_MAX_TEXT]}… (+{len(text) - _MAX_TEXT} characters)"
    if text.isascii():
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:  # lone surrogates are not text that other systems can read
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _unprintable(value: object) -> str:
    return f"<unprintable {quietly(lambda: str(type(value).__name__), default='object')}>"


def _shown(value: Any) -> str:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value[:_MAX_TEXT]).decode("utf-8", "backslashreplace")
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {value}"
    if isinstance(value, type):
        return value.__name__
    text = quietly(lambda: str.__str__(str(value)))
    return str.__str__(repr(value)) if text is None else text


def clean(value: Any) -> Any:
    """Return ``value`` as None, bool, 64-bit int, finite float, str, list and dict only.

    What has no such form becomes text; what is deeper, longer or more than a log line can carry
    is cut, and says so. Nothing that ``value`` does when it is looked at is raised.
    """
    return value if _is_clean(value) else _Cleaner().clean(value)


def key_of(key: object) -> str:
    """Return a non-empty text for the key of an extra."""
    if key and type(key) is str and key.isascii():
        return key
    return _text(quietly(_shown, key, default=_unprintable(key))) or "_"


def put(target: dict[str, Any], key: str, value: Any) -> None:
    """Add a field under ``key``, or under ``extra.key`` where that is taken: no field is lost."""
    while key in target:
        key = f"extra.{key}"
    target[key] = value


def parts_of(record: logging.LogRecord) -> tuple[str, dict[str, Any], str | None]:
    """Return the message, the cleaned extras and the event name of a record.

    A mapping logged in place of a message gives fields, as python-json-logger has it.
    """
    ready = record.__dict__.get(CLEAN_PARTS)
    if ready is not None and ready[0] == len(record.__dict__):
        return ready[1], dict(ready[2]), ready[3]
    cleaner = _Cleaner()
    extras: dict[str, Any] = {}
    event: str | None = None
    message: str
    if isinstance(record.msg, dict):
        fields = cleaner.clean(record.msg)
        message = str(fields.pop("message", "")) if isinstance(fields, dict) else str(fields)
        extras.update(fields if isinstance(fields, dict) else {})
    else:
        given = quietly(record.getMessage)
        message = _broken_message(record) if given is None else given
    for key, value in tuple(vars(record).items()):
        if key == EVENT_NAME:
            event = str(clean(value))
        elif key not in _SKIPPED:
            put(extras, key_of(key), cleaner.clean(value))
    if record.stack_info:
        put(extras, "stack_info", _text(str(record.stack_info)))
    return _text(_COLOURS.sub("", message)), extras, event


def _broken_message(record: logging.LogRecord) -> str:
    """Return a message whose arguments do not fit, as far as it can be shown."""
    message = clean(record.msg)
    text = message if isinstance(message, str) else json.dumps(message)
    return f"{text} {json.dumps(clean(record.args))}" if record.args else text


def exception_of(record: logging.LogRecord) -> dict[str, str]:
    """Return the ``exception.*`` fields of a record."""
    info = record.exc_info
    fields: dict[str, str] = {}
    if isinstance(info, tuple) and info[0] is not None:
        kind, error = info[0], info[1]
        prefix = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
        fields[semconv.EXCEPTION_TYPE] = f"{prefix}{kind.__qualname__}"
        fields[semconv.EXCEPTION_MESSAGE] = _text(quietly(str, error, default=_unprintable(error)))
        stack = quietly(_PLAIN.formatException, info, default="<unprintable stack>")
        fields[semconv.EXCEPTION_STACKTRACE] = _text(stack)
    elif record.exc_text:
        fields[semconv.EXCEPTION_STACKTRACE] = _text(str(record.exc_text))
    return fields


_PLAIN = logging.Formatter()


_ENCODER = json.JSONEncoder(allow_nan=False)


def _encode(fields: dict[str, Any], **_options: Any) -> str:
    return _ENCODER.encode(fields)


class JsonLineFormatter(JsonFormatter):
    """One JSON object a record, without newlines, ASCII only; never raises.

    Args:
        service_name: Value of the field ``service.name``.
    """

    def __init__(self, service_name: str) -> None:
        super().__init__(json_serializer=_encode)
        self._service_name = _text(service_name)

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        line = quietly(self._line, record)
        if line is not None:
            return line
        message = "<a record that cannot be shown>"
        return json.dumps({"level": str(record.levelno), "message": message})

    def _line(self, record: logging.LogRecord) -> str:
        message, extras, event = parts_of(record)
        fields: dict[str, Any] = {
            "timestamp": _timestamp(record.created),
            "level": clean(record.levelname),
            "logger": clean(record.name),
            "message": message,
        }
        span = trace.get_current_span().get_span_context()
        if span.is_valid:
            fields["trace_id"] = trace.format_trace_id(span.trace_id)
            fields["span_id"] = trace.format_span_id(span.span_id)
        fields[semconv.SERVICE_NAME] = self._service_name
        if event is not None:
            fields["event_name"] = event
        fields.update(exception_of(record))
        for key, value in extras.items():
            put(fields, key, value)
        return self.jsonify_log_record(fields)


def _timestamp(seconds: float) -> str:
    whole, micros = divmod(round(seconds * 1e6), 1_000_000)
    return f"{_to_the_second(whole)}.{micros:06d}Z"


@functools.lru_cache(maxsize=4)
def _to_the_second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


class StdoutHandler(logging.Handler):
    """Writes JSON lines to what ``sys.stdout`` is at that moment; a broken stdout is ignored.

    Its own level stays 0, so that libraries which look for a handler that would take their
    records (Flask, Werkzeug) find it and add none of theirs.

    Args:
        service_name: Value of the field ``service.name``.
        accepts: Whether a record is written.
    """

    def __init__(self, service_name: str, accepts: Callable[[logging.LogRecord], bool]) -> None:
        super().__init__()
        self.setFormatter(JsonLineFormatter(service_name))
        self._accepts = accepts

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line of a record."""
        if self._accepts(record):
            quietly(_write, self.format(record))


def _write(line: str) -> None:
    stream: Any = sys.stdout
    if stream is not None:  # as under pythonw
        stream.write(f"{line}\n")
        stream.flush()
