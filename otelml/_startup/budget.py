"""The seconds that one ending may take, for a process and those that it forked.

A server's master ends after its workers. Where an endpoint let them wait in vain a moment ago, the
master does not wait as long again: an orchestrator kills what takes too long to end. So it is with
the jobs of a runner that forks for each.
"""

from __future__ import annotations

import mmap
import struct
from os import getpid
from time import monotonic

_LEAST_S = 0.5
_SAME_ENDING_S = 2.0
_NEARLY = 0.9
_NOTE = struct.Struct("=dq")


class Budget:
    """Seconds for flushes at the end; few are left where another process just spent its own.

    The note of the last process that ran out of time is in memory that forks share.

    Args:
        seconds: What all flushes of one ending may take together.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._note = mmap.mmap(-1, _NOTE.size)
        self.begin()

    def begin(self) -> None:
        """Start anew, as a forked child does."""
        self._spent_s = 0.0

    def left_s(self) -> float:
        """Seconds that are left; few where a process of the same tree has just spent its own."""
        left = max(self._seconds - self._spent_s, 0.0)
        ended, pid = _NOTE.unpack(self._note[:])
        if pid and pid != getpid() and monotonic() - ended < _SAME_ENDING_S:
            return min(left, _LEAST_S)
        return left

    def spend(self, seconds: float) -> None:
        """Take off what a flush took.

        Args:
            seconds: How long it took.
        """
        self._spent_s += seconds
        if self._spent_s >= self._seconds * _NEARLY:
            self._note[:] = _NOTE.pack(monotonic(), getpid())
