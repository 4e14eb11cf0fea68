"""Any JSON API, by paths that say where its bodies have features, label and confidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from otelml._proxy.fields import Outcome, column_rows, rows_of
from otelml._proxy.paths import Path, find, parse

__all__ = ["Template"]


@dataclass(frozen=True)
class Template:
    """Where a JSON API's bodies say what.

    Args:
        features_at: In requests: a row as a mapping, rows, or columns as a mapping of lists.
        label_at: In answers: a class, or one a row.
        value_at: In answers: a number of a regression, or one a row.
        confidence_at: In answers: 0 to 1, or one a row.
    """

    features_at: Path | None = None
    label_at: Path | None = None
    value_at: Path | None = None
    confidence_at: Path | None = None

    @classmethod
    def of(
        cls,
        features: str | None = None,
        label: str | None = None,
        value: str | None = None,
        confidence: str | None = None,
    ) -> Template | None:
        """Return the template of some paths; None without any.

        Raises:
            ConfigurationError: One is no path.
        """
        given = {"features": features, "label": label, "value": value, "confidence": confidence}
        if all(text is None for text in given.values()):
            return None
        parsed = {
            f"{name}_at": parse(f"--{name}", text)
            for name, text in given.items()
            if text is not None
        }
        return cls(**parsed)

    def features(self, body: Any) -> Any:
        """Return the features in the JSON of a request; None where there are none."""
        if self.features_at is None:
            return None
        found = find(self.features_at, body)
        return column_rows(found) if isinstance(found, dict) else _rows(found)

    def outcome(self, body: Any) -> Outcome:
        """Return what the JSON of an answer says."""
        label, value, confidence = (
            None if path is None else find(path, body)
            for path in (self.label_at, self.value_at, self.confidence_at)
        )
        return Outcome(label, value, confidence)


def _rows(found: Any) -> Any:
    is_row = isinstance(found, list) and not any(isinstance(cell, (list, dict)) for cell in found)
    return rows_of([found]) if is_row and found else rows_of(found)
