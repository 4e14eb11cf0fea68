"""How much a body holds, known before anything is made of it.

Two bytes can stand for a record that takes a hundred in memory, and a few thousand zipped bytes
for millions of them. What is counted here is counted without making it, and the count ends where
the limit does.
"""

from __future__ import annotations

import re
from typing import Any, TypeAlias

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError

_VARINT, _LENGTH = 0, 2
_FIXED_BYTES = {1: 8, 5: 4}
_MAX_VARINT_BYTES = 10
# Deeper than what protobuf itself reads.
_MAX_DEPTH = 100
# A field's number to the table of the message in it, or to the least bytes of a packed number.
_Table: TypeAlias = "dict[int, _Table | int]"
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_STRUCTURE = (b"{", b"[", b",")
_PACKED_BYTES = {
    FieldDescriptor.TYPE_FIXED64: 8, FieldDescriptor.TYPE_SFIXED64: 8,
    FieldDescriptor.TYPE_DOUBLE: 8, FieldDescriptor.TYPE_FIXED32: 4,
    FieldDescriptor.TYPE_SFIXED32: 4, FieldDescriptor.TYPE_FLOAT: 4,
}  # fmt: skip
_NOT_PACKED = frozenset((FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES))


# An item of fewer bytes is not looked into; of the larger ones most are long texts.
LIGHT_BYTES = 16 * 1024
MAX_ITEM_PARTS = 10_000
HEAVY = f"an item has more than {MAX_ITEM_PARTS} attributes, events, buckets or other parts"


class TooMuchError(ValueError):
    """A body holds more than is taken at a time."""


def tables(descriptor: Any, path: tuple[str, ...]) -> tuple[_Table, _Table]:
    """Return what ``weigh`` needs to count a message's items, and to count all of its parts.

    Args:
        descriptor: The message.
        path: The names of the fields that lead to the items; ``*`` for a oneof's.
    """
    return _shallow(descriptor, path), _deep(descriptor, {})


def _shallow(descriptor: Any, path: tuple[str, ...]) -> _Table:
    table: _Table = {}
    name, *rest = path
    for field in descriptor.fields:
        leads = field.name == name or (name == "*" and field.containing_oneof is not None)
        if leads and field.message_type is not None and rest:
            table[field.number] = _shallow(field.message_type, tuple(rest))
    return table


def _deep(descriptor: Any, made: dict[str, _Table]) -> _Table:
    table = made.get(descriptor.full_name)
    if table is None:
        table = made[descriptor.full_name] = {}
        for field in descriptor.fields:
            if field.message_type is not None:
                table[field.number] = _deep(field.message_type, made)
            elif field.type not in _NOT_PACKED:
                table[field.number] = _PACKED_BYTES.get(field.type, 1)
    return table


def weigh(raw: bytes, table: _Table, limit: int) -> int:
    """Return how many fields a protobuf message has, with those of the messages in it.

    Args:
        raw: The message.
        table: Which of its fields are looked into.
        limit: How many there may be.

    Raises:
        TooMuchError: There are more, or they are nested deeper than protobuf reads.
        DecodeError: It is no protobuf.
    """
    found = 0
    # Each message that has been begun: where to go on, where it ends, its table.
    begun: list[tuple[int, int, _Table]] = [(0, len(raw), table)]
    while begun:
        at, end, table = begun.pop()
        while at < end:
            found += 1
            if found > limit:
                raise TooMuchError(f"more than {limit:,} parts in one request")
            tag, at = _varint(raw, at)
            wire = tag & 7
            if wire == _LENGTH:
                size, at = _varint(raw, at)
                inner: Any = table.get(tag >> 3)
                if isinstance(inner, int):
                    found += size // inner
                elif inner is not None and size:
                    if len(begun) >= _MAX_DEPTH:
                        raise TooMuchError(f"nested deeper than {_MAX_DEPTH} levels")
                    begun.append((at + size, end, table))
                    end, table = min(at + size, end), inner
                    continue
                at += size
            else:
                at = _after(raw, at, wire)
    if found > limit:
        raise TooMuchError(f"more than {limit:,} parts in one request")
    return found


class Heavy:
    """Tells which items of one kind hold more than a page can show.

    Args:
        descriptor: Their message.
    """

    def __init__(self, descriptor: Any) -> None:
        self._table = _deep(descriptor, {})

    def __call__(self, raw: bytes) -> bool:
        """Tell whether an item has more than ``MAX_ITEM_PARTS`` fields, in whatever is in it."""
        if len(raw) <= LIGHT_BYTES:
            return False
        try:
            weigh(raw, self._table, MAX_ITEM_PARTS)
        except TooMuchError:
            return True
        return False


def weigh_json(body: bytes, limit: int) -> None:
    """Refuse a JSON document that has more objects, lists and values than a limit.

    Raises:
        TooMuchError: It has.
    """
    if sum(map(body.count, _STRUCTURE)) <= limit:
        return
    # The signs may stand in strings, of a prompt say.
    bare = _STRINGS.sub(b"", body)
    if sum(map(bare.count, _STRUCTURE)) > limit:
        raise TooMuchError(f"more than {limit:,} parts in one document")


def _after(raw: bytes, at: int, wire: int) -> int:
    """Return where a number ends."""
    if wire == _VARINT:
        return _varint(raw, at)[1]
    if wire not in _FIXED_BYTES:
        raise DecodeError("a field has an unknown wire type")
    return at + _FIXED_BYTES[wire]


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    for byte in raw[at : at + _MAX_VARINT_BYTES]:
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - the last byte of a varint
            return value, at
        shift += 7
    raise DecodeError("the message is cut short")
