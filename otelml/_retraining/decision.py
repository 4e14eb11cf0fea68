"""The decision: which conditions hold of a model version, and which rules follow."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from otelml import semconv
from otelml._monitor import Report
from otelml._quality import Judgement
from otelml._retraining_options import RetrainingOptions, conditions_of

_DAY_S: Final = 86_400.0
_SHOWN: Final = 5
_NO_COLUMNS: Final = frozenset(
    (semconv.FEATURE_PREDICTION, semconv.FEATURE_CONFIDENCE, semconv.FEATURE_MULTIVARIATE)
)


@dataclass(frozen=True)
class Facts:
    """What is known of a model version.

    Args:
        model: The model.
        version: Its version.
        report: The last drift check; None where there was none.
        judgement: The last window of complete labels; None where there was none.
        age_s: Seconds since training; None where that is not known.
    """

    model: str
    version: str
    report: Report | None
    judgement: Judgement | None
    age_s: float | None


@dataclass(frozen=True)
class Condition:
    """One condition.

    Args:
        name: Its name, as rules have it.
        holds: Whether it holds; what is not known does not.
        text: What was found, in words.
        value: What was found, where it is a number.
    """

    name: str
    holds: bool
    text: str
    value: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as what JSON can hold."""
        return {"name": self.name, "holds": self.holds, "text": self.text, "value": self.value}


@dataclass(frozen=True)
class Decision:
    """Whether a model version should be retrained.

    Args:
        model: The model.
        version: Its version.
        rules: Each rule, and whether all of its conditions hold.
        conditions: Each condition.
        age_s: Seconds since training; None where that is not known.
    """

    model: str
    version: str
    rules: dict[str, bool]
    conditions: dict[str, Condition]
    age_s: float | None = None

    @property
    def recommended(self) -> bool:
        """Whether any rule says so."""
        return any(self.rules.values())

    @property
    def reasons(self) -> tuple[str, ...]:
        """What holds of the rules that say so, in words."""
        held = [rule for rule, holds in self.rules.items() if holds]
        names = dict.fromkeys(name for rule in held for name in conditions_of(rule))
        return tuple(self.conditions[name].text for name in names)

    def to_dict(self) -> dict[str, Any]:
        """Return it as what JSON can hold."""
        return {
            "recommended": self.recommended,
            "rules": dict(self.rules),
            "reasons": list(self.reasons),
            "conditions": [one.to_dict() for one in self.conditions.values()],
        }


def decide(facts: Facts, options: RetrainingOptions) -> Decision:
    """Return the decision on a model version."""
    conditions = {name: find(facts, options) for name, find in _CONDITIONS.items()}
    rules = {
        rule: all(conditions[name].holds for name in conditions_of(rule)) for rule in options.rules
    }
    return Decision(facts.model, facts.version, rules, conditions, facts.age_s)


def _drift(facts: Facts, options: RetrainingOptions) -> Condition:
    found = [
        (finding.drift.statistics["kl"].value, name)
        for name, finding in (facts.report.findings.items() if facts.report is not None else ())
        if name not in _NO_COLUMNS and "kl" in finding.drift.statistics
    ]
    found = [one for one in found if math.isfinite(one[0])]
    if not found:
        return Condition("drift", False, "no drift check yet")
    value, name = max(found)
    text = f"the KL divergence of {name} is {value:.3g}"
    if value > options.kl:
        return Condition("drift", True, f"{text}, above {options.kl:g}", value)
    return Condition("drift", False, f"{text}, the largest", value)


def _detected(facts: Facts, _: RetrainingOptions) -> Condition:
    names = facts.report.drifted if facts.report is not None else ()
    return _features("detected", names, "drifted by the alarm budget")


def _critical(facts: Facts, _: RetrainingOptions) -> Condition:
    names = facts.report.critical if facts.report is not None else ()
    return _features("critical", names, "drifted and is critical")


def _features(condition: str, names: tuple[str, ...], words: str) -> Condition:
    if not names:
        return Condition(condition, False, f"no feature {words}", 0.0)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return Condition(
        condition, True, f"{', '.join(names[:_SHOWN])}{more} {words}", float(len(names))
    )


def _quality(facts: Facts, _: RetrainingOptions) -> Condition:
    found = facts.judgement
    if found is None:
        return Condition("quality", False, "no complete labels yet")
    return Condition("quality", found.degraded, _loss(found), found.loss.value)


def _classic(facts: Facts, _: RetrainingOptions) -> Condition:
    found = facts.judgement
    if found is None:
        return Condition("loss", False, "no complete labels yet")
    return Condition("loss", found.severity > 0, _loss(found), found.loss.value)


def _loss(found: Judgement) -> str:
    low, high = found.loss.lower, found.loss.upper
    return (
        f"{found.metric} is {found.value:.3g} where it was {found.baseline.value:.3g}: a loss of "
        f"{found.loss.value:.3g} ({low:.3g} to {high:.3g})"
    )


def _prediction_rate(facts: Facts, _: RetrainingOptions) -> Condition:
    found = facts.report.rate_change if facts.report is not None else None
    if found is None:
        return Condition("prediction_rate", False, "no shares of labels yet")
    moved = found.current - found.reference
    text = f"the share of {found.label} is {found.current:.3g} where it was {found.reference:.3g}"
    return Condition("prediction_rate", found.changed, text, moved)


def _age(facts: Facts, options: RetrainingOptions) -> Condition:
    if facts.age_s is None:
        return Condition("age", False, "it is not known when the model was trained")
    text = f"it was trained {facts.age_s / _DAY_S:.3g} days ago"
    return Condition("age", facts.age_s > options.min_age_s, text, facts.age_s)


_CONDITIONS: Final[dict[str, Callable[[Facts, RetrainingOptions], Condition]]] = {
    "drift": _drift,
    "detected": _detected,
    "critical": _critical,
    "quality": _quality,
    "loss": _classic,
    "prediction_rate": _prediction_rate,
    "age": _age,
}
