"""The hand-over from request threads to the worker: one append, bounded, counted."""

from __future__ import annotations

import itertools
from collections import deque
from os import getpid
from typing import Any

from otelml import _process, _threads

_WAKE_AT = 256


class Recorder:
    """A bounded queue of finished predictions and feedback.

    Args:
        limit: Items that may wait; further ones are dropped and counted.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.queue: deque[Any] = deque()
        self.wake = _threads.Event()
        self._drops = itertools.count()
        self._dropped = 0
        self._closed = False
        self._pid = getpid()

    def submit(self, item: Any) -> bool:
        """Hand over ``item``; return False where it was dropped. Never blocks."""
        if self.offer(item):
            return True
        # next() is atomic, unlike += on an attribute.
        self._dropped = next(self._drops) + 1
        return False

    def offer(self, item: Any) -> bool:
        """Hand over ``item``; return False where there is no room, and the caller keeps it."""
        if getpid() != self._pid:
            _process.renew()
        queue = self.queue
        size = len(queue)
        if size >= self._limit or self._closed:
            return False
        queue.append(item)
        if size == _WAKE_AT:
            self.wake.set()
        return True

    def resize(self, limit: int) -> None:
        """Let ``limit`` items wait from now on."""
        self._limit = limit

    def open(self) -> None:
        """Take items."""
        self._closed = False

    def close(self) -> int:
        """Take no more items; return how many were still waiting, counted as dropped."""
        self._closed = True
        return self.drop_rest()

    def drop_rest(self) -> int:
        """Empty the queue; return how many items were in it, counted as dropped."""
        lost = 0
        while self.queue:
            try:
                self.queue.popleft()
            except IndexError:
                break
            lost += 1
            self._dropped = next(self._drops) + 1
        return lost

    @property
    def dropped(self) -> int:
        """Items dropped so far."""
        return self._dropped

    def after_fork(self) -> None:
        """Start empty in a child: the parent sends what was waiting."""
        self._pid = getpid()
        self.queue = deque()
        self.wake = _threads.Event()
        self._drops = itertools.count()
        self._dropped = 0
