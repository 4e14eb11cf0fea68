"""The predictions of one model, all or those of one kind: slow, failed, wrong and so on."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from otelml.viewer.queries.drift_spells import MAX_SPELLS, drift_spells
from otelml.viewer.queries.labelled import WRONG
from otelml.viewer.queries.rollup_sums import Sums, read, resolution_of
from otelml.viewer.queries.window import (
    NS_PER_MS,
    BadParameterError,
    Window,
    count_capped,
    limit_of,
    window_of,
)

LOW_CONFIDENCE = 0.6
_FILTERS = {
    "": ("1", "start_ns DESC"),
    "slow": ("predictions.duration_ns>=?", "duration_ns DESC"),
    "failed": ("error=1", "start_ns DESC"),
    "low_confidence": ("predictions.confidence<?", "confidence"),
    "wrong": (WRONG, "start_ns DESC"),
    "unlabelled": ("error=0 AND actual IS NULL", "start_ns DESC"),
    "drifted": ("", "start_ns DESC"),
}
_FROM = (
    " FROM predictions JOIN traces ON traces.id=trace"
    " LEFT JOIN feedback ON feedback.trace_id=traces.trace_id"
    " AND feedback.span_id=predictions.span_id"
)


def list_predictions(connection: sqlite3.Connection, params: Mapping[str, str]) -> dict[str, Any]:
    """Answer GET /api/models/{name}/predictions."""
    chosen = params.get("filter") or ""
    if chosen not in _FILTERS:
        raise BadParameterError(f"filter must be one of {', '.join(filter(None, _FILTERS))}")
    window = window_of(params, connection)
    models = {
        row[0]: row[1:]
        for row in connection.execute(
            "SELECT id, name, version, variant FROM models WHERE name=? ORDER BY id",
            (params["name"],),
        )
        if params.get("version") in {None, "", row[2]}
        and params.get("variant") in {None, "", row[3]}
    }
    threshold = _threshold(connection, window, list(models), chosen)
    clause, order = _FILTERS[chosen]
    spells: list[tuple[int, int]] = []
    if chosen == "drifted":
        spells = drift_spells(connection, window, params["name"], params.get("version") or None)
        within = "predictions.start_ns>=? AND predictions.start_ns<?"
        clause = " OR ".join([f"({within})"] * len(spells)) or "0"
    marks = ",".join("?" * len(models))
    where = (
        f" WHERE model IN ({marks}) AND predictions.start_ns>=? AND predictions.start_ns<?"
        f" AND ({clause})"
    )
    args: list[Any] = [*models, window.from_ns, window.to_ns]
    args += [end for spell in spells for end in spell]
    if chosen in {"slow", "low_confidence"}:
        args.append((threshold or 0.0) * (NS_PER_MS if chosen == "slow" else 1))
    if params.get("label"):
        where += " AND label=?"
        args.append(params["label"])
    rows = connection.execute(
        "SELECT model, predictions.start_ns, traces.trace_id, predictions.span_id, label, value,"
        " predictions.confidence, predictions.duration_ns, error, error_type, rows, token, actual"
        f"{_FROM}{where} ORDER BY predictions.{order} LIMIT ?",
        [*args, limit_of(params)],
    )
    return {
        "predictions": [_prediction(row, models[row[0]]) for row in rows],
        **count_capped(connection, f"SELECT 1{_FROM}{where}", args),
        "threshold": threshold,
        "spells_left_out": len(spells) == MAX_SPELLS,
    }


def _threshold(
    connection: sqlite3.Connection, window: Window, models: list[int], chosen: str
) -> float | None:
    if chosen == "low_confidence":
        return LOW_CONFIDENCE
    if chosen != "slow":
        return None
    resolution = resolution_of(window)
    total = Sums()
    for row in read(connection, window.slots(resolution), resolution, models, stage=False):
        total.add(row)
    return total.latency_ms()[1]


def _prediction(row: tuple[Any, ...], model: tuple[str, str, str]) -> dict[str, Any]:
    return {
        "time": row[1] / NS_PER_MS,
        "trace_id": row[2].hex(),
        "span_id": row[3].hex(),
        "model": model[0],
        "version": model[1] or None,
        "variant": model[2] or None,
        "label": row[4],
        "value": row[5],
        "confidence": row[6],
        "duration": row[7] / NS_PER_MS,
        "error": bool(row[8]),
        "error_type": row[9],
        "rows": row[10],
        "id": row[11],
        "actual": row[12],
    }
