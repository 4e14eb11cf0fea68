"""What the service costs: money by the hour, from a configured rate or from a cloud's bill."""

from __future__ import annotations

from otelml._cost.costs import Costs, check

__all__ = ["Costs", "check"]
