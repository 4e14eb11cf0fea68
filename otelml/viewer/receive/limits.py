"""What one request may cost, and what all that are under way may cost together."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager

from otelml.exceptions import OtelmlError

# Spans, points or records, and the blocks that hold them, in one request. The Collector sends
# 8,192 at a time, SDKs 512.
MAX_ITEMS = 100_000
# Fields, attributes, buckets, values: whatever takes memory of its own.
MAX_PARTS = 1_000_000
MAX_JSON_PARTS = 500_000
# A body of fewer bytes cannot hold that much: each item takes two.
FEW_BYTES = 2 * MAX_ITEMS
# Up to here a body's parts are few enough whatever they are.
SMALL_BYTES = 2 * 1024 * 1024
# Bodies that are being received or decoded, all together.
MAX_UNDER_WAY_BYTES = 128 * 1024 * 1024
DECODERS = 2
BODY_TIMEOUT_S = 60.0

# Why a whole request is refused.
TOO_LARGE, BUSY, SLOW, UNREADABLE = "too_large", "busy", "slow", "unreadable"


class BusyError(OtelmlError):
    """Too much is under way; the sender should try again later."""


class Work:
    """The work under way in all receivers of a viewer.

    Args:
        limit: Bytes of bodies that may be under way.
    """

    def __init__(self, limit: int = MAX_UNDER_WAY_BYTES) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._bytes = 0
        self._decoding = threading.Semaphore(DECODERS)

    def take(self, size: int) -> None:
        """Count bytes as under way.

        Raises:
            BusyError: They would be too many; they are not counted.
        """
        with self._lock:
            if self._bytes + size > self._limit:
                raise BusyError("the viewer has too much to read at a time; try again later")
            self._bytes += size

    def give(self, size: int) -> None:
        """Count bytes as done with."""
        with self._lock:
            self._bytes -= size

    @contextmanager
    def decoding(self) -> Generator[None]:
        """Wait until few enough bodies are decoded; what that takes in memory is then bounded."""
        with self._decoding:
            yield
