"""Rows into a table, many in one statement: each statement opens the table and its indexes anew."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from itertools import chain, islice

# With the columns of the widest table well below the least limit of SQLite, 999 values.
_AT_A_TIME = 32


class ManyRows:
    """An INSERT of any number of rows, in their order.

    Args:
        into: What stands before ``VALUES``.
        columns: How many values a row has.
        after: What stands after the values, such as what to do with rows that are there already.
    """

    def __init__(self, into: str, columns: int, after: str = "") -> None:
        row = f"({','.join('?' * columns)})"
        self._one = f"{into} VALUES{row}{after}"
        self._many = f"{into} VALUES{','.join([row] * _AT_A_TIME)}{after}"

    def insert(self, connection: sqlite3.Connection, rows: Iterable[tuple[object, ...]]) -> None:
        """Insert rows; of an iterator none is held longer than it takes.

        Args:
            connection: The writer's connection.
            rows: The values of each.
        """
        left = iter(rows)
        while len(part := list(islice(left, _AT_A_TIME))) == _AT_A_TIME:
            connection.execute(self._many, list(chain.from_iterable(part)))
        connection.executemany(self._one, part)
