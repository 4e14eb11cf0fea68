"""What is read of a span wherever it is met: its time, whether it failed, whom it calls."""

from __future__ import annotations

from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from otelml import semconv_senders as senders
from otelml.viewer.records.rows import MAX_INT64
from otelml.viewer.records.values import label, plain

KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
CALLS = frozenset({Span.SPAN_KIND_CLIENT, Span.SPAN_KIND_PRODUCER})
# Each is what a service was asked to do by someone else.
ENTRY_KINDS = frozenset({Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CONSUMER})
_RANK = {name: rank for rank, name in enumerate(senders.PEERS)}


def times_of(span: Span, otherwise_ns: int) -> tuple[int, int, bool]:
    """Return a span's start and duration in nanoseconds, and whether its sender gave a time.

    Args:
        span: The span.
        otherwise_ns: When it is taken to have begun where it has no usable time.
    """
    end_ns = span.end_time_unix_nano
    start_ns = span.start_time_unix_nano or end_ns
    timed = 0 < start_ns <= MAX_INT64
    if not timed:
        start_ns = otherwise_ns
    return start_ns, min(max(0, end_ns - start_ns), MAX_INT64 - start_ns), timed


def failed(span: Span) -> bool:
    """Tell whether a span ended in an error."""
    return bool(span.status.code == Status.STATUS_CODE_ERROR)


def peer_of(span: Span) -> str:
    """Return whom a call goes to by its own words, such as a database; else the empty string."""
    if span.kind not in CALLS:
        return ""
    found = [
        (_RANK[pair.key], label(plain(pair.value))) for pair in span.attributes if pair.key in _RANK
    ]
    return min(found)[1] if found else ""
