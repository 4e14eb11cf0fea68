"""Trace and span ids as OTLP sends them."""

from __future__ import annotations

_TRACE_ID_BYTES = 16
_SPAN_ID_BYTES = 8
_NO_TRACE = bytes(_TRACE_ID_BYTES)
_NO_SPAN = bytes(_SPAN_ID_BYTES)


def is_span_id(span_id: bytes) -> bool:
    """Tell whether a span id has the right length and is not all zeros."""
    return len(span_id) == _SPAN_ID_BYTES and span_id != _NO_SPAN


def valid_ids(trace_id: bytes, span_id: bytes) -> bool:
    """Tell whether both ids have the right length and are not all zeros."""
    return (
        len(trace_id) == _TRACE_ID_BYTES
        and len(span_id) == _SPAN_ID_BYTES
        and trace_id != _NO_TRACE
        and span_id != _NO_SPAN
    )
