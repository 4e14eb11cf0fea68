"""What services do: the names of their spans, once each, and their sums over time."""

from __future__ import annotations

import sqlite3

from otelml.viewer.records import ENTRY_KINDS, SpanRow
from otelml.viewer.store.joined import MAX_TEXT
from otelml.viewer.store.many_rows import ManyRows
from otelml.viewer.store.resolutions import COARSE_S, FINE_S

# A name that holds an id would make one operation a request.
MAX_OPERATIONS = 2000
_KEPT = 50_000
_FINE_NS = FINE_S * 1_000_000_000
_FINE_A_COARSE = COARSE_S // FINE_S

_SUMS = ManyRows(
    "INSERT INTO red(resolution, operation, bucket, latency, count, errors)",
    6,
    " ON CONFLICT DO UPDATE SET count=count+excluded.count, errors=errors+excluded.errors",
)

# An operation's id, the number of a step of time, a bucket of durations.
Sum = tuple[int, int, int]

# Service, name, kind, whether it is an entry, peer.
_Key = tuple[str, str, int, bool, str]


class Operations:
    """Ids of operations, and how many spans of each took how long and failed.

    Args:
        connection: The writer's connection.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._ids: dict[_Key, int] = {}
        self._known: dict[str, int] = {}
        self._counts: dict[Sum, int] = {}
        self._errors: dict[Sum, int] = {}

    def add(self, span: SpanRow) -> int:
        """Count a span; return the id of its operation."""
        # An entry is what others see of a service: its requests, messages and own beginnings.
        entry = span.parent_id is None or span.kind in ENTRY_KINDS
        key = (span.origin.service, span.name, span.kind, entry, span.peer)
        number = self._ids.get(key)
        if number is None:
            number = self._ids[key] = self._id(key)
        found = number, span.start_ns // _FINE_NS, span.latency
        self._counts[found] = self._counts.get(found, 0) + 1
        if span.error:
            self._errors[found] = self._errors.get(found, 0) + 1
        return number

    def flush(self) -> None:
        """Write the sums of what was added since."""
        rows: list[tuple[int, ...]] = []
        coarse: dict[Sum, list[int]] = {}
        for key, count in self._counts.items():
            number, step, latency = key
            errors = self._errors.get(key, 0)
            rows.append((FINE_S, number, step * FINE_S, latency, count, errors))
            wide = number, step // _FINE_A_COARSE, latency
            sums = coarse.get(wide)
            if sums is None:
                coarse[wide] = [count, errors]
            else:
                sums[0] += count
                sums[1] += errors
        rows.extend(
            (COARSE_S, number, step * COARSE_S, latency, *sums)
            for (number, step, latency), sums in coarse.items()
        )
        _SUMS.insert(self._connection, rows)
        self._counts.clear()
        self._errors.clear()
        if len(self._ids) > _KEPT:
            self._ids.clear()

    def forget(self) -> None:
        """Drop what may not have been committed."""
        self._ids.clear()
        self._known.clear()
        self._counts.clear()
        self._errors.clear()

    def _id(self, key: _Key) -> int:
        service, name, kind, entry, peer = key
        short = (service, name[:MAX_TEXT], kind, entry, peer[:MAX_TEXT])
        found = self._find(short, 0)
        if found is not None:
            return found
        known = self._known.get(service)
        if known is None:
            (known,) = self._connection.execute(
                "SELECT count(*) FROM operations WHERE service=?", (service,)
            ).fetchone()
        self._known[service] = known + 1
        if known < MAX_OPERATIONS:
            return self._insert(short, 0)
        rest = (service, "", kind, entry, "")
        found = self._find(rest, 1)
        return self._insert(rest, 1) if found is None else found

    def _find(self, key: _Key, other: int) -> int | None:
        row = self._connection.execute(
            "SELECT id FROM operations WHERE service=? AND name=? AND kind=? AND entry=?"
            " AND peer=? AND other=?",
            (*key, other),
        ).fetchone()
        return None if row is None else int(row[0])

    def _insert(self, key: _Key, other: int) -> int:
        (found,) = self._connection.execute(
            "INSERT INTO operations(service, name, kind, entry, peer, other) VALUES(?,?,?,?,?,?)"
            " RETURNING id",
            (*key, other),
        ).fetchone()
        return int(found)
