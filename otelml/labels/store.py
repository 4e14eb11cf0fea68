"""The store: labels that are on disk before they are acknowledged, shared by processes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict

from otelml.exceptions import FeedbackError
from otelml.labels.cohorts import Cohorts
from otelml.labels.connection import create_engine, transaction
from otelml.labels.positions import Positions
from otelml.labels.put import CHUNK, deciding, put_all
from otelml.labels.records import Label, Put, Summary
from otelml.labels.reviews import Reviews
from otelml.labels.schema import COHORTS, IDS, IMPORTS, KEYS, LABELS, REVIEWS, migrate, sa

_DAY_NS = 86_400_000_000_000
_PRUNE_EACH = 10_000


def check(url: str) -> None:
    """Say whether a store can be at ``url``, without asking it.

    Raises:
        ConfigurationError: It is no URL of a database.
        MissingDependencyError: Its driver is not installed.
    """
    create_engine(url).dispose()


class LabelStore:
    """Labels in a database. Threads and processes may use one store at once.

    Args:
        url: The database, as SQLAlchemy writes it.
        max_days: Labels and keys older than that are removed.
        max_rows: So many labels and so many keys are kept, the newest.

    Raises:
        ConfigurationError: The URL is wrong, or a newer otelml has written the store.
        MissingDependencyError: Its driver is not installed.
        FeedbackError: The database cannot be reached.
    """

    def __init__(self, url: str, *, max_days: float = 400, max_rows: int = 10_000_000) -> None:
        self._max_ns, self._max_rows = int(max_days * _DAY_NS), max_rows
        self._written = 0
        self._engine = create_engine(url)
        with self._transaction() as connection:
            migrate(connection)
        self.prune()

    def _transaction(self, *, reads: bool = False) -> AbstractContextManager[sa.Connection]:
        return transaction(self._engine, reads=reads)

    def put(self, label: Label, most: int | None = None) -> Put:
        """Keep a label; it is on disk when this returns.

        Args:
            label: The label.
            most: Sources that one prediction may have labels of; by default any number.

        Raises:
            FeedbackError: It could not be stored, or is of one source too many.
        """

        def check(_: sa.Connection, puts: list[Put]) -> None:
            if most is not None and puts[0].previous is None and len(puts[0].standing) > most:
                raise FeedbackError(
                    f"this prediction has labels of {most} sources already", "source"
                )

        return self.put_many([label], then=check)[0]

    def put_many(
        self,
        labels: Sequence[Label],
        progress: tuple[str, Summary] | None = None,
        then: Callable[[sa.Connection, list[Put]], None] | None = None,
    ) -> list[Put]:
        """Keep labels in one transaction: all of them, or none.

        Args:
            labels: The labels, in the order in which they came.
            progress: Digest of the file that they are from, and what became of it so far, without
                these labels: they are added.
            then: Does more in the same transaction.

        Raises:
            FeedbackError: They could not be stored.
        """
        with self._transaction() as connection:
            puts = put_all(connection, labels)
            if progress is not None:
                digest, summary = progress
                for label, put in zip(labels, puts, strict=True):
                    summary.count(label, put)
                _save(connection, digest, summary)
            if then is not None:
                then(connection, puts)
        self._note(len(labels))
        return puts

    def progress(self, digest: str) -> Summary:
        """Return what became so far of the file with this digest."""
        with self._transaction(reads=True) as connection:
            query = sa.select(IMPORTS.c.summary).where(IMPORTS.c.digest == digest)
            found = connection.execute(query).scalar()
        return Summary() if found is None else Summary(**json.loads(found))

    def register(self, keys: Iterable[tuple[str, str, str]]) -> None:
        """Remember predictions by a key of the business; the newest of a key wins.

        Args:
            keys: Key, prediction id, and the prediction as in ``Label.prediction``.

        Raises:
            FeedbackError: They could not be stored.
        """
        rows = {key: (prediction_id, prediction) for key, prediction_id, prediction in keys}
        with self._transaction() as connection:
            for key, (prediction_id, prediction) in rows.items():
                connection.execute(sa.delete(KEYS).where(KEYS.c.key == key))
                values = {"prediction_id": prediction_id, "prediction": prediction}
                now = time.time_ns()
                connection.execute(sa.insert(KEYS).values(key=key, time_ns=now, **values))
        self._note(len(rows))

    def find(self, key: str) -> str | None:
        """Return the prediction id that was registered for a key; None where there is none."""
        return self.find_many([key]).get(key)

    def find_many(self, keys: Sequence[str]) -> dict[str, str]:
        """Return the prediction ids that were registered for keys; those without are left out."""
        found: dict[str, str] = {}
        wanted = list(dict.fromkeys(keys))
        with self._transaction(reads=True) as connection:
            for first in range(0, len(wanted), CHUNK):
                query = sa.select(KEYS.c.key, KEYS.c.prediction_id)
                query = query.where(KEYS.c.key.in_(wanted[first : first + CHUNK]))
                found.update((key, made) for key, made in connection.execute(query))
        return found

    def keep_contents(self, contents: Mapping[str, str]) -> None:
        """Keep what opaque prediction ids stand for; what is known stays as it is.

        Args:
            contents: By id, as ids of predictions hold it.

        Raises:
            FeedbackError: They could not be stored.
        """
        known = self.contents(list(contents))
        rows = [
            {"prediction_id": one, "content": content, "time_ns": time.time_ns()}
            for one, content in contents.items()
            if one not in known
        ]
        if rows:
            with self._transaction() as connection:
                connection.execute(sa.insert(IDS), rows)
            self._note(len(rows))

    def contents(self, ids: Sequence[str]) -> dict[str, str]:
        """Return what opaque prediction ids stand for; those that are not known are left out.

        Raises:
            FeedbackError: The store cannot be reached.
        """
        found: dict[str, str] = {}
        with self._transaction(reads=True) as connection:
            for first in range(0, len(ids), CHUNK):
                query = sa.select(IDS.c.prediction_id, IDS.c.content)
                query = query.where(IDS.c.prediction_id.in_(ids[first : first + CHUNK]))
                found.update((one, content) for one, content in connection.execute(query))
        return found

    def awaiting(self, limit: int = 1000) -> list[tuple[str, str]]:
        """Return keys and prediction ids that have no label yet, the oldest first."""
        query = sa.select(KEYS.c.key, KEYS.c.prediction_id).where(
            ~sa.exists().where(LABELS.c.prediction == KEYS.c.prediction)
        )
        with self._transaction(reads=True) as connection:
            rows = connection.execute(query.order_by(KEYS.c.time_ns).limit(limit))
            return [(key, prediction_id) for key, prediction_id in rows]

    def label(self, prediction: str, trust: Sequence[str] = ()) -> Label | None:
        """Return the label that counts: the most trusted source's, else the newest.

        Args:
            prediction: Which prediction, as in ``Label.prediction``.
            trust: Sources, the most trusted first; those that are not named come last.
        """
        query = sa.select(LABELS).where(LABELS.c.prediction == prediction)
        with self._transaction(reads=True) as connection:
            found = [Label(**row) for row in connection.execute(query).mappings()]
        return deciding(found, trust) if found else None

    def recent(self, limit: int, trust: Sequence[str] = ()) -> list[Label]:
        """Return the labels that count among the last ones, the oldest first.

        Args:
            limit: How many labels to look at.
            trust: Sources, the most trusted first.
        """
        query = sa.select(LABELS).order_by(LABELS.c.time_ns.desc()).limit(limit)
        with self._transaction(reads=True) as connection:
            rows = [Label(**row) for row in connection.execute(query).mappings()]
        found: dict[str, list[Label]] = {}
        for label in rows:
            found.setdefault(label.prediction, []).append(label)
        chosen = [deciding(labels, trust) for labels in found.values()]
        return sorted(chosen, key=lambda label: label.time_ns)

    def counts(self) -> dict[str, int]:
        """Return how many ``labels`` and ``keys``, and predictions whose sources ``disagree``."""
        several = sa.select(LABELS.c.prediction).group_by(LABELS.c.prediction)
        several = several.having(sa.func.count(sa.distinct(LABELS.c.actual)) > 1)
        tables = {"labels": LABELS, "keys": KEYS, "disagree": several.subquery()}
        with self._transaction(reads=True) as connection:
            return {
                name: connection.execute(sa.select(sa.func.count()).select_from(of)).scalar_one()
                for name, of in tables.items()
            }

    @property
    def positions(self) -> Positions:
        """How far sources have been read."""
        return Positions(self._engine, self.put_many)

    @property
    def reviews(self) -> Reviews:
        """What reviewers look at."""
        return Reviews(self._engine, self._note)

    @property
    def cohorts(self) -> Cohorts:
        """What processes have gathered of cohorts of labels."""
        return Cohorts(self._engine)

    def _note(self, written: int) -> None:
        self._written += written
        if self._written >= _PRUNE_EACH:
            self.prune()

    def prune(self) -> None:
        """Remove what is too old or too much."""
        self._written = 0
        with self._transaction() as connection:
            for table in (LABELS, KEYS, REVIEWS, COHORTS, IDS):
                oldest = time.time_ns() - self._max_ns
                connection.execute(sa.delete(table).where(table.c.time_ns < oldest))
                rows = connection.execute(
                    sa.select(sa.func.count()).select_from(table)
                ).scalar_one()
                if rows > self._max_rows:
                    names = list(table.primary_key.columns)
                    eldest = sa.select(*names).order_by(table.c.time_ns, *names)
                    eldest = eldest.limit(rows - self._max_rows)
                    chosen = sa.tuple_(*names).in_(eldest)
                    connection.execute(sa.delete(table).where(chosen))

    def after_fork(self) -> None:
        """Leave the connections to the parent."""
        self._engine.dispose(close=False)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()


def _save(connection: sa.Connection, digest: str, summary: Summary) -> None:
    connection.execute(sa.delete(IMPORTS).where(IMPORTS.c.digest == digest))
    values = {"summary": json.dumps(asdict(summary)), "time_ns": time.time_ns()}
    connection.execute(sa.insert(IMPORTS).values(digest=digest, **values))
