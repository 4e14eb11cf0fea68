"""Runs a search for spans: in SQL where that decides, else by decoding the candidates in turn."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from otelml.viewer.queries.span_filter import SpanFilter
from otelml.viewer.queries.window import BadParameterError, Window

# Decoding goes on for about so long; what was not looked at is said.
DECODE_S = 6.0
_EVERY = 512
ORDERS = {"newest": "start_ns", "slowest": "duration_ns"}
_AFTER_PARTS = 2


class Place(NamedTuple):
    """Where a page of a list ends: the value that it is ordered by, and the row's number."""

    value: int
    number: int

    def __str__(self) -> str:
        return f"{self.value}.{self.number}"


def place_of(raw: str) -> Place | None:
    """Return the place that an ``after`` parameter names.

    Raises:
        BadParameterError: It names none.
    """
    if not raw:
        return None
    parts = raw.split(".")
    if len(parts) != _AFTER_PARTS or not all(part.isascii() and part.isdigit() for part in parts):
        raise BadParameterError("after must be the `next` of an earlier answer")
    return Place(min(int(parts[0]), 2**63 - 1), min(int(parts[1]), 2**63 - 1))


def order_of(raw: str) -> str:
    """Return the column that an order stands for.

    Raises:
        BadParameterError: There is no such order.
    """
    order = raw or "newest"
    if order not in ORDERS:
        raise BadParameterError("order must be newest or slowest")
    return ORDERS[order]


@dataclass(slots=True)
class Found:
    """What a search found.

    Args:
        rows: Numbers of spans in order, at most as many as were asked for.
        total: How many spans match, of those that were looked at.
        complete: Whether all were looked at.
        next: Where the next page begins, or None.
    """

    rows: list[int] = field(default_factory=list[int])
    total: int = 0
    complete: bool = True
    next: Place | None = None


class Search:
    """One search for spans in a time range.

    Args:
        connection: A connection to the store.
        window: The spans' starts.
        query: As ``terms`` describes it.
    """

    def __init__(self, connection: sqlite3.Connection, window: Window, query: str) -> None:
        self._connection = connection
        self.filter = SpanFilter(connection, query)
        self.where = f"start_ns>=? AND start_ns<? AND {self.filter.where}"
        # Reading all in the order they lie in is faster than by an index, where most are read.
        whole = self.filter.reads_spans and _is_most(connection, window)
        self.table = "spans NOT INDEXED" if whole else "spans"
        self.args: list[Any] = [window.from_ns, window.to_ns, *self.filter.args]

    @property
    def in_sql(self) -> bool:
        """Whether SQL alone decides."""
        return not self.filter.checks

    def page(self, column: str, limit: int, after: Place | None) -> Found:
        """Return one page, and how many match in all."""
        if not self.in_sql:
            return self._decoded_page(column, limit, after)
        counted = "count(*) OVER ()" if self.filter.reads_spans else "0"
        inner = f"SELECT rowid AS number, {column} AS value, {counted} AS total FROM {self.table} WHERE {self.where}"  # noqa: S608, E501 - our own clauses
        where, args = "1", list(self.args)
        if after is not None:
            where = "(value, number)<(?,?)"
            args += after
        rows = self._connection.execute(
            f"SELECT number, value, total FROM ({inner}) WHERE {where}"  # noqa: S608 - our own clauses
            " ORDER BY value DESC, number DESC LIMIT ?",
            [*args, limit + 1],
        ).fetchall()
        total = rows[0][2] if rows else 0
        if not self.filter.reads_spans:
            # The index counts by itself, and gives the newest without a look at the others.
            (total,) = self._connection.execute(
                f"SELECT count(*) FROM spans WHERE {self.where}",  # noqa: S608 - our own clauses
                self.args,
            ).fetchone()
        following = Place(rows[limit - 1][1], rows[limit - 1][0]) if len(rows) > limit else None
        return Found([row[0] for row in rows[:limit]], total, next=following)

    def traces(self) -> tuple[str, bool]:
        """Return the numbers of the traces that match, as JSON, and whether all were looked at."""
        if self.in_sql:
            (numbers,) = self._connection.execute(
                f"SELECT json_group_array(DISTINCT trace) FROM {self.table} WHERE {self.where}",  # noqa: S608 - our own clauses
                self.args,
            ).fetchone()
            return numbers, True
        found = Found()
        traces = {trace for *_, trace in self._matching("start_ns", found)}
        return json.dumps(sorted(traces)), found.complete

    def one_of(self, trace: int) -> bytes | None:
        """Return the id of the first span of a trace that matches, whenever it began."""
        rows = self._connection.execute(
            f"SELECT span_id, raw, resource, scope FROM spans WHERE trace=? AND {self.filter.where}"  # noqa: S608 - our own clauses
            " ORDER BY start_ns",
            [trace, *self.filter.args],
        )
        for span_id, raw, resource, scope in rows:
            if self.in_sql or self.filter.holds(raw, resource, scope):
                return bytes(span_id)
        return None

    def _decoded_page(self, column: str, limit: int, after: Place | None) -> Found:
        found = Found()
        last: Place | None = None
        for number, value, _ in self._matching(column, found):
            found.total += 1
            here = Place(value, number)
            if after is not None and here >= after:
                continue
            if len(found.rows) < limit:
                found.rows.append(number)
                last = here
            else:
                found.next = last
        if not found.complete and found.next is None and last is not None:
            found.next = last
        return found

    def _matching(self, column: str, found: Found) -> Iterator[tuple[int, int, int]]:
        """Yield number, value and trace of what matches, in order, until time is up."""
        deadline = time.monotonic() + DECODE_S
        rows = self._connection.execute(
            f"SELECT rowid, {column}, trace, raw, resource, scope FROM {self.table}"  # noqa: S608 - our own clauses
            f" WHERE {self.where} ORDER BY {column} DESC, rowid DESC",
            self.args,
        )
        for index, (number, value, trace, raw, resource, scope) in enumerate(rows):
            if index % _EVERY == 0 and time.monotonic() > deadline:
                found.complete = False
                return
            if self.filter.holds(raw, resource, scope):
                yield number, value, trace


def _is_most(connection: sqlite3.Connection, window: Window) -> bool:
    """Tell whether a range holds more than about half of all spans."""
    first, last = connection.execute(
        "SELECT (SELECT min(start_ns) FROM traces), (SELECT max(start_ns) FROM traces)"
    ).fetchone()
    if first is None or last <= first:
        return True
    inside = min(window.to_ns, last) - max(window.from_ns, first)
    return bool(inside > (last - first) / 2)
