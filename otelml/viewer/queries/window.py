"""Time ranges, slots and parameters that the queries share."""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from otelml.viewer.store import newest_ns, oldest_ns

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
DEFAULT_RANGE_MS = 15 * 60 * 1000
DEFAULT_LIMIT, MAX_LIMIT = 100, 1000
MAX_TOTAL = 10_000
MAX_SLOTS = 120
_NICE_S = (
    1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400,
)  # fmt: skip
# Every page asks: a database of many series answers from some of them.
_MOST_SERIES = 5000
# In milliseconds the year 2255: the nanoseconds of anything later SQLite does not hold.
_LARGEST = 9e12


class BadParameterError(ValueError):
    """A query parameter cannot be used; the message names it."""


class NotFoundError(LookupError):
    """What was asked for is not stored."""


def _ns(ms: float) -> int:
    """Return milliseconds since the epoch in nanoseconds; whole ones exactly.

    As one product of floats these were up to 128 ns off.
    """
    whole = math.floor(ms)
    return whole * NS_PER_MS + int((ms - whole) * NS_PER_MS)


@dataclass(frozen=True, slots=True)
class Window:
    """A time range in milliseconds since the epoch, half open."""

    from_ms: float
    to_ms: float

    @property
    def from_ns(self) -> int:
        """The start in nanoseconds."""
        return _ns(self.from_ms)

    @property
    def to_ns(self) -> int:
        """The end in nanoseconds."""
        return _ns(self.to_ms)

    def slots(self, finest_s: float, step_ms: float | None = None) -> Slots:
        """Return slots of a round step, a multiple of ``finest_s``, at most MAX_SLOTS of them."""
        wanted = (self.to_ms - self.from_ms) / 1000 / MAX_SLOTS
        if step_ms is not None:
            wanted = max(wanted, step_ms / 1000)
        step_s = next((n for n in _NICE_S if n >= wanted and n >= finest_s), None)
        if step_s is None:
            step_s = math.ceil(wanted / _NICE_S[-1]) * _NICE_S[-1]
        if step_s % finest_s:
            step_s = int(math.ceil(step_s / finest_s) * finest_s)
        first = int(self.from_ms / 1000 // step_s * step_s)
        count = max(1, math.ceil((self.to_ms / 1000 - first) / step_s))
        return Slots(first, step_s, count)


@dataclass(frozen=True, slots=True)
class Slots:
    """Equal steps of time: the first start and the step in seconds, and how many."""

    first_s: int
    step_s: int
    count: int

    def times_ms(self) -> list[float]:
        """Return the start of every slot."""
        return [(self.first_s + i * self.step_s) * 1000.0 for i in range(self.count)]

    def index(self, second: float) -> int:
        """Return the slot of a time, which may lie outside."""
        return int((second - self.first_s) // self.step_s)

    @property
    def end_s(self) -> int:
        """The end of the last slot."""
        return self.first_s + self.step_s * self.count


def window_of(params: Mapping[str, str], connection: sqlite3.Connection) -> Window:
    """Return the range that ``from`` and ``to`` ask for; ``from=0`` is everything kept."""
    to_ms = number(params, "to")
    from_ms = number(params, "from")
    if to_ms is None:
        to_ms = time.time() * 1000
        if from_ms is not None and from_ms <= 0:
            # Everything, what a clock ahead has sent included.
            to_ms = max(to_ms, (newest_ns(connection) or 0) / NS_PER_MS + 1.0)
    if from_ms is None:
        from_ms = to_ms - DEFAULT_RANGE_MS
    elif from_ms <= 0:
        from_ms = min(oldest_ms(connection) or to_ms - DEFAULT_RANGE_MS, to_ms - 1000)
    if not 0 <= from_ms < to_ms:
        raise BadParameterError("from must be before to, both in ms since the epoch")
    return Window(from_ms, to_ms)


def oldest_ms(connection: sqlite3.Connection) -> float | None:
    """Return the whole millisecond in which about the oldest item that is stored lies.

    Rounded down before it is a float: that is good to 0.2 µs, and might lie after the item.
    """
    found = oldest_ns(connection, _MOST_SERIES)
    return None if found is None else float(found // NS_PER_MS)


def number(params: Mapping[str, str], name: str) -> float | None:
    """Return a numeric parameter, or None where it is absent or empty."""
    raw = params.get(name, "")
    if not raw:
        return None
    try:
        value = float(raw)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise BadParameterError(f"{name} must be a number, not {raw[:40]!r}")
    if abs(value) > _LARGEST:
        raise BadParameterError(f"{name} is out of range: {raw[:40]}")
    return value


def limit_of(params: Mapping[str, str]) -> int:
    """Return the ``limit`` parameter within its bounds."""
    value = number(params, "limit")
    if value is None:
        return DEFAULT_LIMIT
    if value < 1:
        raise BadParameterError("limit must be at least 1")
    return int(min(value, MAX_LIMIT))


def hex_id(raw: str, name: str, size: int) -> bytes:
    """Return an id of ``size`` bytes given in hexadecimal."""
    try:
        found = bytes.fromhex(raw)
    except ValueError:
        found = b""
    if len(found) != size:
        raise BadParameterError(f"{name} must be {2 * size} hexadecimal digits")
    return found


def count_capped(connection: sqlite3.Connection, sql: str, args: list[Any]) -> dict[str, Any]:
    """Return how many rows a query has, counted at most to MAX_TOTAL."""
    (total,) = connection.execute(
        f"SELECT count(*) FROM ({sql} LIMIT {MAX_TOTAL + 1})",  # noqa: S608 - our own clauses
        args,
    ).fetchone()
    return {"total": min(total, MAX_TOTAL), "total_capped": total > MAX_TOTAL}
