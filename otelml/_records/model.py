"""A model as telemetry names it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ModelInfo:
    """A model as telemetry names it.

    Args:
        name: ``ml.model.name``.
        version: ``ml.model.version``; empty where unknown.
        framework: Such as ``scikit-learn``; empty where unknown.
        task: ``classification`` or ``regression``; empty where unknown.
        feature_names: Names of its features.
        classes: Labels in the order of its probability columns.
        decision: How its labels come from its probabilities: None where the largest wins; a
            function of the model and a matrix (rows, classes) that returns one column a row, or
            why it cannot; or only that reason.
    """

    name: str
    version: str = ""
    framework: str = ""
    task: str = ""
    feature_names: tuple[str, ...] | None = None
    classes: tuple[Any, ...] | None = None
    decision: Any = None
