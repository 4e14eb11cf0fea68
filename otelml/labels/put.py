"""Labels into the table: looked up and written many at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from otelml._label_options import precedence
from otelml.labels.records import Label, Put
from otelml.labels.schema import LABELS, sa

CHUNK: Final = 500
"""Values that one query names at most."""


def deciding(labels: Sequence[Label], trust: Sequence[str]) -> Label:
    """Return the label that counts: the most trusted source's, else the newest.

    Args:
        labels: The labels of one prediction, at least one.
        trust: Sources, the most trusted first.
    """
    return min(labels, key=lambda one: precedence(one.source, one.time_ns, trust))


def put_all(connection: sa.Connection, labels: Sequence[Label]) -> list[Put]:
    """Write labels within the transaction of ``connection``; of one source the newest stands."""
    standing = _held(connection, list(dict.fromkeys(label.prediction for label in labels)))
    known = {(name, source) for name, held in standing.items() for source in held}
    changed: dict[tuple[str, str], Label] = {}
    puts: list[Put] = []
    for label in labels:
        held = standing.setdefault(label.prediction, {})
        before = held.get(label.source)
        kept = before is None or label.time_ns >= before.time_ns
        if kept:
            held[label.source] = changed[label.prediction, label.source] = label
        puts.append(Put(before.actual if before else None, kept, tuple(held.values())))
    inserted = [asdict(label) for key, label in changed.items() if key not in known]
    updated = [asdict(label) for key, label in changed.items() if key in known]
    if inserted:
        connection.execute(sa.insert(LABELS), inserted)
    if updated:
        same = (LABELS.c.prediction == sa.bindparam("which")) & (
            LABELS.c.source == sa.bindparam("whose")
        )
        keys = {"prediction": "which", "source": "whose"}
        rows = [{keys.get(name, name): value for name, value in one.items()} for one in updated]
        connection.execute(sa.update(LABELS).where(same), rows)
    return puts


def _held(connection: sa.Connection, names: Sequence[str]) -> dict[str, dict[str, Label]]:
    """Return the labels of predictions, by prediction and source."""
    found: dict[str, dict[str, Label]] = {}
    for first in range(0, len(names), CHUNK):
        query = sa.select(LABELS).where(LABELS.c.prediction.in_(names[first : first + CHUNK]))
        for row in connection.execute(query).mappings():
            label = Label(**row)
            found.setdefault(label.prediction, {})[label.source] = label
    return found
