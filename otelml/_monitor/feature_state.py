"""What the monitor remembers of one feature: baseline, evidence, what it is learning, skew."""

from __future__ import annotations

import math
from dataclasses import dataclass

from otelml._monitor.baseline import Baseline, Seen
from otelml._monitor.learning import Learning
from otelml.drift import AlarmBudget, Evidence, FeatureDrift
from otelml.drift.evidence import Event
from otelml.reference import Feature, Sample
from otelml.reference.columns import Floats
from otelml.reference.sample import Counts

_SKEW_WINDOWS = 3
_SKEW_P = 0.01


@dataclass(frozen=True)
class Rules:
    """What decides an alarm.

    Args:
        budget: The alarm budget of the model.
        clear_after: Quiet windows until an alarm clears.
        by_thresholds: Whether the classic thresholds decide.
        learns: Whether margins are learned that the reference does not give.
    """

    budget: AlarmBudget
    clear_after: int
    by_thresholds: bool
    learns: bool


class FeatureState:
    """One feature of one model version.

    Args:
        feature: The reference's.
        rules: What decides an alarm.
    """

    def __init__(self, feature: Feature, rules: Rules) -> None:
        self.feature = feature
        self._rules = rules
        self.baseline = Baseline.of(feature)
        self.evidence = Evidence(rules.budget, rules.clear_after)
        self.learning: Learning | None = None
        if rules.learns and not rules.by_thresholds and not self.baseline.knows_its_margin:
            self.learning = Learning(self.baseline)
        self.p_value = math.nan
        self.smallest_shift = math.nan
        self.skewed = False
        self._tested = 0
        self._skew_left = _SKEW_WINDOWS
        self._quiet = 0
        self._last: tuple[Floats, Counts] | None = None

    @property
    def alarmed(self) -> bool:
        """Whether there is an alarm now."""
        return self.evidence.alarmed

    def add(self, drift: FeatureDrift, values: Floats, counts: Counts) -> Event:
        """Take in a window that can be tested.

        Args:
            drift: Every statistic beside the reference.
            values: Kept values in the order of time; of levels, the number of the bin.
            counts: Rows in each bin.

        Returns:
            What it brings: ``alarm``, ``clear`` or nothing.
        """
        seen = self.look(values, counts)
        self._last = (values, counts)
        self._find_skew(drift)
        if self._rules.by_thresholds:
            return self._by_thresholds(drift.severity == "high")
        if self.learning is not None:
            # No alarm: a swing of the day cannot be told from a change yet. Severities speak.
            self.learning.add(values, counts, seen)
            return ""
        return self.evidence.add(self.p_value)

    def look(self, values: Floats, counts: Counts) -> Seen:
        """Test a window without taking it in."""
        seen = self.baseline.look(values, counts)
        self.p_value = self.baseline.p_value(seen)
        self.smallest_shift = self.baseline.smallest_shift(seen, self._rules.budget.constant_alpha)
        return seen

    def _find_skew(self, drift: FeatureDrift) -> None:
        if not self._skew_left:
            return
        differs = drift.severity != "none" and self.p_value < _SKEW_P
        self._skew_left = self._skew_left - 1 if differs else 0
        self.skewed = differs and not self._skew_left

    def _by_thresholds(self, is_high: bool) -> Event:
        if self.alarmed:
            self._quiet = 0 if is_high else self._quiet + 1
            if self._quiet < self._rules.clear_after:
                return ""
            self.evidence.alarmed, self._quiet = False, 0
            return "clear"
        if not is_high:
            return ""
        self.evidence.alarmed, self._quiet = True, 0
        return "alarm"

    def end_learning(self) -> bool:
        """Test by the budget from now on; return whether serving was found to be skewed."""
        if self.learning is None:
            return False
        self.baseline, differs = self.learning.learned()
        self.learning = None
        newly = differs and not self.skewed
        self.skewed = self.skewed or differs
        self.evidence.value, self.evidence.quiet = 0.0, 0
        return newly

    def accept(self) -> bool:
        """Make the last window the baseline; return whether there was one."""
        if self._last is None:
            return False
        values, counts = self._last
        sample = None if self.baseline.sample is None else Sample.of(values)
        self.baseline = Baseline(self.feature, sample, counts, self.baseline.excess)
        self.evidence = Evidence(self._rules.budget, self._rules.clear_after)
        self.learning, self.skewed, self._skew_left = None, False, 0
        return True
