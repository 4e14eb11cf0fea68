"""One record, one line: a record that comes by again, itself or copied, is known.

It does where a queue's listener logs what it reads, or a handler passes on what it gets. A field
more would be printed by formatters that print every field, so the mark is the type of one that
every record has. Pickling loses it; what may travel to a process of the same family, parent or
forked child, is therefore noted in memory that they share.
"""

from __future__ import annotations

import logging
import logging.handlers
import mmap
import os
import struct
from collections.abc import Iterable
from typing import Any

from otelml._guard import quietly

__all__ = ["claim", "note_travel"]

_ENTRY = struct.Struct("q")
_ENTRIES = 4096  # how many records may be under way before one is forgotten, and written twice
_shared = mmap.mmap(-1, _ENTRIES * _ENTRY.size)
_TRAVEL = (logging.handlers.QueueHandler, logging.handlers.SocketHandler)


class _Claimed(int):
    """A line number of a record that was claimed under a name; a plain int where it is pickled."""

    name: str

    def __reduce__(self) -> tuple[Any, ...]:
        return int, (int(self),)

    def __deepcopy__(self, _memo: Any) -> _Claimed:
        return self


def claim(record: logging.LogRecord) -> bool:
    """Mark a record; return False where it was marked before under the name that it has."""
    number: Any = getattr(record, "lineno", None)
    if type(number) is _Claimed:
        if number.name == record.name:
            return False
    elif type(number) is not int:
        return True
    elif record.process != os.getpid() and _has_come(record):
        return False
    record.lineno = mark = _Claimed(number)
    mark.name = record.name
    return True


def note_travel(record: logging.LogRecord, handlers: Iterable[logging.Handler]) -> None:
    """Note a record that one of its handlers may send to another process."""
    for handler in handlers:
        if isinstance(handler, _TRAVEL):
            key = quietly(_key, record)
            if key is not None:
                _ENTRY.pack_into(_shared, _place(key), key)
            return


def _has_come(record: logging.LogRecord) -> bool:
    key = quietly(_key, record)
    return key is not None and _ENTRY.unpack_from(_shared, _place(key)) == (key,)


def _key(record: logging.LogRecord) -> int:
    """Return what tells records apart, and is the same once they were pickled."""
    made = (record.process, record.thread, record.created)
    return hash((*made, record.name, record.levelno, int(record.lineno)))


def _place(key: int) -> int:
    return key % _ENTRIES * _ENTRY.size
