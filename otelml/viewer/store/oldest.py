"""When the oldest item that is stored is from."""

from __future__ import annotations

import sqlite3

_ALL = -1


def oldest_ns(connection: sqlite3.Connection, most_series: int = _ALL) -> int | None:
    """Return the time of the oldest trace, log record or point; None where nothing is stored.

    Args:
        connection: A connection to the store.
        most_series: How many metric series to look at, where a near answer is enough.
    """
    row = connection.execute(
        "SELECT min(t) FROM (SELECT min(start_ns) AS t FROM traces"
        " UNION ALL SELECT min(time_ns) FROM logs"
        " UNION ALL SELECT min(f) FROM (SELECT (SELECT min(time_ns) FROM points"
        " WHERE series=series.id) AS f FROM series LIMIT ?))",
        (most_series,),
    ).fetchone()
    return None if row[0] is None else int(row[0])


def newest_ns(connection: sqlite3.Connection) -> int | None:
    """Return the time of the newest trace, log record or point; None where nothing is stored."""
    row = connection.execute(
        "SELECT max(t) FROM (SELECT max(start_ns) AS t FROM traces"
        " UNION ALL SELECT max(time_ns) FROM logs UNION ALL SELECT max(last_ns) FROM series)"
    ).fetchone()
    return None if row[0] is None else int(row[0])
