"""One record, one line: a record that comes by again, itself or copied, is known.

It does where a queue's listener logs what it reads, or a handler passes on what it gets. A field
more would be printed by formatters that print every field, so the mark is the type of one that
every record has.
"""

from __future__ import annotations

import logging
from typing import Any

__all__ = ["claim"]


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
    record.lineno = mark = _Claimed(number)
    mark.name = record.name
    return True
