"""Of which predictions labels came, and how soon: coverage, its words, maturity, lag."""

from __future__ import annotations

import sqlite3
from typing import Any

from otelml import semconv
from otelml import semconv_quality as names
from otelml.viewer.queries.drift_series import series_of
from otelml.viewer.queries.points import histogram_rows
from otelml.viewer.queries.quality_series import QualityReader
from otelml.viewer.queries.quantiles import add_to, bucket_quantile
from otelml.viewer.queries.window import Slots, Window

# A label of which this share at most has labels is as good as missing, beside one of the other.
_HARDLY, _WELL = 0.05, 0.25
_MAX_LABELS, _MAX_NAMED, _FEW = 50, 5, 2
_AGES = {"1m": 60, "1h": 3600, "1d": 86_400, "7d": 604_800, "30d": 2_592_000}


def coverage(reader: QualityReader) -> dict[str, Any] | None:
    """Return the labelled share by predicted label and confidence band; None where unknown."""
    cells: dict[str, dict[str, float]] = {}
    for each in reader.streams(names.ML_LABEL_COVERAGE):
        if each.now is not None:
            label = each.labels.get(semconv.ML_LABEL_PREDICTED, "")
            band = each.labels.get(names.ML_CONFIDENCE_BAND, "")
            cells.setdefault(label, {})[band] = each.now
    if not cells:
        return None
    bands = sorted({band for row in cells.values() for band in row}, key=_band_start)
    labels = sorted(cells)
    return {
        "bands": bands,
        "rows": [
            {"predicted": label, "shares": [cells[label].get(band) for band in bands]}
            for label in labels[:_MAX_LABELS]
        ],
        "rows_left_out": max(0, len(labels) - _MAX_LABELS),
        "flag": flag(cells),
    }


def _band_start(band: str) -> float:
    try:
        return float(band.split("-", maxsplit=1)[0])
    except ValueError:
        return -1.0


def flag(cells: dict[str, dict[str, float]]) -> str | None:
    """Return in words of which predictions a measure of the labelled is not; None if of all.

    Args:
        cells: The labelled share by predicted label and confidence band.

    >>> flag({"approved": {"": 0.4}, "rejected": {"": 0.0}})
    'Of predictions “approved” only: no “rejected” has a label.'
    """
    most = {label: max(row.values()) for label, row in cells.items()}
    best = max(most.values())
    missing = [label for label in sorted(most) if most[label] == 0]
    scarce = [label for label in sorted(most) if 0 < most[label] <= _HARDLY and best >= _WELL]
    rest = [label for label in sorted(most) if label not in {*missing, *scarce}]
    if not rest:
        return "No prediction has a label yet." if best == 0 else None
    if missing and not scarce and len(rest) > _FEW:
        return f"Not of predictions {_named(missing)}: none of them has a label."
    if missing and not scarce:
        return f"Of predictions {_named(rest)} only: no {_named(missing)} has a label."
    if missing or scarce:
        return f"Nearly only of predictions {_named(rest)}: hardly any {_named(missing + scarce)} has a label."  # noqa: E501 - one sentence
    gaps = [
        f"{_named([label])} at confidence {band.replace('-', ' to ')}"
        for label in rest
        for band, share in sorted(cells[label].items())
        if share == 0 and band
    ]
    if not gaps:
        return None
    more = f" and {len(gaps) - _MAX_NAMED} more" if len(gaps) > _MAX_NAMED else ""
    return f"Not of all predictions: none has a label of {', '.join(gaps[:_MAX_NAMED])}{more}."


def _named(labels: list[str]) -> str:
    shown = ", ".join(f"“{label}”" for label in labels[:_MAX_NAMED])
    more = len(labels) - _MAX_NAMED
    return f"{shown} and {more} more" if more > 0 else shown


def maturity(reader: QualityReader) -> list[dict[str, Any]]:
    """Return the share of labels that comes by each age, the youngest first."""
    found = [
        {"age": age, "seconds": _AGES[age], "share": each.now}
        for each in reader.streams(names.ML_LABEL_MATURITY)
        if each.now is not None and (age := each.labels.get(names.ML_LABEL_AGE, "")) in _AGES
    ]
    return sorted(found, key=lambda each: float(each["seconds"]))


def lag(
    connection: sqlite3.Connection, window: Window, slots: Slots, name: str, version: str | None
) -> dict[str, Any] | None:
    """Return the median and 95th percentile of the time to a label, in ms; None without any."""
    edges: dict[tuple[float, float], float] = {}
    for each in series_of(
        connection, semconv.ML_FEEDBACK_DELAY, name, version, None, window.from_ns
    ):
        for _, buckets in histogram_rows(connection, each.id, window, slots):
            add_to(edges, buckets)
    # No label comes before its prediction: the first bucket begins at 0.
    buckets_of = [(max(0.0, low), high, n) for (low, high), n in edges.items()]
    median, late = (bucket_quantile(buckets_of, q) for q in (0.5, 0.95))
    if median is None or late is None:
        return None
    return {"p50": median * 1000, "p95": late * 1000, "labels": round(sum(edges.values()))}
