"""One line of the models page, wherever its numbers come from."""

from __future__ import annotations

from typing import Any, NamedTuple

from otelml.viewer.queries.feedback import Confusion, ModelKey, accuracy
from otelml.viewer.queries.window import NS_PER_MS, Window

FAILING, WATCH = 0.10, 0.02


class Measured(NamedTuple):
    """What a model did in a time range; latencies in milliseconds."""

    predictions: int
    errors: int
    rows: int
    p50: float | None
    p95: float | None
    p99: float | None
    confidence: float | None

    @property
    def error_ratio(self) -> float:
        """The share of predictions that failed; 0 where there were none."""
        return self.errors / self.predictions if self.predictions else 0.0

    @property
    def state(self) -> str:
        """The model's state, from its error ratio."""
        ratio = self.error_ratio
        return "failing" if ratio > FAILING else "watch" if ratio > WATCH else "ok"


def model_row(
    key: ModelKey,
    framework: str | None,
    source: str,
    measured: Measured,
    window: Window,
    confusion: Confusion,
    seen_ns: tuple[int | None, int | None],
) -> dict[str, Any]:
    """Return the line of a model.

    Args:
        key: Its name, version and variant.
        framework: What it is made with, where that is known.
        source: ``spans`` or ``metrics``: what its numbers come from.
        measured: Its numbers.
        window: The time range that they are of.
        confusion: The labels received for it.
        seen_ns: When it was seen first and last.
    """
    first, last = (None if each is None else each / NS_PER_MS for each in seen_ns)
    return {
        "name": key[0],
        "version": key[1] or None,
        "variant": key[2] or None,
        "framework": framework,
        "source": source,
        "state": measured.state,
        "rate": measured.predictions / (window.to_ms - window.from_ms) * 1000,
        "predictions": measured.predictions,
        "rows": measured.rows,
        "errors": measured.errors,
        "error_ratio": measured.error_ratio,
        "p50": measured.p50,
        "p95": measured.p95,
        "p99": measured.p99,
        "confidence": measured.confidence,
        "accuracy": accuracy(confusion),
        "feedback": sum(confusion.values()),
        "first_seen": first,
        "last_seen": last,
    }
