"""Deleting what is too old or too much, a little at a time."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from otelml.viewer.store.file import database_bytes, wal_bytes
from otelml.viewer.store.oldest import oldest_ns
from otelml.viewer.store.resolutions import COARSE_S, RESOLUTIONS_S

_NS = 1_000_000_000
_TRACES_A_STEP = 200
_ROWS_A_STEP = 2000
_PAGES_A_STEP = 64
# Deleting begins a little below the bound: pages that were just freed are still on the disk.
_FILL = 0.85
# These deletions read whole tables.
_TIDY_EVERY_NS = 60 * _NS


class Retention:
    """Bounds the store by age and size; each step is short enough to go between two batches.

    Args:
        connection: The writer's connection.
        age_s: Seconds after which data goes, by its own timestamps.
        size_bytes: Bytes above which the oldest data goes.
        path: The database's file.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        age_s: float,
        size_bytes: int,
        path: Path,
    ) -> None:
        self._connection = connection
        self._path = path
        self._age_ns = int(age_s * _NS)
        self._size_bytes = size_bytes
        self._next_tidy_ns = 0
        # Set when rows went whose ids the writers may remember.
        self.tidied = False

    def used_bytes(self) -> int:
        """Return the size of the pages that hold data, and of what waits to be folded in."""
        (page_size,) = self._connection.execute("PRAGMA page_size").fetchone()
        (pages,) = self._connection.execute("PRAGMA page_count").fetchone()
        (free,) = self._connection.execute("PRAGMA freelist_count").fetchone()
        return int(page_size) * (int(pages) - int(free)) + wal_bytes(self._path)

    def is_over(self) -> bool:
        """Tell whether more is stored than may be; what is deleted begins well below that."""
        return self.used_bytes() > self._size_bytes

    def shrink(self) -> None:
        """Give free pages back to the disk where it holds too much, a few at a time.

        To be called outside a transaction. The file itself shrinks when it is next folded in.
        """
        if database_bytes(self._path) > self._size_bytes:
            # By execute() it would free a single page.
            self._connection.executescript(f"PRAGMA incremental_vacuum({_PAGES_A_STEP})")
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def step(self, now_ns: int) -> dict[str, int]:
        """Delete a small part of what is too old or too much, inside the open transaction.

        Returns:
            How many traces, spans, points and logs went; all zeros when nothing is left to do.
        """
        cutoff_ns = now_ns - self._age_ns
        gone = self._delete_before(cutoff_ns)
        if not any(gone.values()) and now_ns >= self._next_tidy_ns:
            self._next_tidy_ns = now_ns + _TIDY_EVERY_NS
            self._delete_sums(cutoff_ns)
            self.tidied = True
        if not any(gone.values()) and self.used_bytes() > _FILL * self._size_bytes:
            began_ns = oldest_ns(self._connection)
            if began_ns is not None:
                # A sliver of the remaining time span: all signals lose the same period.
                sliver_ns = max((now_ns - began_ns) // 20, _NS // 10)
                gone = self._delete_before(began_ns + sliver_ns)
        return gone

    def _delete_before(self, cutoff_ns: int) -> dict[str, int]:
        gone = {"traces": 0, "spans": 0, "points": 0, "logs": 0}
        run = self._connection.execute
        old = run(
            "SELECT id, trace_id FROM traces WHERE start_ns<? ORDER BY start_ns LIMIT ?",
            (cutoff_ns, _TRACES_A_STEP),
        ).fetchall()
        for number, trace_id in old:
            gone["spans"] += run("DELETE FROM spans WHERE trace=?", (number,)).rowcount
            run("DELETE FROM links WHERE trace=?", (number,))
            run("DELETE FROM predictions WHERE trace=?", (number,))
            run("DELETE FROM feedback WHERE trace_id=?", (trace_id,))
            run("DELETE FROM traces WHERE id=?", (number,))
        gone["traces"] = len(old)
        gone["logs"] = run(
            "DELETE FROM logs WHERE id IN"
            " (SELECT id FROM logs WHERE time_ns<? ORDER BY time_ns LIMIT ?)",
            (cutoff_ns, _ROWS_A_STEP),
        ).rowcount
        gone["points"] = self._delete_points(cutoff_ns)
        return gone

    def _delete_points(self, cutoff_ns: int) -> int:
        """Delete old points; series that nobody feeds any more go with their last one."""
        gone = 0
        rows = self._connection.execute("SELECT id, last_ns FROM series").fetchall()
        for series, last_ns in rows:
            run = self._connection.execute
            gone += run(
                "DELETE FROM points WHERE series=?1 AND time_ns IN (SELECT time_ns FROM points"
                " WHERE series=?1 AND time_ns<?2 ORDER BY time_ns LIMIT ?3)",
                (series, cutoff_ns, _ROWS_A_STEP),
            ).rowcount
            if last_ns is not None and last_ns < cutoff_ns:
                left = run("SELECT 1 FROM points WHERE series=? LIMIT 1", (series,)).fetchone()
                if left is None:
                    run("DELETE FROM series WHERE id=?", (series,))
            if gone >= _ROWS_A_STEP:
                break
        return gone

    def _delete_sums(self, cutoff_ns: int) -> None:
        run = self._connection.execute
        cutoff_s = cutoff_ns // _NS - COARSE_S
        run("DELETE FROM rollups WHERE resolution>0 AND bucket<?", (cutoff_s,))
        for resolution in RESOLUTIONS_S:
            run("DELETE FROM red WHERE resolution=? AND bucket<?", (resolution, cutoff_s))
        run(
            "DELETE FROM operations WHERE id NOT IN (SELECT operation FROM red WHERE resolution=?)",
            (COARSE_S,),
        )
        run("DELETE FROM log_counts WHERE bucket<?", (cutoff_s,))
        run("DELETE FROM coarse WHERE bucket<?", (cutoff_s,))
        run("DELETE FROM details WHERE time_ns<?", (cutoff_ns,))
        run("DELETE FROM exemplars WHERE time_ns<?", (cutoff_ns,))
        run("DELETE FROM metrics WHERE id NOT IN (SELECT metric FROM series)")
        run("DELETE FROM models WHERE last_ns<?", (cutoff_ns,))
