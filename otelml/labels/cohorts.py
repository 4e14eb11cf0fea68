"""What processes have gathered of cohorts of labels: kept, and taken over from those that ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from otelml.labels.connection import transaction
from otelml.labels.schema import COHORTS, sa

Part = tuple[str, str]
"""A digest of model and version, and which part of what is known of it."""


class TakenOver(NamedTuple):
    """What a process that has ended had gathered.

    Args:
        parts: The text of each part.
        time_ns: When the last of it was written, nanoseconds since the epoch.
    """

    parts: dict[Part, str]
    time_ns: int


class Cohorts:
    """The cohorts of a store.

    Args:
        engine: The store's.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def save(
        self, owner: str, parts: Mapping[Part, str], gone: Iterable[Part], seconds: float
    ) -> None:
        """Keep parts in place of those before; what was taken over is the owner's from now on.

        Args:
            owner: Whose they are.
            parts: Those that have changed.
            gone: Those that are no more.
            seconds: For how long nobody may take them over, from now; 0 gives them back.

        Raises:
            FeedbackError: They could not be stored.
        """
        now = time.time_ns()
        until = now + int(seconds * 1e9)
        mine = COHORTS.c.owner == owner
        with transaction(self._engine) as connection:
            for model, part in (*parts, *gone):
                same = mine & (COHORTS.c.model == model) & (COHORTS.c.part == part)
                connection.execute(sa.delete(COHORTS).where(same))
            rows = [
                {
                    "owner": owner,
                    "model": model,
                    "part": part,
                    "content": text,
                    "taken_by": "",
                    "until_ns": until,
                    "time_ns": now,
                }
                for (model, part), text in parts.items()
            ]
            if rows:
                connection.execute(sa.insert(COHORTS), rows)
            connection.execute(sa.update(COHORTS).where(mine).values(until_ns=until, time_ns=now))
            connection.execute(sa.delete(COHORTS).where(~mine & (COHORTS.c.taken_by == owner)))

    def take_over(
        self, owner: str, seconds: float, is_dead: Callable[[str], bool]
    ) -> tuple[list[TakenOver], bool]:
        """Return what owners gathered that have ended, and whether no other one lives.

        It stays in the store until the new owner saves, which it must do soon: else another one
        may take it over.

        Args:
            owner: Who takes it over.
            seconds: For how long no other may do so.
            is_dead: Whether an owner has ended without giving it back.

        Raises:
            FeedbackError: The store cannot be reached.
        """
        now = time.time_ns()
        found: dict[str, TakenOver] = {}
        with transaction(self._engine) as connection:
            columns = (COHORTS.c.owner, COHORTS.c.taken_by, COHORTS.c.until_ns)
            known = connection.execute(sa.select(*columns).distinct()).all()
            free = {
                of
                for of, taken_by, until in known
                if owner not in {of, taken_by} and (until <= now or is_dead(taken_by or of))
            }
            others = {of for of, taken_by, _ in known if owner not in {of, taken_by}} - free
            for of in sorted(free):
                whose = COHORTS.c.owner == of
                rows = connection.execute(sa.select(COHORTS).where(whose)).mappings().all()
                parts = {(row["model"], row["part"]): row["content"] for row in rows}
                found[of] = TakenOver(parts, max(row["time_ns"] for row in rows))
                values = {"taken_by": owner, "until_ns": now + int(seconds * 1e9)}
                connection.execute(sa.update(COHORTS).where(whose).values(**values))
        return list(found.values()), not others
