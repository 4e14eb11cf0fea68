"""OTLP/JSON to protobuf messages.

It is proto3 JSON but for the ids, which are hexadecimal instead of base64.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, NoReturn, TypeVar

from google.protobuf.json_format import MessageToJson, ParseDict, ParseError
from google.protobuf.message import Message

_M = TypeVar("_M", bound=Message)
_ID_KEYS = ("traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id")
# Attribute values hold no ids: their subtrees are left alone.
_OPAQUE = frozenset({"attributes", "body", "resource", "scope"})
_MAX_DEPTH = 24


def parse_json(body: bytes, message: _M) -> _M:
    """Fill ``message`` from OTLP/JSON and return it; unknown fields are ignored.

    Raises:
        ValueError: The body is not OTLP/JSON; the message says where.
    """
    try:
        document = json.loads(body, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("the JSON is nested too deeply") from error
    if not isinstance(document, dict):
        raise ValueError("an OTLP/JSON body is an object")  # noqa: TRY004 - one error for callers
    _convert_ids(document, 0)
    try:
        return ParseDict(document, message, ignore_unknown_fields=True)
    except (ParseError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"not OTLP/JSON: {error}") from error


def render_json(message: Message) -> bytes:
    """Return a response message as OTLP/JSON."""
    return MessageToJson(message, indent=None).encode()


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _convert_ids(node: Any, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise ValueError("the JSON is nested too deeply")
    if isinstance(node, list):
        for each in node:
            _convert_ids(each, depth + 1)
        return
    if not isinstance(node, dict):
        return
    for key in _ID_KEYS:
        if key in node:
            node[key] = _hex_to_base64(key, node[key])
    for key, value in node.items():
        if isinstance(value, (dict, list)) and key not in _OPAQUE:
            _convert_ids(value, depth + 1)


def _hex_to_base64(key: str, value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"{key} is not a string")  # noqa: TRY004 - one error for callers
    try:
        return base64.b64encode(binascii.unhexlify(value)).decode()
    except ValueError as error:
        raise ValueError(f"{key} is not hexadecimal: {value[:40]!r}") from error
