"""Templates of bytes: specimens that the usual way encodes, cut where marks stand in them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, Final

_ONE_BYTE: Final = 0x80


class Mark:
    """A value of a specimen that is found again in its bytes.

    Args:
        value: As ``Struct.pack`` takes it.
        form: Its format.
    """

    __slots__ = ("encoded", "form", "value")

    def __init__(self, value: Any, form: str) -> None:
        self.value = value
        self.form = form
        self.encoded = struct.pack(f"<{form}", value)

    @property
    def number(self) -> int:
        """The value of an id's mark as a number."""
        return int.from_bytes(self.value, "big")


class Marks:
    """Makes marks, no two alike."""

    def __init__(self) -> None:
        self._made = 0

    def _bytes(self, size: int) -> bytes:
        """Return so many bytes that are ASCII."""
        out = b""
        while len(out) < size:
            self._made += 1
            out += blake2b(b"%d" % self._made, digest_size=8).hexdigest().encode()
        return out[:size]

    def id(self, size: int) -> Mark:
        """Return the mark of an id, or of an ASCII text, of ``size`` bytes."""
        return Mark(self._bytes(size), f"{size}s")

    def time(self) -> Mark:
        """Return the mark of a time, nanoseconds since the epoch."""
        self._made += 1
        return Mark(1_234_567_890_123_456_000 + self._made * 1_111_111_111_000, "Q")

    def number(self) -> Mark:
        """Return the mark of a double between 0 and 1."""
        self._made += 1
        return Mark(0.1234567890123 + self._made / 1_111.0, "d")


class Template:
    """The bytes of like items, with holes.

    Args:
        specimens: The items encoded, each with the marks that it holds, in the order they are in.

    Raises:
        ValueError: A mark is not there, or is there twice.
    """

    __slots__ = ("_constants", "_cut", "_pack")

    def __init__(self, specimens: Sequence[tuple[bytes, Sequence[Mark]]]) -> None:
        holes: list[str] = []
        constants = [b""]
        for encoded, marks in specimens:
            rest = encoded
            for mark in marks:
                if rest.count(mark.encoded) != 1:
                    raise ValueError("a mark is not to be found")
                before, rest = rest.split(mark.encoded)
                constants[-1] += before
                constants.append(b"")
                holes.append(mark.form)
            constants[-1] += rest
        form = [f"{len(constants[0])}s"]
        self._constants: list[Any] = [constants[0]]
        for hole, constant in zip(holes, constants[1:], strict=True):
            form += (hole, f"{len(constant)}s")
            self._constants += (None, constant)
        self._pack = struct.Struct("<" + "".join(form)).pack
        self._cut = struct.Struct("".join(f"{len(one)}s" for one, _ in specimens)).unpack
        filled = self.fill([mark.value for _, marks in specimens for mark in marks])
        if filled != tuple(encoded for encoded, _ in specimens):
            raise ValueError("the template does not give its specimens")

    def fill(self, values: Sequence[Any]) -> tuple[bytes, ...]:
        """Return items, in the order of the specimens.

        Args:
            values: What belongs in the holes, in their order.
        """
        parts = self._constants.copy()
        parts[1::2] = values
        return self._cut(self._pack(*parts))


class TextTemplate:
    """A text with holes.

    Args:
        text: The specimen.
        marks: What stands in the holes, in the order it is in.

    Raises:
        ValueError: A mark is not there, or is there twice.
    """

    __slots__ = ("_parts",)

    def __init__(self, text: str, marks: Sequence[str]) -> None:
        self._parts: list[str] = []
        rest = text
        for mark in marks:
            if rest.count(mark) != 1:
                raise ValueError("a mark is not to be found")
            before, rest = rest.split(mark)
            self._parts += (before, mark)
        self._parts.append(rest)

    def fill(self, values: Sequence[str]) -> str:
        """Return the text with ``values`` in its holes."""
        parts = self._parts.copy()
        parts[1::2] = values
        return "".join(parts)


def field(message: bytes) -> bytes:
    """Return a message as field 2 of what holds it, as spans and log records are of a scope."""
    size, length = bytearray(), len(message)
    while length >= _ONE_BYTE:
        size.append(length & 0x7F | _ONE_BYTE)
        length >>= 7
    size.append(length)
    return b"\x12" + bytes(size) + message
