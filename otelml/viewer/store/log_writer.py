"""Log records into the store."""

from __future__ import annotations

import sqlite3
from collections import Counter

from otelml.viewer.records import LEVELS, LogRow
from otelml.viewer.store.catalog import Catalog
from otelml.viewer.store.resolutions import FINE_S

_NS = 1_000_000_000
_RANK = {level: rank for rank, level in enumerate(LEVELS)}


class LogWriter:
    """Writes log records and the counts behind their histogram."""

    def __init__(self, connection: sqlite3.Connection, catalog: Catalog) -> None:
        self._connection = connection
        self._catalog = catalog

    def write(self, logs: list[LogRow]) -> int:
        """Store the records; return how many."""
        counts: Counter[tuple[int, str, int]] = Counter()
        rows: list[tuple[object, ...]] = []
        for log in logs:
            level = _RANK[log.level]
            second = log.time_ns // _NS
            counts[second - second % FINE_S, log.origin.service, level] += 1
            rows.append(
                (
                    log.time_ns,
                    log.severity,
                    level,
                    log.origin.service,
                    log.origin.scope_name,
                    log.trace_id,
                    log.span_id,
                    self._catalog.resource(log.origin),
                    self._catalog.scope(log.origin),
                    log.search,
                    log.raw,
                )
            )
        self._connection.executemany(
            "INSERT INTO logs(time_ns, severity, level, service, logger, trace_id, span_id,"
            " resource, scope, search, raw) VALUES(?,?,?,?,?,?,?,?,?,?,?)",
            rows,
        )
        self._connection.executemany(
            "INSERT INTO log_counts VALUES(?,?,?,?)"
            " ON CONFLICT DO UPDATE SET count=count+excluded.count",
            [(*key, count) for key, count in counts.items()],
        )
        return len(rows)
