"""How far each source of labels has been read, kept with the labels themselves."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Protocol

from otelml.exceptions import FeedbackError
from otelml.labels.connection import transaction
from otelml.labels.records import Label, Put, Summary
from otelml.labels.schema import SOURCES, sa


class _PutMany(Protocol):
    def __call__(
        self, labels: Sequence[Label], *, then: Callable[[sa.Connection, list[Put]], None]
    ) -> list[Put]: ...


class Positions:
    """Positions in sources; each is moved in the transaction that keeps what was read.

    Args:
        engine: The store's.
        put_many: Keeps labels, and does more in the same transaction.
    """

    def __init__(self, engine: sa.Engine, put_many: _PutMany) -> None:
        self._engine = engine
        self._put_many = put_many

    def get(self, name: str) -> tuple[Any, Summary]:
        """Return the position in a source, None at its start, and what became of it so far.

        Raises:
            FeedbackError: The store cannot be reached.
        """
        query = sa.select(SOURCES.c.position, SOURCES.c.summary).where(SOURCES.c.name == name)
        with transaction(self._engine, reads=True) as connection:
            found = connection.execute(query).first()
        if found is None:
            return None, Summary()
        return json.loads(found.position), Summary(**json.loads(found.summary))

    def summaries(self) -> dict[str, Summary]:
        """Return what became of each source so far.

        Raises:
            FeedbackError: The store cannot be reached.
        """
        query = sa.select(SOURCES.c.name, SOURCES.c.summary).order_by(SOURCES.c.name)
        with transaction(self._engine, reads=True) as connection:
            rows = connection.execute(query).all()
        return {name: Summary(**json.loads(text)) for name, text in rows}

    def lease(
        self, name: str, owner: str, seconds: float, is_dead: Callable[[str], bool] | None = None
    ) -> bool:
        """Ask to be the one that reads a source; return whether that is so.

        Args:
            name: The source.
            owner: Who asks.
            seconds: For how long, from now; 0 gives it back.
            is_dead: Whether an owner has ended without giving it back.

        Raises:
            FeedbackError: The store cannot be reached.
        """
        now = time.time_ns()
        with transaction(self._engine) as connection:
            row = _row(connection, name)
            held = row is not None and row["until_ns"] > now and row["owner"] not in {owner, ""}
            if row is not None and held and not (is_dead is not None and is_dead(row["owner"])):
                return False
            until = now + int(seconds * 1e9)
            _write(connection, name, row, owner=owner if seconds else "", until_ns=until)
        return True

    def put(
        self,
        name: str,
        owner: str | None,
        position: Any,
        labels: Sequence[Label],
        refused: Mapping[str, int],
    ) -> list[Put]:
        """Keep labels and move the position, all of it or nothing.

        Args:
            name: The source.
            owner: Who reads it; None where it shares itself out, as partitions of Kafka.
            position: Where the next read begins; what JSON can hold.
            labels: The labels, in the order in which they came.
            refused: Rows that were no labels, by reason.

        Raises:
            FeedbackError: They could not be stored, or another process reads the source now.
        """

        def move(connection: sa.Connection, puts: list[Put]) -> None:
            row = _row(connection, name)
            if owner is not None and (row is None or row["owner"] != owner):
                raise FeedbackError("another process reads this source now", "lease")
            summary = Summary() if row is None else Summary(**json.loads(row["summary"]))
            for label, put in zip(labels, puts, strict=True):
                summary.count(label, put)
            summary.done += len(labels) + sum(refused.values())
            summary.refused = dict(Counter(summary.refused) + Counter(refused))
            texts = {"position": json.dumps(position), "summary": json.dumps(asdict(summary))}
            _write(connection, name, row, **texts)

        return self._put_many(labels, then=move)


def _row(connection: sa.Connection, name: str) -> Mapping[str, Any] | None:
    found = connection.execute(sa.select(SOURCES).where(SOURCES.c.name == name)).mappings().first()
    return None if found is None else dict(found)


def _write(
    connection: sa.Connection, name: str, row: Mapping[str, Any] | None, **values: Any
) -> None:
    values["time_ns"] = time.time_ns()
    if row is not None:
        connection.execute(sa.update(SOURCES).where(SOURCES.c.name == name).values(**values))
        return
    empty = {"position": "null", "summary": "{}", "owner": "", "until_ns": 0}
    connection.execute(sa.insert(SOURCES).values(name=name, **{**empty, **values}))
