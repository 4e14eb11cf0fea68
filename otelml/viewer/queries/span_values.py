"""Attributes in serialised spans: what their bytes look like, and what a span says under a key."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otelml import semconv
from otelml.viewer.records import MAX_INT64, plain, text

# A key is followed by its value, which is the second field of the pair.
_VALUE_TAG = b"\x12"
_ERROR_KEYS = (
    semconv.ERROR_TYPE,
    semconv.EXCEPTION_TYPE,
    semconv.EXCEPTION_MESSAGE,
    semconv.EXCEPTION_STACKTRACE,
)


def key_bytes(key: str) -> bytes:
    """Return how a pair with a value begins."""
    return KeyValue(key=key).SerializeToString() + _VALUE_TAG


def pair_bytes(key: str, value: str) -> list[bytes]:
    """Return every way in which a pair with that value, as a person writes it, can be stored."""
    found = [AnyValue(string_value=value)]
    if value in {"true", "false"}:
        found.append(AnyValue(bool_value=value == "true"))
    try:
        number = float(value)
    except ValueError:
        number = None
    if number is not None:
        found.append(AnyValue(double_value=number))
        if value.lstrip("-").isdigit() and -MAX_INT64 - 1 <= int(value) <= MAX_INT64:
            found.append(AnyValue(int_value=int(value)))
    return [KeyValue(key=key, value=each).SerializeToString() for each in found]


def values(span: Span, key: str) -> Iterator[Any]:
    """Yield what a span, its events and its links say under a key, as plain values."""
    for pairs in (span.attributes, *(e.attributes for e in span.events), *_of_links(span)):
        for pair in pairs:
            if pair.key == key:
                yield plain(pair.value)


def _of_links(span: Span) -> Iterator[Iterable[KeyValue]]:
    for link in span.links:
        yield link.attributes


def error_texts(span: Span) -> Iterator[str]:
    """Yield what a span says about its failure."""
    if span.status.message:
        yield span.status.message
    for key in _ERROR_KEYS:
        for value in values(span, key):
            yield text(value)


def compares(value: Any, op: str, wanted: str) -> bool:
    """Tell whether a plain value stands in a relation to what a person wrote."""
    if op == "*":
        return True
    said = text(value)
    if op == "=":
        return said == wanted or (_number(value) is not None and _number(value) == _number(wanted))
    if op == "~":
        return wanted.casefold() in said.casefold()
    number, other = _number(value), _number(wanted)
    if number is None or other is None:
        return False
    return {">": number > other, ">=": number >= other,
            "<": number < other, "<=": number <= other}[op]  # fmt: skip


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        found = float(value)
    except ValueError:
        return None
    return None if math.isnan(found) else found
