"""Undoes gzip and deflate in linear time, within a bound of what comes out."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterator
from typing import IO

# Whoever packs in parts makes few of them; each costs a new state of zlib.
MAX_MEMBERS = 1000
_CHUNK_BYTES = 64 * 1024
GZIP_BITS = 16 + zlib.MAX_WBITS


class DamagedError(ValueError):
    """It cannot be unpacked."""


class TooLargeError(ValueError):
    """More comes out than is taken."""


def inflate(body: bytes, window_bits: int, limit: int) -> bytes:
    """Return what was packed.

    Args:
        body: One gzip or deflate stream after the other.
        window_bits: Which of the two, as zlib names it.
        limit: How many bytes may come out.

    Raises:
        DamagedError: It cannot be unpacked, or has more than ``MAX_MEMBERS`` parts.
        TooLargeError: More comes out; it is not held.
    """
    return b"".join(_parts(io.BytesIO(body).read, window_bits, limit)) if body else b""


def _parts(read: Callable[[int], bytes], window_bits: int, limit: int) -> Iterator[bytes]:
    left, members = limit, 0
    chunk = read(_CHUNK_BYTES)
    try:
        while chunk:
            members += 1
            if members > MAX_MEMBERS:
                raise DamagedError(f"more than {MAX_MEMBERS} compressed parts")
            stream = zlib.decompressobj(window_bits)
            while not stream.eof:
                part = stream.decompress(chunk, min(left + 1, _CHUNK_BYTES * 16))
                if not (chunk or part or stream.eof):
                    raise DamagedError("the compressed body is cut short")
                left -= len(part)
                if left < 0:
                    raise TooLargeError(f"larger than {limit} bytes when decompressed")
                yield part
                chunk = stream.unconsumed_tail or (b"" if stream.eof else read(_CHUNK_BYTES))
            # At most a chunk, so the copy of what follows does not grow with the body.
            chunk = stream.unused_data or read(_CHUNK_BYTES)
    except zlib.error as error:
        raise DamagedError(str(error)) from error


class Inflating(io.RawIOBase):
    """A gzip file as what it holds.

    Args:
        file: The packed file.
        limit: How many bytes may come out.
    """

    def __init__(self, file: IO[bytes], limit: int) -> None:
        self._parts = _parts(file.read, GZIP_BITS, limit)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, into: object) -> int:
        """Fill a buffer, as far as the next part reaches."""
        while not self._rest:
            part = next(self._parts, None)
            if part is None:
                return 0
            self._rest = memoryview(part)
        target = memoryview(into)  # type: ignore[arg-type]  # a buffer, by the contract of io
        size = min(len(target), len(self._rest))
        target[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size
