"""Whether a model should be retrained, and who is told."""

from __future__ import annotations

from otelml._retraining.decision import Decision
from otelml._retraining.history import Trigger
from otelml._retraining.observed import observe_retraining
from otelml._retraining.retraining import Retraining

__all__ = ["Decision", "Retraining", "Trigger", "observe_retraining"]
