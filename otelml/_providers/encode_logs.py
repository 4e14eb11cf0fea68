"""Log records as OTLP bytes: those of the SDK, and such as are encoded already."""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.proto.logs.v1.logs_pb2 import ResourceLogs
from opentelemetry.sdk._logs import ReadableLogRecord

from otelml._spans import field

_RESOURCE_LOGS = 0x0A


class EncodedLogs:
    """Log records of one resource and scope that are bytes already.

    Args:
        records: One field of ``ScopeLogs`` each, with tag and length.
        like: A record with their resource and scope.
    """

    __slots__ = ("like", "records")

    def __init__(self, records: Sequence[bytes], like: ReadableLogRecord) -> None:
        self.records = records
        self.like = like


def encode_record(record: ReadableLogRecord) -> bytes:
    """Return a record as a field of ``ScopeLogs``."""
    request = encode_logs([record])
    return field(request.resource_logs[0].scope_logs[0].log_records[0].SerializeToString())


def encode_logs_fast(records: Sequence[ReadableLogRecord | EncodedLogs]) -> bytes:
    """Return an ``ExportLogsServiceRequest`` with ``records``, as bytes."""
    others = [one for one in records if isinstance(one, ReadableLogRecord)]
    out: list[bytes] = []
    if others:
        out.append(encode_logs(others).SerializePartialToString())
    out += [_group(one) for one in records if isinstance(one, EncodedLogs)]
    return b"".join(out)


def _group(logs: EncodedLogs) -> bytes:
    """Return the records of one scope as a field of the request: what is repeated is joined."""
    group: ResourceLogs = encode_logs([logs.like]).resource_logs[0]
    scope = group.scope_logs[0]
    del scope.log_records[:]
    inner = scope.SerializeToString() + b"".join(logs.records)
    del group.scope_logs[:]
    whole = field(group.SerializeToString() + field(inner))
    return bytes((_RESOURCE_LOGS,)) + whole[1:]
