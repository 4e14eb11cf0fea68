"""Log records as JSON lines: whatever is logged, one record is one valid line."""

from __future__ import annotations

import functools
import io
import json
import logging
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from opentelemetry import trace
from pythonjsonlogger.json import JsonFormatter

from otelml import semconv
from otelml._guard import quietly
from otelml.instrumentors.logging.clean import clean, put, text_of
from otelml.instrumentors.logging.parts import exception_of, parts_of

__all__ = ["JsonLineFormatter", "StdoutHandler", "is_being_written", "timestamp"]

_PLAIN_WRITES = (io.TextIOWrapper.write, io.StringIO.write)
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
        self._service_name = text_of(service_name)

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
            "timestamp": timestamp(record.created),
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


def timestamp(seconds: float) -> str:
    """Return a time, seconds since the epoch, as lines have it."""
    whole, micros = divmod(round(seconds * 1e6), 1_000_000)
    return f"{_to_the_second(whole)}.{micros:06d}Z"


@functools.lru_cache(maxsize=4)
def _to_the_second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


class StdoutHandler(logging.Handler):
    """Writes JSON lines to what ``sys.stdout`` is at that moment; a broken stdout is ignored.

    Its level stays 0, so that libraries which look for a handler that would take their records
    (Flask, Werkzeug) find it and add none of theirs.

    Args:
        service_name: Value of the field ``service.name``.
        take: Gets each record that comes to this handler as to any other.
    """

    def __init__(self, service_name: str, take: Callable[[logging.LogRecord], object]) -> None:
        super().__init__()
        self.setFormatter(JsonLineFormatter(service_name))
        self._take = take

    def handle(self, record: logging.LogRecord) -> bool:
        """Hand on a record; it is written, if at all, by ``write``."""
        self._take(record)
        return True

    def write(self, record: logging.LogRecord) -> None:
        """Write the line of a record."""
        line = self.format(record)
        self.acquire()
        try:
            quietly(_write, line)
        finally:
            self.release()

    def write_lines(self, lines: list[str]) -> None:
        """Write lines that are formed already."""
        self.acquire()
        try:
            if _writes_as_given(sys.stdout):
                quietly(_write, "\n".join(lines))
            else:
                for line in lines:
                    quietly(_write, line)
        finally:
            self.release()


def _writes_as_given(stream: Any) -> bool:
    """Return whether a stream only writes, and many lines at once are as good as one by one."""
    return getattr(type(stream), "write", None) in _PLAIN_WRITES


class _Writing(threading.local):
    """What this thread is writing, and whether stdout has logged it."""

    line: str | None = None
    came_back = False


_writing = _Writing()


def is_being_written(record: logging.LogRecord) -> bool | None:
    """Return whether a record is the line that is being written, which stdout logs in its turn.

    None where this thread writes no line.
    """
    line = _writing.line
    if line is None:
        return None
    if line in str(quietly(record.getMessage)):
        _writing.came_back = True
        return True
    return False


def _write(line: str) -> None:
    stream: Any = sys.stdout
    if _is_logging(stream):
        stream = sys.__stdout__
    if stream is None:  # as under pythonw
        return
    _writing.line, _writing.came_back = line, False
    try:
        stream.write(f"{line}\n")
        stream.flush()
    finally:
        _writing.line = None
    if _writing.came_back and sys.__stdout__ is not None:
        sys.__stdout__.write(f"{line}\n")
        sys.__stdout__.flush()


def _is_logging(stream: Any) -> bool:
    """Return whether a stream logs what is written to it, as Celery's workers set one up."""
    return isinstance(getattr(stream, "logger", None), (logging.Logger, logging.LoggerAdapter))
