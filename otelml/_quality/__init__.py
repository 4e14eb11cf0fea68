"""Quality of labelled predictions, as metrics, and whether it is worse than at training."""

from __future__ import annotations

from otelml._quality.judgement import Judgement
from otelml._quality.observed import observe_quality
from otelml._quality.observed_verdicts import observe_verdicts
from otelml._quality.saved import Changes
from otelml._quality.verdicts import Verdicts
from otelml._quality.windows import QualityWindows

__all__ = [
    "Changes",
    "Judgement",
    "QualityWindows",
    "Verdicts",
    "observe_quality",
    "observe_verdicts",
]
