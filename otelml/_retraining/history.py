"""What was triggered, in SQLite: a file that outlives the process, or memory."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

from otelml import _threads
from otelml import semconv_quality as names

_WAIT_S: Final = 5.0
_TABLE: Final = """
CREATE TABLE IF NOT EXISTS triggers (
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    model TEXT NOT NULL,
    version TEXT NOT NULL,
    at REAL NOT NULL,
    body TEXT NOT NULL,
    outcome TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    detail TEXT NOT NULL DEFAULT '',
    again REAL,
    PRIMARY KEY (id, kind)
)
"""
_COLUMNS: Final = "id, kind, model, version, at, body, outcome, attempts, detail"


@dataclass(frozen=True)
class Trigger:
    """One trigger of one kind.

    Args:
        id: The same in each attempt: the key by which a receiver knows it again.
        kind: ``webhook`` or ``command``.
        model: The model.
        version: Its version.
        at_s: When it was decided, seconds since the epoch.
        body: What is told, JSON.
        outcome: ``pending``, ``done``, ``failed``, ``interrupted`` or ``dry_run``.
        attempts: Attempts so far.
        detail: What was answered, or what went wrong.
    """

    id: str
    kind: str
    model: str
    version: str
    at_s: float
    body: str
    outcome: str = names.OUTCOME_PENDING
    attempts: int = 0
    detail: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it as what JSON can hold."""
        return {
            "id": self.id,
            "kind": self.kind,
            "model": self.model,
            "version": self.version,
            "at": datetime.fromtimestamp(self.at_s, timezone.utc).isoformat(timespec="seconds"),
            "reasons": json.loads(self.body)["data"]["reasons"],
            "outcome": self.outcome,
            "attempts": self.attempts,
            "detail": self.detail,
        }


class History:
    """The newest triggers. Threads, and processes that share the file, may use it at once.

    Args:
        path: The file; None keeps all in memory.
        most: Triggers to keep.
    """

    def __init__(self, path: str | None, most: int) -> None:
        self._path = path
        self._most = most
        self._lock = _threads.Lock()
        self._memory: sqlite3.Connection | None = None

    @contextmanager
    def _writing(self) -> Generator[sqlite3.Connection, None, None]:
        """Hold the only right to write, for a moment.

        Raises:
            sqlite3.Error: The file cannot be used.
            OSError: Its folder cannot be made.
        """
        with self._lock:
            if self._path is not None:
                Path(self._path).absolute().parent.mkdir(parents=True, exist_ok=True)
                with closing(self._open(self._path)) as connection:
                    yield from _transaction(connection)
                return
            if self._memory is None:
                self._memory = self._open(":memory:")
            yield from _transaction(self._memory)

    @staticmethod
    def _open(path: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            path, timeout=_WAIT_S, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA synchronous=FULL")
        return connection

    def claim(
        self, triggers: Sequence[Trigger], cooldown_s: float, *, dry_run: bool
    ) -> tuple[bool, float]:
        """Take the right to trigger, on disk before anything is told.

        Args:
            triggers: One a kind, of one model.
            cooldown_s: Least time since the last one of the model.
            dry_run: Whether nothing will be told; only dry runs heed dry runs.

        Returns:
            Whether it was granted, and when the next one may be.
        """
        first = triggers[0]
        with self._writing() as connection:
            seen = "" if dry_run else f"AND outcome != '{names.OUTCOME_DRY_RUN}'"
            (last,) = connection.execute(
                f"SELECT MAX(at) FROM triggers WHERE model = ? {seen}",  # noqa: S608 - a constant
                (first.model,),
            ).fetchone()
            # The clock may have been put back.
            if last is not None and abs(first.at_s - last) < cooldown_s:
                return False, first.at_s + cooldown_s - abs(first.at_s - last)
            outcome = names.OUTCOME_DRY_RUN if dry_run else names.OUTCOME_PENDING
            connection.executemany(
                "INSERT OR IGNORE INTO triggers "
                "(id, kind, model, version, at, body, outcome) VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(t.id, t.kind, t.model, t.version, t.at_s, t.body, outcome) for t in triggers],
            )
            connection.execute(
                "DELETE FROM triggers WHERE id NOT IN "
                "(SELECT id FROM triggers GROUP BY id ORDER BY MAX(at) DESC, id LIMIT ?)",
                (self._most,),
            )
            return True, first.at_s + cooldown_s

    def hold(self, trigger: Trigger, until_s: float) -> None:
        """Say that this process is at work on a trigger until a time; then others may be."""
        with self._writing() as connection:
            connection.execute(
                "UPDATE triggers SET again = ? WHERE id = ? AND kind = ?",
                (until_s, trigger.id, trigger.kind),
            )

    def end(
        self, trigger: Trigger, outcome: str, attempts: int, detail: str, again_s: float | None
    ) -> None:
        """Keep what became of a trigger.

        Args:
            trigger: The trigger.
            outcome: What became of it.
            attempts: Attempts just made.
            detail: What was answered, or what went wrong.
            again_s: When it may be tried again, seconds since the epoch; None for never.
        """
        with self._writing() as connection:
            connection.execute(
                "UPDATE triggers SET outcome = ?, attempts = attempts + ?, detail = ?, again = ? "
                "WHERE id = ? AND kind = ?",
                (outcome, attempts, detail, again_s, trigger.id, trigger.kind),
            )

    def take_unfinished(self, now_s: float, until_s: float, since_s: float) -> list[Trigger]:
        """Return what was not delivered and may be tried again, held by us from now on.

        A command that was cut short is not run again: how far it came is not known.

        Args:
            now_s: The time, seconds since the epoch.
            until_s: Until when we hold it.
            since_s: Older ones are left alone.
        """
        with self._writing() as connection:
            due = "again IS NOT NULL AND again <= ?"
            connection.execute(
                f"UPDATE triggers SET outcome = ?, again = NULL WHERE {due} AND "  # noqa: S608 - a constant
                "kind = ? AND outcome = ?",
                (names.OUTCOME_INTERRUPTED, now_s, names.TRIGGER_COMMAND, names.OUTCOME_PENDING),
            )
            found = connection.execute(
                f"SELECT {_COLUMNS} FROM triggers WHERE {due} AND kind = ? AND at >= ?",  # noqa: S608
                (now_s, names.TRIGGER_WEBHOOK, since_s),
            ).fetchall()
            connection.executemany(
                "UPDATE triggers SET again = ? WHERE id = ? AND kind = ?",
                [(until_s, row[0], row[1]) for row in found],
            )
        return [Trigger(*row) for row in found]

    def list(self) -> list[Trigger]:
        """Return what was triggered, the newest first."""
        with self._writing() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM triggers ORDER BY at DESC, id, kind"  # noqa: S608
            ).fetchall()
        return [Trigger(*row) for row in rows]


def _transaction(connection: sqlite3.Connection) -> Generator[sqlite3.Connection, None, None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(_TABLE)
        yield connection
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
