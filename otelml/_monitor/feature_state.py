"""What the monitor remembers of one feature: its rule, evidence, what it is learning, skew."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timezone

from otelml._monitor.learning import AT_LEAST, Learning
from otelml.drift import (
    AlarmBudget,
    Evidence,
    FeatureDrift,
    FeatureRule,
    LearnedMargin,
    Observed,
)
from otelml.drift.evidence import Event
from otelml.reference import Column, Feature, Learned, thinned

_NO_END = 1 << 62  # the monitor says when enough is learned
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
        window_rows: Rows that a window has at least.
    """

    budget: AlarmBudget
    clear_after: int
    by_thresholds: bool
    learns: bool
    window_rows: int


class FeatureState:
    """One feature of one model version.

    Args:
        feature: The reference's.
        rules: What decides an alarm.
        known: What was learned before, and kept with the reference.
    """

    def __init__(self, feature: Feature, rules: Rules, known: Learned | None = None) -> None:
        self.feature = feature
        self._rules = rules
        self.evidence = Evidence(rules.budget, rules.clear_after)
        learns = rules.learns and not rules.by_thresholds
        until = _NO_END if learns else 0
        # Whether there are enough values is for the check to say.
        self.rule = FeatureRule(
            feature, rules.budget.features, 1, LearnedMargin(until), LearnedMargin(until)
        )
        self._gathered = Learning(feature) if learns else None
        self.learned: Learned | None = None
        self.p_value = math.nan
        self.smallest_shift = math.nan
        self.skewed = False
        self._skew_left = _SKEW_WINDOWS
        self._quiet = 0
        self._last: Column | None = None
        if known is not None and known.covers(rules.window_rows):
            self._begin_with(known)

    def _begin_with(self, known: Learned) -> None:
        """Learn no more: a restart does not change what serving looks like."""
        normal = self.feature
        if known.normal is not None and known.normal.kind == normal.kind:
            normal = known.normal
        self.rule = self.rule.rebased(normal, known.margin(self._rules.window_rows))
        self._gathered = None
        self.skewed, self._skew_left = known.skewed, 0 if known.skewed else _SKEW_WINDOWS

    @property
    def alarmed(self) -> bool:
        """Whether there is an alarm now."""
        return self.evidence.alarmed

    @property
    def learning(self) -> bool:
        """Whether the last window was only learned from."""
        return self.rule.learning

    def add(self, drift: FeatureDrift, column: Column) -> Event:
        """Take in a window that can be tested.

        Args:
            drift: Every statistic beside the reference.
            column: Kept values in the order of time.

        Returns:
            What it brings: ``alarm``, ``clear`` or nothing.
        """
        seen = self.rule.observe(column)
        self._show(seen)
        self._last = column
        self._find_skew(drift)
        if self._rules.by_thresholds:
            return self._by_thresholds(drift.severity == "high")
        if self.rule.learning and self._gathered is not None:
            # No alarm: a swing of the day cannot be told from a change yet. Severities speak.
            self._gathered.add(column, seen, self.rule)
            return ""
        return self.evidence.add(self.p_value)

    def revisit(self, drift: FeatureDrift, column: Column) -> Event:
        """Look at a window that shares rows with an earlier one, so that it is no evidence.

        Args:
            drift: Every statistic beside the reference.
            column: Kept values in the order of time.

        Returns:
            What it brings where thresholds decide.
        """
        self.look(column)
        self._last = column
        return self._by_thresholds(drift.severity == "high") if self._rules.by_thresholds else ""

    def look(self, column: Column) -> None:
        """Test a window without taking it in."""
        self._show(self.rule.peek(column))

    def _show(self, seen: Observed) -> None:
        if math.isnan(seen.excess):  # while it is learned: as if there were no pattern
            seen = seen._replace(excess=0.0)
        budget = self._rules.budget
        self.p_value = seen.p_value(budget.features)
        self.smallest_shift = seen.smallest_shift(budget.features, budget.constant_alpha)

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

    def end_learning(self, now_s: float) -> bool:
        """Test by the budget from now on; return whether serving was found to be skewed.

        Args:
            now_s: The time, seconds since 1970.
        """
        if self._gathered is None or not self.learning or self._gathered.windows < AT_LEAST:
            return False
        gathered, self._gathered = self._gathered, None
        self.rule, differs = gathered.learned(self.rule)
        newly = differs and not self.skewed
        self.skewed = self.skewed or differs
        self.learned = Learned(
            {gathered.least_rows: self.rule.learned.excess},
            windows=gathered.windows,
            at=_time(now_s),
            skewed=self.skewed,
            normal=thinned(self.rule.feature) if differs else None,
        )
        self.evidence.value, self.evidence.quiet = 0.0, 0
        return newly

    def accept(self, now_s: float, who: str = "", why: str = "") -> bool:
        """Make the last window the normal; return whether there was one.

        Args:
            now_s: The time, seconds since 1970.
            who: Who accepts.
            why: Why.
        """
        if self._last is None:
            return False
        rows = self._last.usable
        excess = self.rule.known_excess(rows)
        normal = Feature.of(self.feature.name, self._last)
        self.rule = self.rule.rebased(normal, excess)
        self.learned = Learned(
            {rows: excess}, "accepted", 1, _time(now_s), normal=thinned(normal), who=who, why=why
        )
        self.rule.learning = False
        self.evidence = Evidence(self._rules.budget, self._rules.clear_after)
        self._gathered, self.skewed, self._skew_left = None, False, 0
        return True


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="seconds")
