"""OTLP attribute values as Python and JSON values."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterable
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    KeyValue,
    KeyValueList,
)

# JavaScript numbers are exact up to here; larger integers travel as strings.
_SAFE_INTEGER = 2**53
_MAX_DEPTH = 32


def plain(value: AnyValue, depth: int = 0) -> Any:
    """Return an AnyValue as a JSON-ready Python value."""
    string = value.string_value
    if string:
        # Most are: which it is needs no asking then.
        return string
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    item = getattr(value, kind)
    if kind == "int_value":
        return item if abs(item) <= _SAFE_INTEGER else str(item)
    if kind == "double_value":
        return number(item)
    if kind == "bytes_value":
        return base64.b64encode(item).decode()
    if kind in {"array_value", "kvlist_value"}:
        return _nested(item, depth)
    return item


def _nested(item: ArrayValue | KeyValueList, depth: int) -> Any:
    if depth >= _MAX_DEPTH:
        return "…"
    if isinstance(item, ArrayValue):
        return [plain(each, depth + 1) for each in item.values]
    return {pair.key: plain(pair.value, depth + 1) for pair in item.values}


def number(value: float) -> float | str:
    """Return a float that JSON can hold; NaN and infinities become strings."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")


def attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    """Return key-value pairs as a dict; the last of equal keys wins."""
    return {pair.key: plain(pair.value) for pair in pairs}


def text(value: Any) -> str:
    """Return a plain value as the text that a person would search for."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def label(value: Any) -> str:
    """Return a plain value as a metric label or a model's label."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def attribute_key(pairs: Iterable[KeyValue]) -> bytes:
    """Return attributes as bytes that are equal for equal attributes in any order."""
    parts = sorted(pair.SerializeToString() for pair in pairs)
    return b"".join(b"%d:%s" % (len(part), part) for part in parts)


def attributes_of(key: bytes) -> list[KeyValue]:
    """Return the attributes that ``attribute_key`` packed."""
    found: list[KeyValue] = []
    while key:
        size, _, rest = key.partition(b":")
        found.append(KeyValue.FromString(rest[: int(size)]))
        key = rest[int(size) :]
    return found
