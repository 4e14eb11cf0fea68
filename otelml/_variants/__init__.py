"""Models beside the champion: a shadow on the same rows, and who gets which variant."""

from __future__ import annotations

from otelml._variants.observed import observe_shadows
from otelml._variants.registry import shadow, shadows_after_fork, wait_for_shadows
from otelml._variants.shadow import Shadow, ShadowSummary
from otelml._variants.split import split

__all__ = [
    "Shadow",
    "ShadowSummary",
    "observe_shadows",
    "shadow",
    "shadows_after_fork",
    "split",
    "wait_for_shadows",
]
