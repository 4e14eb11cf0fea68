"""Log events of predictions from templates: the line and the OTLP record that a record would give.

A template is made from a specimen that goes the usual way, through python-json-logger and the SDK.
It holds for as long as logging is configured as it was: that is looked at for each run of events,
and where anything of the application's may want to see a record, there is one.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry._logs import NoOpLogger, get_logger
from opentelemetry.context import Context, attach, detach, get_current
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from otelml import _guard
from otelml._spans import SPAN_KEY, Mark, Marks, Template, TextTemplate
from otelml._suppression import is_suppressed
from otelml._worker import lets_pass
from otelml.instrumentors.logging.json_lines import StdoutHandler, timestamp
from otelml.instrumentors.logging.otlp import OtlpHandler, is_exporting
from otelml.instrumentors.logging.owners import is_otel_handler, writes_to_stdout

if TYPE_CHECKING:
    from otelml.instrumentors.logging.active import Active

__all__ = ["EventWriter"]

_HELD = ("handle", "filter", "makeRecord", "isEnabledFor", "getEffectiveLevel")


class _HoldsFor(NamedTuple):
    """What events are written to.

    Args:
        name: The logger's name.
        json: Where lines go; None: nowhere.
        formatter: Who forms them.
        otlp: Who sends records; None: nobody.
        sinks: Who takes these encoded.
        resource: Whose they are: a forked child's is another.
    """

    name: str
    json: StdoutHandler | None
    formatter: Any
    otlp: OtlpHandler | None
    sinks: tuple[Any, ...]
    resource: Any


class _EventTemplate:
    """The events of predictions that are alike; see ``otelml._worker``."""

    __slots__ = ("_like", "_line", "_lines", "_record", "_sinks")

    def __init__(
        self,
        lines: deque[str],
        line: TextTemplate | None,
        record: Template | None,
        sinks: tuple[Any, ...],
        like: Any,
    ) -> None:
        self._lines = lines
        self._line = line
        self._record = record
        self._sinks = sinks
        self._like = like

    def write(self, time_ns: int, trace_id: int, span_id: int, values: Sequence[Any]) -> None:
        """Log one event: its line waits until the next ``flush``."""
        created = time_ns / 1e9
        if self._line is not None:
            texts = [timestamp(created), f"{trace_id:032x}", f"{span_id:016x}"]
            texts += [v.decode() if type(v) is bytes else float.__repr__(v) for v in values]
            self._lines.append(self._line.fill(texts))
        if self._record is not None:
            trace, span = trace_id.to_bytes(16, "big"), span_id.to_bytes(8, "big")
            encoded = self._record.fill((int(created * 1e9), *values, trace, span, time.time_ns()))
            for sink in self._sinks:
                sink.put_encoded(encoded, self._like)


class EventWriter:
    """Writes events of predictions; see ``otelml._worker``.

    Args:
        active: Our places in the application's logging.
        is_untouched: Whether records still go the way that logging and we give them.
    """

    def __init__(self, active: Active, is_untouched: Callable[[], bool]) -> None:
        self._active = active
        self._is_untouched = is_untouched
        self._lines: deque[str] = deque()
        self._last: _HoldsFor | None = None

    def open(self, logger: logging.Logger, level: int) -> object:
        """Return what a template holds for; None where somebody may want to see the record."""
        found = _guard.quietly(self._look, logger, level)
        if found is not None and found == self._last:
            return self._last  # the same object: templates are told by it
        self._last = found
        return found

    def _look(self, logger: logging.Logger, level: int) -> _HoldsFor | None:
        kind = type(logger)
        own = all(getattr(kind, name) is getattr(logging.Logger, name) for name in _HELD)
        plain = own and logging.getLogRecordFactory() is logging.LogRecord
        if not plain or logger.filters or not self._is_untouched():
            return None
        if not logger.isEnabledFor(level) and not lets_pass(logger, level):
            return None
        way = self._active.way_beside(logger, level)
        if way is None or any(writes_to_stdout(one) or is_otel_handler(one) for one in way):
            return None
        if is_exporting() or is_suppressed(get_current()):
            return None
        json, otlp = self._active.sinks(level)
        taken = _sinks_of(otlp, logger.name) if otlp is not None else ((), None)
        if taken is None:
            return None
        return _HoldsFor(logger.name, json, json.formatter if json else None, otlp, *taken)

    def template(
        self,
        holds_for: object,
        make: Callable[[int, Marks], tuple[logging.LogRecord, Sequence[Mark]]],
        flags: int,
    ) -> _EventTemplate:
        """Return the template of a record.

        Raises:
            TypeError: ``holds_for`` is of another writer.
            ValueError: It cannot be had by a template.
        """
        if not isinstance(holds_for, _HoldsFor):
            raise TypeError("this is of another writer")
        marks = Marks()
        trace_id, span_id, when = marks.id(16), marks.id(8), marks.time()
        record, values = make(when.value, marks)
        ids = SpanContext(trace_id.number, span_id.number, False, TraceFlags(flags))
        token = attach(Context({SPAN_KEY: NonRecordingSpan(ids)}))
        line, encoded, like = None, None, None
        try:
            if holds_for.json is not None:
                texts = [timestamp(record.created), f"{ids.trace_id:032x}", f"{ids.span_id:016x}"]
                texts += [_text(mark.value) for mark in values]
                line = TextTemplate(holds_for.json.format(record), texts)
            if holds_for.otlp is not None and holds_for.sinks:
                told, send = holds_for.otlp.prepared(record)
                specimen, like = holds_for.sinks[0].specimen(send)
                created = Mark(int(record.created * 1e9), "Q")
                observed = Mark(told.observed_timestamp, "Q")
                in_order = (created, *values, trace_id, span_id, observed)
                encoded = Template([(specimen, in_order)])
        finally:
            detach(token)
        return _EventTemplate(self._lines, line, encoded, holds_for.sinks, like)

    def forget(self) -> None:
        """Let go of the lines that wait, in a child: the parent writes them."""
        self._lines.clear()

    def flush(self) -> None:
        """Write the lines that wait."""
        lines: list[str] = []
        with suppress(IndexError):  # another thread was quicker
            while self._lines:
                lines.append(self._lines.popleft())
        json = self._active.sinks(logging.CRITICAL)[0]
        if lines and json is not None:
            json.write_lines(lines)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else float.__repr__(value)


def _sinks_of(otlp: OtlpHandler, name: str) -> tuple[tuple[Any, ...], Any] | None:
    """Return who takes encoded records, all that there are, and whose these are; else None."""
    provider: Any = otlp.provider
    logger: Any = get_logger(name, logger_provider=provider)
    if isinstance(logger, NoOpLogger) or not getattr(logger, "_is_enabled", bool)():
        return None
    multi = getattr(provider, "_multi_log_record_processor", None)
    found = getattr(multi, "_log_record_processors", None)
    if found is None or not all(getattr(one, "takes_encoded", False) is True for one in found):
        return None
    counted = type(getattr(logger, "_logger_metrics", None)).__name__
    if counted not in {"NoneType", "NoOpLoggerMetrics"}:
        return None  # the SDK counts its records
    return tuple(found), getattr(logger, "resource", None)
