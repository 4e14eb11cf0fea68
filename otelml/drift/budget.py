"""The alarm budget: the expected time between false alarms of a whole model."""

from __future__ import annotations

from dataclasses import dataclass

from otelml.exceptions import ConfigurationError


@dataclass(frozen=True)
class AlarmBudget:
    """One false alarm of a model in so many windows, shared by its features.

    Args:
        features: How many features the model has; predictions and the multivariate check count.
        windows: Expected windows between false alarms where nothing changed.

    Raises:
        ConfigurationError: One of them is not positive.

    >>> budget = AlarmBudget(features=30, windows=1000)
    >>> budget.evidence_threshold, budget.constant_alpha
    (30000.0, 1.6666666666666667e-05)
    """

    features: int
    windows: float

    def __post_init__(self) -> None:
        if self.features < 1 or not self.windows > 0:
            raise ConfigurationError("an alarm budget needs a feature and a positive time")

    @classmethod
    def every(cls, false_alarm_every_s: float, window_s: float, features: int) -> AlarmBudget:
        """Return the budget of one false alarm in so many seconds.

        Args:
            false_alarm_every_s: Seconds between false alarms.
            window_s: Seconds of a window.
            features: How many features the model has.
        """
        return cls(features, max(1.0, false_alarm_every_s / window_s))

    @property
    def evidence_threshold(self) -> float:
        """The evidence of one feature at which it alarms: features times windows."""
        return float(self.features * self.windows)

    @property
    def constant_alpha(self) -> float:
        """The p-value of one window below which a feature alarms at once."""
        return 1 / (2 * self.features * self.windows)
