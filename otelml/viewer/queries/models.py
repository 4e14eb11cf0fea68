"""The models page: every model version in a row."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from otelml import semconv
from otelml.viewer.queries.drift_now import drifted_features
from otelml.viewer.queries.feedback import Confusion, ModelKey, feedback
from otelml.viewer.queries.metric_models import unseen
from otelml.viewer.queries.model_row import Measured, model_row
from otelml.viewer.queries.quality_counts import errors_of_models, regression_of
from otelml.viewer.queries.rollup_sums import Sums, read, resolution_of
from otelml.viewer.queries.window import Slots, Window, window_of
from otelml.viewer.store import split

_SPARKLINE = 30
_MAX_MODELS = 500
_ORDER = {"failing": 0, "drifted": 1, "watch": 2, "ok": 3}


class Model(NamedTuple):
    """A row of the table ``models``."""

    id: int
    name: str
    version: str
    variant: str
    framework: str | None
    first_ns: int | None
    last_ns: int | None
    services: str | None

    @property
    def key(self) -> ModelKey:
        """Its name, version and variant."""
        return self.name, self.version, self.variant


def list_models(connection: sqlite3.Connection, params: Mapping[str, str]) -> dict[str, Any]:
    """Answer GET /api/models."""
    window = window_of(params, connection)
    slots = spark_slots(window)
    return {
        "from": window.from_ms,
        "to": window.to_ms,
        "step": slots.step_s * 1000.0,
        "models": listed(connection, window, None, params.get("service")),
    }


def spark_slots(window: Window) -> Slots:
    """Return the slots of a sparkline."""
    return window.slots(resolution_of(window), (window.to_ms - window.from_ms) / _SPARKLINE)


def listed(
    connection: sqlite3.Connection, window: Window, name: str | None, service: str | None
) -> list[dict[str, Any]]:
    """Return the rows of all models, or of one."""
    slots = spark_slots(window)
    models = [
        m for m in find_models(connection, name) if not service or service in split(m.services)
    ]
    labels = feedback(connection, window, slots, name)
    ids = [m.id for m in models]
    sums: dict[int, Sums] = {}
    sparks: dict[int, list[int]] = {}
    for row in read(connection, slots, resolution_of(window), ids, stage=False):
        sums.setdefault(row.model, Sums()).add(row)
        spark = sparks.setdefault(row.model, [0] * slots.count)
        spark[slots.index(row.bucket)] += row.count
    found: list[dict[str, Any]] = [
        summary(m, sums.get(m.id, Sums()), window, labels.get(m.key, Counter()))
        | {"sparkline": sparks.get(m.id, [0] * slots.count)}
        for m in models
    ]
    if not service:
        known = {m.key for m in models}
        found += unseen(connection, window, slots, name, known, labels)
    drifted = drifted_features(connection, window)
    errors = errors_of_models(connection, window, slots, name)
    for line in found:
        line["regression"] = regression_of(errors.get((line["name"], line["version"] or "")))
        mark_drift(line, drifted.get((line["name"], line["version"] or "")))
    found.sort(key=lambda r: (_ORDER[r["state"]], -r["predictions"], r["name"], r["version"] or ""))
    return found


def has_models(connection: sqlite3.Connection) -> bool:
    """Tell whether predictions are stored, as spans or as metrics: which page is the first."""
    row = connection.execute(
        "SELECT EXISTS(SELECT 1 FROM models) OR EXISTS(SELECT 1 FROM metrics WHERE name IN (?,?))",
        (semconv.ML_PREDICTION_DURATION.name, semconv.ML_PREDICTIONS.name),
    ).fetchone()
    return bool(row[0])


def mark_drift(row: dict[str, Any], drifted: int | None) -> None:
    """Write into a line how many features have drifted; None where nothing watches the model."""
    row["drifted"] = drifted
    if drifted and row["state"] != "failing":
        row["state"] = "drifted"


def find_models(connection: sqlite3.Connection, name: str | None = None) -> list[Model]:
    """Return the models that sent spans, the last seen first; those of one name where given."""
    rows = connection.execute(
        "SELECT id, name, version, variant, framework, first_ns, last_ns, services FROM models"
        " WHERE ?1 IS NULL OR name=?1 ORDER BY last_ns DESC LIMIT ?2",
        (name, _MAX_MODELS),
    )
    return [Model(*row) for row in rows]


def summary(model: Model, sums: Sums, window: Window, confusion: Confusion) -> dict[str, Any]:
    """Return the line of a model from its rollups."""
    measured = Measured(
        sums.count, sums.errors, sums.rows, *sums.latency_ms(), sums.median_confidence()
    )
    seen = (model.first_ns, model.last_ns)
    return model_row(model.key, model.framework, "spans", measured, window, confusion, seen)
