"""Takes the good items out of a request that cannot be parsed as a whole.

One string that is not UTF-8 makes protobuf refuse a whole request. Here the request is taken
apart field by field, down to its items, and put together again without the bad ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from google.protobuf.message import DecodeError, Message

_M = TypeVar("_M", bound=Message)
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_MAX_VARINT_BYTES = 10


def salvage(raw: bytes, request: type[_M], path: tuple[str, ...]) -> tuple[_M, int]:
    """Return the request without its bad items, and how many those were.

    Args:
        raw: The body.
        request: Its message.
        path: The names of the fields that lead to the items, the outermost first; "*" for
            whichever field of a oneof is set.

    Raises:
        DecodeError: The body is no protobuf at all.
    """
    kept, bad = _sift(raw, request, path)
    return request.FromString(kept), bad


def _sift(raw: bytes, kind: Any, path: tuple[str, ...]) -> tuple[bytes, int]:
    """Return a message's bytes without the bad items beneath it."""
    parts: list[bytes] = []
    others: list[bytes] = []
    bad = items = 0
    for number, field, inner in _fields(raw):
        descriptor = kind.DESCRIPTOR.fields_by_number.get(number)
        if inner is None or descriptor is None or not leads(descriptor, path[0]):
            others.append(field)
            parts.append(field)
            continue
        child = descriptor.message_type._concrete_class  # noqa: SLF001 - how protobuf names it
        if len(path) == 1:
            items += 1
            if _parses(child, inner):
                parts.append(field)
            else:
                bad += 1
            continue
        kept, lost = (inner, 0) if _parses(child, inner) else _sift(inner, child, path[1:])
        parts.append(_varint(number << 3 | _LENGTH) + _varint(len(kept)) + kept)
        items += lost + _count(child, kept, path[1:])
        bad += lost
    if not _parses(kind, b"".join(others)):
        # What the items have in common is bad itself: a resource, a scope, a name.
        return b"", max(items, 1)
    return b"".join(parts), bad


def leads(descriptor: Any, name: str) -> bool:
    """Tell whether a field leads on to the items."""
    if descriptor.message_type is None:
        return False
    return bool(descriptor.name == name or (name == "*" and descriptor.containing_oneof))


def _parses(kind: Any, raw: bytes) -> bool:
    try:
        kind.FromString(raw)
    except DecodeError:
        return False
    return True


def _count(kind: Any, raw: bytes, path: tuple[str, ...]) -> int:
    """Return how many items a good message holds."""
    found = [kind.FromString(raw)]
    for name in path:
        below: list[Any] = []
        for each in found:
            if name == "*":
                below.extend(v for f, v in each.ListFields() if f.containing_oneof is not None)
            else:
                below.extend(getattr(each, name))
        found = below
    return len(found)


def _fields(raw: bytes) -> Iterator[tuple[int, bytes, bytes | None]]:
    """Yield each field's number, its bytes, and what it holds where it has a length."""
    at = 0
    while at < len(raw):
        start = at
        tag, at = _read_varint(raw, at)
        wire, inner = tag & 7, None
        if wire == _VARINT:
            _, at = _read_varint(raw, at)
        elif wire == _FIXED64:
            at += 8
        elif wire == _FIXED32:
            at += 4
        elif wire == _LENGTH:
            size, at = _read_varint(raw, at)
            inner = raw[at : at + size]
            at += size
        else:
            raise DecodeError("a field has an unknown wire type")
        if at > len(raw):
            raise DecodeError("the message is cut short")
        yield tag >> 3, raw[start:at], inner


def _read_varint(raw: bytes, at: int) -> tuple[int, int]:
    value = 0
    for position in range(_MAX_VARINT_BYTES):
        if at >= len(raw):
            break
        byte = raw[at]
        at += 1
        value |= (byte & 0x7F) << (7 * position)
        if byte < 0x80:  # noqa: PLR2004 - the last byte of a varint
            return value, at
    raise DecodeError("the message is cut short")


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:  # noqa: PLR2004 - seven bits a byte
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
