"""Whether a model should be trained anew, and why."""

from __future__ import annotations

import sqlite3
from typing import Any

from otelml import semconv_quality as names
from otelml.viewer.queries.drift_series import DriftSeries, last_by_slot, newest, series_of
from otelml.viewer.queries.points import is_coarse
from otelml.viewer.queries.quality_series import QualityReader
from otelml.viewer.queries.window import NS_PER_MS

_RECOMMENDED = 0.5


def retraining(reader: QualityReader) -> dict[str, Any] | None:
    """Return the verdict with its reasons, those that hold first; None where nothing decides."""
    series = series_of(
        reader.connection,
        names.ML_RETRAINING_RECOMMENDED,
        reader.name,
        reader.version,
        None,
        reader.window.from_ns,
    )
    slotted = last_by_slot(reader.connection, series, reader.window, reader.slots)
    lasts = {one: by_slot[max(by_slot)] for one, by_slot in slotted.items()}
    present = newest(lasts, reader.slots.step_s, coarse=is_coarse(reader.slots))
    found: dict[str, dict[str, Any]] = {}
    for each in series:
        if each.id not in present:
            continue
        reason = each.labels.get(names.ML_RETRAINING_REASON, "")
        holds = present[each.id] >= _RECOMMENDED
        since = _since_ms(reader.connection, each, reader.window.to_ns) if holds else None
        line = found.setdefault(reason, {"reason": reason, "holds": False, "since": None})
        line["holds"] = line["holds"] or holds
        times = [at for at in (line["since"], since) if at is not None]
        line["since"] = min(times, default=None)
    if not found:
        return None
    reasons = sorted(found.values(), key=lambda each: (not each["holds"], each["reason"]))
    return {"recommended": any(each["holds"] for each in reasons), "reasons": reasons}


def _since_ms(connection: sqlite3.Connection, series: DriftSeries, to_ns: int) -> float | None:
    """Return when a flag that is 1 now became so; of what is stored."""
    (quiet_ns,) = connection.execute(
        "SELECT max(time_ns) FROM points WHERE series=? AND time_ns<? AND value<?",
        (series.id, to_ns, _RECOMMENDED),
    ).fetchone()
    (first_ns,) = connection.execute(
        "SELECT min(time_ns) FROM points WHERE series=? AND time_ns>? AND time_ns<?",
        (series.id, quiet_ns or 0, to_ns),
    ).fetchone()
    return None if first_ns is None else float(first_ns) / NS_PER_MS
