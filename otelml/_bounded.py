"""Reading what somebody else wrote: counted before anything is made of it.

Three bytes of JSON can stand for an object that takes seventy in memory, and a row of a table can
be as long as its file.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator
from typing import Any, Final, TextIO

__all__ = ["MOST_COLUMNS", "MOST_ROW", "Lines", "TooMuchError", "loads"]

MOST_COLUMNS: Final = 10_000
MOST_ROW: Final = 8 << 20
_BYTES: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_TEXT: Final = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


class TooMuchError(ValueError):
    """It holds more than is taken, or is nested too deep."""


def loads(
    data: bytes | str,
    *,
    objects: int,
    parts: int,
    parse_constant: Callable[[str], Any] | None = None,
) -> Any:
    """Return what a JSON document says, where it is no larger than it may be.

    Args:
        data: The document.
        objects: How many objects and lists it may have.
        parts: How many of these and their values it may have, all together.
        parse_constant: As of ``json.loads``.

    Raises:
        TooMuchError: It has more, or is nested deeper than Python goes.
        ValueError: It is no JSON.

    >>> loads('[1, "[[["]', objects=1, parts=2)
    [1, '[[[']
    """
    if _count(data, "{[") > objects or _count(data, "{[,") > parts:
        # The signs may stand in strings.
        bare = _BYTES.sub(b"", data) if isinstance(data, bytes) else _TEXT.sub("", data)
        if _count(bare, "{[") > objects:
            raise TooMuchError(f"it has more than {objects:,} objects and lists")
        if _count(bare, "{[,") > parts:
            raise TooMuchError(f"it has more than {parts:,} values")
    try:
        return json.loads(data, parse_constant=parse_constant)
    except RecursionError:
        raise TooMuchError("too deep") from None


def _count(data: bytes | str, signs: str) -> int:
    if isinstance(data, bytes):
        return sum(data.count(sign.encode()) for sign in signs)
    return sum(map(data.count, signs))


class Lines:
    """Lines of a CSV file for ``csv.reader``; a row of many lines is no longer than one may be.

    Args:
        file: The file.
        most: Characters of a row at most. Whoever reads a row says so by ``next_row``.
    """

    def __init__(self, file: TextIO, most: int = MOST_ROW) -> None:
        self._file = file
        self._most = most
        self.taken = 0

    def next_row(self) -> int:
        """Begin a row; return how many characters the last one had."""
        taken, self.taken = self.taken, 0
        return taken

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        """Return a line.

        Raises:
            csv.Error: The row is longer than one may be.
        """
        line = self._file.readline(self._most + 1)
        if not line:
            raise StopIteration
        self.taken += len(line)
        if self.taken > self._most:
            raise csv.Error(f"a row has more than {self._most:,} characters")
        return line
