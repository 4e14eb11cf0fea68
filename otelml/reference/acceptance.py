"""A new normal: rows that someone accepts as what serving looks like from now on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from otelml.exceptions import InvalidReferenceError
from otelml.reference.columns import read_column
from otelml.reference.feature import Feature
from otelml.reference.frames import read_frame
from otelml.reference.learned import Learned, thinned
from otelml.reference.margins import margin_at, margins_cover

_AT_LEAST = 50


def accepted(
    features: Mapping[str, Feature],
    known: Mapping[str, Learned],
    rows: Any,
    *,
    names: Sequence[str] | None = None,
    who: str = "",
    why: str = "",
) -> dict[str, Learned]:
    """Return the columns of a table as the new normal of features, for ``Reference.keep``.

    The margin beyond their error stays the one that is known.

    Args:
        features: Those of the reference.
        known: What was learned of them.
        rows: The table; columns that are no features are left out.
        names: Which features; unsaid, all that the table has.
        who: Who accepts.
        why: Why.

    Raises:
        InvalidReferenceError: A feature is not there, of another kind, or has few values.
    """
    columns = read_frame(rows)
    chosen = [name for name in features if name in columns] if names is None else list(names)
    if not chosen:
        raise InvalidReferenceError("the rows have no column of the reference")
    now = dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds")
    found: dict[str, Learned] = {}
    for name in chosen:
        if name not in features or name not in columns:
            raise InvalidReferenceError(f"no such column: {name}")
        normal = _normal(features[name], columns[name])
        margin = _margin(features[name], known.get(name), normal.usable)
        found[name] = Learned(
            {normal.usable: margin}, "accepted", 1, now, normal=normal, who=who, why=why
        )
    return found


def _normal(feature: Feature, values: Any) -> Feature:
    column = read_column(values, categorical=feature.kind == "categorical" or None)
    if column.kind != feature.kind:
        raise InvalidReferenceError(
            f"{feature.name} is {feature.kind} in the reference, {column.kind} in the rows"
        )
    if column.usable < _AT_LEAST:
        raise InvalidReferenceError(
            f"{feature.name} has {column.usable} usable values, not {_AT_LEAST}"
        )
    return thinned(Feature.of(feature.name, column, feature.bins))


def _margin(feature: Feature, known: Learned | None, rows: int) -> float:
    if known is not None:
        return known.margin(rows)
    covered = not feature.discrete and margins_cover(feature.margins, rows, feature.usable)
    return margin_at(feature.margins, rows) if covered else 0.0
