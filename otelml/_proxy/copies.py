"""Copies of bodies that pass through: each is bounded, and so are all together."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any, Final

from otelml import _threads
from otelml._bounded import loads
from otelml._proxy.headers import declared_length, is_json, number_of, value_of

__all__ = ["Budget", "Copy"]

_MOST_OBJECTS: Final = 200_000  # of a body: rows, mostly
_AUTOMATIC: Final = 47  # of zlib: gzip and zlib, by the header


class Budget:
    """Bytes that all copies may have.

    Args:
        each: Bytes of one copy at most, as sent and unpacked.
        total: Bytes of all copies at most.
    """

    def __init__(self, each: int, total: int) -> None:
        self.each = each
        self._left = total
        self._lock = _threads.Lock()

    def take(self, size: int) -> bool:
        """Take some bytes; return False where too few are left."""
        with self._lock:
            if size > self._left:
                return False
            self._left -= size
            return True

    def give(self, size: int) -> None:
        """Give bytes back."""
        with self._lock:
            self._left += size

    @property
    def left(self) -> int:
        """Bytes that are left."""
        return self._left


class Copy:
    """The copy of one body; it ends where the body is too large, and is none then.

    Args:
        budget: What copies may have.
        headers: Of the message: a body that is no JSON, or is too large, is not copied.
    """

    __slots__ = ("_budget", "_chunks", "_packed", "_size", "is_whole", "json_length")

    def __init__(self, budget: Budget, headers: Iterable[tuple[bytes, bytes]]) -> None:
        given = list(headers)
        packing = (value_of(given, b"content-encoding") or "identity").strip().lower()
        self._budget = budget
        self._chunks: list[bytes] = []
        self._size = 0
        self._packed = packing != "identity"
        # Of a V2 body with binary tensors behind the JSON.
        self.json_length = number_of(given, b"inference-header-content-length")
        readable = is_json(given) or self.json_length is not None
        small = (declared_length(given) or 0) <= budget.each
        self.is_whole = readable and small and packing in ("identity", "gzip", "deflate")

    def add(self, chunk: bytes) -> None:
        """Take in a part of the body."""
        if not self.is_whole:
            return
        size = self._size + len(chunk)
        if size > self._budget.each or not self._budget.take(len(chunk)):
            self.drop()
            return
        self._size = size
        self._chunks.append(chunk)

    def drop(self) -> None:
        """Give it up."""
        self.is_whole = False
        self._budget.give(self._size)
        self._size = 0
        self._chunks = []

    def read(self) -> Any:
        """Return the JSON of the body; None where it is none, or is too large."""
        if not self.is_whole:
            return None
        body = b"".join(self._chunks)
        try:
            if self._packed:
                unpacking = zlib.decompressobj(_AUTOMATIC)
                body = unpacking.decompress(body, self._budget.each)
                if not unpacking.eof:
                    return None
            if self.json_length is not None:
                body = body[: self.json_length]
            return loads(body, objects=_MOST_OBJECTS, parts=self._budget.each)
        except (ValueError, zlib.error):
            return None
