"""What reviewers look at: uncertain predictions, who decided, and whether sources agree."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

from otelml.labels.connection import transaction
from otelml.labels.put import CHUNK
from otelml.labels.records import Agreement, Label, Waiting
from otelml.labels.schema import LABELS, REVIEWS, sa

_LOOK_AT = 10_000


class Reviews:
    """Predictions that wait for a reviewer, and what was said of others.

    Args:
        engine: The store's.
        note: Told how many rows were written.
    """

    def __init__(self, engine: sa.Engine, note: Callable[[int], None]) -> None:
        self._engine = engine
        self._note = note

    def add(self, waiting: Iterable[Waiting]) -> None:
        """Keep predictions for reviewers; one that is kept already stays as it is.

        Raises:
            FeedbackError: They could not be stored.
        """
        rows = {one.prediction: one for one in waiting}
        names = list(rows)
        with transaction(self._engine) as connection:
            for first in range(0, len(names), CHUNK):
                query = sa.select(REVIEWS.c.prediction)
                query = query.where(REVIEWS.c.prediction.in_(names[first : first + CHUNK]))
                for (known,) in connection.execute(query):
                    del rows[known]
            values = [
                {**one._asdict(), "features": json.dumps(one.features)} for one in rows.values()
            ]
            if values:
                connection.execute(sa.insert(REVIEWS), values)
        self._note(len(rows))

    def waiting(self, limit: int, after: int = 0) -> tuple[list[Waiting], int]:
        """Return predictions without a label, the least certain first, and how many there are.

        Args:
            limit: How many to return.
            after: How many to pass over.

        Raises:
            FeedbackError: The store cannot be reached.
        """
        unlabelled = ~sa.exists().where(LABELS.c.prediction == REVIEWS.c.prediction)
        order = (REVIEWS.c.confidence, REVIEWS.c.time_ns, REVIEWS.c.prediction)
        query = sa.select(REVIEWS).where(unlabelled).order_by(*order)
        count = sa.select(sa.func.count()).select_from(REVIEWS).where(unlabelled)
        with transaction(self._engine, reads=True) as connection:
            rows = connection.execute(query.limit(limit).offset(after)).mappings().all()
            total = connection.execute(count).scalar_one()
        found = [Waiting(**{**row, "features": json.loads(row["features"])}) for row in rows]
        return found, total

    def decided(self, limit: int) -> list[Label]:
        """Return the last labels that a reviewer gave, the newest first.

        Raises:
            FeedbackError: The store cannot be reached.
        """
        query = sa.select(LABELS).where(LABELS.c.reviewer != "")
        query = query.order_by(LABELS.c.time_ns.desc()).limit(limit)
        with transaction(self._engine, reads=True) as connection:
            return [Label(**row) for row in connection.execute(query).mappings()]

    def agreement(self) -> list[Agreement]:
        """Return for each two sources how often they agree, of the last 10,000 labels.

        Raises:
            FeedbackError: The store cannot be reached.
        """
        newest = sa.select(LABELS).order_by(LABELS.c.time_ns.desc()).limit(_LOOK_AT).subquery()
        one, other = newest, LABELS.alias()
        equal = sa.func.sum(sa.case((one.c.actual == other.c.actual, 1), else_=0))
        joined = sa.join(
            one,
            other,
            (one.c.prediction == other.c.prediction) & (one.c.source < other.c.source),
        )
        query = sa.select(one.c.source, other.c.source, sa.func.count(), equal)
        query = query.select_from(joined).group_by(one.c.source, other.c.source)
        query = query.order_by(sa.func.count().desc(), one.c.source, other.c.source)
        with transaction(self._engine, reads=True) as connection:
            rows = connection.execute(query).all()
        return [Agreement(first, second, both, int(same)) for first, second, both, same in rows]
