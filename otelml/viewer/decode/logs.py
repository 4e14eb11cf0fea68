"""OTLP log records to rows."""

from __future__ import annotations

import time

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from otelml.viewer.decode.ids import valid_ids
from otelml.viewer.decode.origin import origin_of
from otelml.viewer.decode.weight import HEAVY, Heavy
from otelml.viewer.records import (
    EXCESSIVE,
    LEVELS,
    MAX_INT64,
    Batch,
    LogRow,
    Origin,
    attributes,
    plain,
    text,
)

_NUMBERS_PER_LEVEL = 4
_MAX_SEVERITY = len(LEVELS) * _NUMBERS_PER_LEVEL
_ALIASES = {"warning": "warn", "critical": "fatal", "err": "error", "notice": "info"}
_SEARCH_LIMIT = 8192
_is_heavy = Heavy(LogRecord.DESCRIPTOR)
_VALID_SPAN = b"\x01" * 8


def decode_logs(request: ExportLogsServiceRequest, now_ns: int | None = None) -> Batch:
    """Return the request's log records as rows."""
    batch = Batch()
    received_ns = time.time_ns() if now_ns is None else now_ns
    for resource_logs in request.resource_logs:
        for scope_logs in resource_logs.scope_logs:
            origin = origin_of(resource_logs.resource, scope_logs.scope)
            for record in scope_logs.log_records:
                if not 0 <= record.severity_number <= _MAX_SEVERITY:
                    batch.reject(f"a log record's severity is none: {record.severity_number}")
                    continue
                raw = record.SerializeToString()
                if _is_heavy(raw):
                    batch.reject(HEAVY, EXCESSIVE)
                    continue
                batch.logs.append(_row(record, raw, origin, received_ns))
    return batch


def level_of(severity: int, severity_text: str) -> str:
    """Return the level of a severity; its text counts where the number is missing."""
    if 0 < severity <= _MAX_SEVERITY:
        return LEVELS[(severity - 1) // _NUMBERS_PER_LEVEL]
    word = severity_text.strip().lower()
    word = _ALIASES.get(word, word)
    return word if word in LEVELS else "info"


def _row(record: LogRecord, raw: bytes, origin: Origin, received_ns: int) -> LogRow:
    time_ns = record.time_unix_nano or record.observed_time_unix_nano
    if not 0 < time_ns <= MAX_INT64:
        time_ns = received_ns
    words = [text(plain(record.body))]
    if record.event_name:
        words.append(record.event_name)
    if record.attributes:
        words.extend(f"{key}={text(value)}" for key, value in attributes(record.attributes).items())
    traced = valid_ids(record.trace_id, _VALID_SPAN)
    return LogRow(
        time_ns,
        record.severity_number,
        level_of(record.severity_number, record.severity_text),
        "\n".join(words)[:_SEARCH_LIMIT].casefold(),
        record.trace_id if traced else None,
        record.span_id if traced and valid_ids(record.trace_id, record.span_id) else None,
        raw,
        origin,
    )
