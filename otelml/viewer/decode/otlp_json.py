"""OTLP/JSON to protobuf messages.

It is proto3 JSON but for the ids, which are hexadecimal instead of base64.
"""

from __future__ import annotations

import base64
import binascii
import json
import sys
from typing import Any, TypeVar

from google.protobuf.json_format import MessageToJson, ParseDict, ParseError
from google.protobuf.message import Message

from otelml.viewer.decode.salvage import leads
from otelml.viewer.decode.weight import TooMuchError

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
    return _parse(_document(body), message)


def salvage_json(
    body: bytes, message: _M, path: tuple[str, ...], most: int = sys.maxsize
) -> tuple[_M, int]:
    """Fill ``message`` from OTLP/JSON; a bad item costs itself alone.

    Args:
        body: The document.
        message: What to fill.
        path: The names of the fields that lead to the items, as ``salvage`` has them.
        most: How many items it may hold.

    Returns:
        The message, and how many items were bad.

    Raises:
        TooMuchError: It holds more items.
        ValueError: The body is not OTLP/JSON; the message says where.
    """
    document = _document(body)
    if _count(document, type(message), path) > most:
        raise TooMuchError(f"more than {most:,} items in one request")
    try:
        return _parse(document, type(message)()), 0
    except ValueError:
        kept, bad = _sift(document, type(message), path)
    return _parse(kept, message), bad


def _document(body: bytes) -> dict[str, Any]:
    try:
        # What is not UTF-8 becomes a string that no message takes: it costs its own item.
        document = json.loads(body.decode("utf-8-sig", "surrogateescape"))
    except RecursionError as error:
        raise ValueError("the JSON is nested too deeply") from error
    if not isinstance(document, dict):
        raise ValueError("an OTLP/JSON body is an object")  # noqa: TRY004 - one error for callers
    return document


def _parse(document: dict[str, Any], message: _M) -> _M:
    copy = _with_base64(document, 0)
    try:
        return ParseDict(copy, message, ignore_unknown_fields=True)
    except (ParseError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"not OTLP/JSON: {error}") from error


def _sift(node: dict[str, Any], kind: Any, path: tuple[str, ...]) -> tuple[dict[str, Any], int]:
    """Return a message's document without the bad items beneath it, and how many those were."""
    kept = dict(node)
    bad = items = 0
    for field in kind.DESCRIPTOR.fields:
        if field.message_type is None or not leads(field, path[0]):
            continue
        child = field.message_type._concrete_class  # noqa: SLF001 - how protobuf names it
        for key in {field.name, field.json_name} & node.keys():
            value = kept.pop(key)
            if not isinstance(value, list) and path[0] != "*":
                raise ValueError(f"{key} is not a list")
            good, lost, found = _sift_each(value if path[0] != "*" else [value], child, path[1:])
            bad, items = bad + lost, items + found
            kept[key] = good if path[0] != "*" else good[0] if good else {}
    shared = {k: v for k, v in kept.items() if k in node and v is node[k]}
    if not _is_good(shared, kind):
        # What the items have in common is bad itself: a resource, a scope, a name.
        return {}, max(items, 1)
    return kept, bad


def _sift_each(nodes: list[Any], kind: Any, path: tuple[str, ...]) -> tuple[list[Any], int, int]:
    """Return what is good of a list, how many items were bad, and how many there were."""
    good: list[Any] = []
    bad = items = 0
    for node in nodes:
        if not path or not isinstance(node, dict):
            items += 1
            if isinstance(node, dict) and _is_good(node, kind):
                good.append(node)
            else:
                bad += 1
            continue
        kept, lost = _sift(node, kind, path)
        good.append(kept)
        bad += lost
        items += _count(node, kind, path)
    return good, bad, items


def _count(node: Any, kind: Any, path: tuple[str, ...]) -> int:
    if not path or not isinstance(node, dict):
        return 1
    found = 0
    for field in kind.DESCRIPTOR.fields:
        if field.message_type is None or not leads(field, path[0]):
            continue
        child = field.message_type._concrete_class  # noqa: SLF001 - how protobuf names it
        for key in {field.name, field.json_name} & node.keys():
            below = node[key] if isinstance(node[key], list) else [node[key]]
            found += sum(_count(each, child, path[1:]) for each in below)
    return found


def _is_good(node: dict[str, Any], kind: Any) -> bool:
    try:
        _parse(node, kind())
    except ValueError:
        return False
    return True


def render_json(message: Message) -> bytes:
    """Return a response message as OTLP/JSON."""
    return MessageToJson(message, indent=None).encode()


def _with_base64(node: Any, depth: int) -> Any:
    """Return a copy in which ids are as protobuf's JSON has them; the original stays."""
    if depth > _MAX_DEPTH:
        raise ValueError("the JSON is nested too deeply")
    if isinstance(node, list):
        return [_with_base64(each, depth + 1) for each in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _hex_to_base64(key, value)
        if key in _ID_KEYS
        else value
        if key in _OPAQUE
        else _with_base64(value, depth + 1)
        for key, value in node.items()
    }


def _hex_to_base64(key: str, value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"{key} is not a string")  # noqa: TRY004 - one error for callers
    try:
        return base64.b64encode(binascii.unhexlify(value)).decode()
    except ValueError as error:
        raise ValueError(f"{key} is not hexadecimal: {value[:40]!r}") from error
