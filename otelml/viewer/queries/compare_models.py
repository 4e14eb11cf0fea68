"""Two versions of a model side by side: what one did differently from the other."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from otelml import semconv
from otelml.viewer.queries.differences import difference, quantile, share, widened, z_of
from otelml.viewer.queries.drift import get_drift
from otelml.viewer.queries.model_side import Side, model_side, versions_of
from otelml.viewer.queries.models import listed
from otelml.viewer.queries.rollup_sums import Sums, resolution_of
from otelml.viewer.queries.window import NotFoundError, Window, window_of
from otelml.viewer.store import CONFIDENCE_EDGES, EDGES_MS, MAX_LABELS

_LATENCY = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_STAGE_LATENCY = {"stage p50": 0.5, "stage p95": 0.95}
_MAX_FEATURES = 50

Line = dict[str, Any]


def compare_models(connection: sqlite3.Connection, params: Mapping[str, str]) -> dict[str, Any]:
    """Answer GET /api/compare/models/{name}: the its versions ``a`` and ``b``.

    Where they are left out, they are the last two.

    Raises:
        BadParameterError: The time range cannot be used.
        NotFoundError: There is no such model or version.
    """
    name = params["name"]
    window = window_of(params, connection)
    versions = versions_of(listed(connection, window, name, None))
    if not versions:
        raise NotFoundError(f"no model {name!r} is known")
    head = {"name": name, "from": window.from_ms, "to": window.to_ms, "versions": versions}
    chosen = _chosen(versions, params)
    if chosen is None:
        return head | {"a": None, "b": None}
    resolution = resolution_of(window)
    slots = window.slots(resolution)
    a, b = (model_side(connection, window, slots, resolution, name, each) for each in chosen)
    by_version = {each["version"]: each for each in versions}
    return {
        **head,
        "a": by_version[a.version],
        "b": by_version[b.version],
        "measures": [_traffic(by_version[a.version], by_version[b.version]), *_measures(a, b)],
        "step": slots.step_s * 1000.0,
        "time": slots.times_ms(),
        "over_time": {"a": a.over_time(), "b": b.over_time()},
        "confidence": {
            "edges": [round(float(edge), 2) for edge in CONFIDENCE_EDGES],
            "a": a.total.confidence.tolist(),
            "b": b.total.confidence.tolist(),
        },
        "drift": _drift(connection, window, name, chosen),
    }


def _chosen(versions: list[dict[str, Any]], params: Mapping[str, str]) -> tuple[str, str] | None:
    known = [each["version"] for each in versions]
    for side in ("a", "b"):
        if params.get(side) and params[side] not in known:
            raise NotFoundError(f"{params['name']} has no version {params[side]!r}")
    b = params.get("b") or known[-1]
    others = [each for each in known if each != b]
    a = params.get("a") or (others[-1] if others else None)
    return None if a is None else (a, b)


def _traffic(a: dict[str, Any], b: dict[str, Any]) -> Line:
    """Return how often each was asked, which says nothing of the model itself."""
    counts = {"count_a": a["predictions"], "count_b": b["predictions"]}
    ends = {"lower": None, "upper": None, "certain": False}
    line = {"measure": "traffic", "subject": None, "unit": "rate", "a": a["rate"], "b": b["rate"]}
    return {**line, "difference": b["rate"] - a["rate"], **counts, **ends}


def _measures(a: Side, b: Side) -> list[Line]:
    """Return every number of both sides; all the comparisons together err in one of twenty."""
    z = z_of(len(_lines(a, b, 1.0)))
    return _lines(a, b, z)


def _lines(a: Side, b: Side, z: float) -> list[Line]:
    found = [*_shares(a, b, z), *_quantiles(a, b, z), *_quality(a, b, z)]
    return [line for line in found if line is not None]


def _shares(a: Side, b: Side, z: float) -> Iterator[Line | None]:
    sides = (a, b)
    yield difference("errors", "ratio", [share(s.total.errors, s.total.count, z) for s in sides])
    for kind in _most(a.errors + b.errors):
        found = [share(s.errors[kind], s.total.count, z) for s in sides]
        yield difference("error type", "ratio", found, kind or "other")
    for label in _most(a.total.labels + b.total.labels):
        found = [share(s.total.labels[label], s.total.labels.total(), z) for s in sides]
        yield difference("label", "ratio", found, label)


def _most(counts: Counter[str]) -> list[str]:
    return [key for key, _ in counts.most_common(MAX_LABELS)]


def _quantiles(a: Side, b: Side, z: float) -> Iterator[Line | None]:
    sides = (a, b)
    for name, q in _LATENCY.items():
        found = [quantile(EDGES_MS, s.total.latency, q, z) for s in sides]
        yield difference(name, "ms", found)
    for stage in _stages(a, b):
        sums = [s.stages.get(stage) or Sums() for s in sides]
        for name, q in _STAGE_LATENCY.items():
            found = [quantile(EDGES_MS, one.latency, q, z) for one in sums]
            yield difference(name, "ms", found, stage)
    found = [quantile(CONFIDENCE_EDGES, s.total.confidence, 0.5, z) for s in sides]
    yield difference("confidence", "score", found)


def _quality(a: Side, b: Side, z: float) -> Iterator[Line | None]:
    yield difference("accuracy", "ratio", [share(*s.labelled, z) for s in (a, b)])
    for key in sorted({*a.quality, *b.quality}):
        known = [s.quality.get(key) for s in (a, b)]
        found = [None if each is None else widened(*each, z) for each in known]
        yield difference("quality", "score", found, " ".join(filter(None, key)))


def _stages(a: Side, b: Side) -> list[str]:
    standard = {stage: rank for rank, stage in enumerate(semconv.STAGES)}
    return sorted({*a.stages, *b.stages}, key=lambda s: (standard.get(s, len(standard)), s))


def _drift(
    connection: sqlite3.Connection, window: Window, name: str, chosen: tuple[str, str]
) -> dict[str, Any]:
    """Return how both versions stand with their reference, by feature."""
    found: dict[str, Any] = {}
    features: dict[str, dict[str, Any]] = {}
    ends = {"from": str(window.from_ms), "to": str(window.to_ms)}
    for side, version in zip(("a", "b"), chosen, strict=True):
        drift = get_drift(connection, {"name": name, "version": version, **ends})
        found[side] = {"status": drift["status"], "drifted": drift["drifted"]}
        for each in drift["features"]:
            known = [value for value in each["relative"] if value is not None]
            features.setdefault(each["name"], {"name": each["name"], "a": None, "b": None})[
                side
            ] = {
                "detected": each["detected"],
                "evidence": known[-1] if known else None,
                "statistics": each["statistics"],
            }
    ranked = sorted(features.values(), key=_apart)
    return {**found, "features": ranked[:_MAX_FEATURES], "left_out": len(ranked[_MAX_FEATURES:])}


def _apart(feature: dict[str, Any]) -> tuple[bool, float, str]:
    sides = [feature[side] or {"detected": False, "evidence": 0.0} for side in ("a", "b")]
    gap = abs((sides[1]["evidence"] or 0.0) - (sides[0]["evidence"] or 0.0))
    return sides[0]["detected"] == sides[1]["detected"], -gap, feature["name"]
