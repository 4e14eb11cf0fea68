"""What a check found: plain data, made by the worker and never changed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from otelml import semconv
from otelml.drift import FeatureDrift, ranks


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


@dataclass(frozen=True)
class RateChange:
    """The predicted label whose share has changed most.

    Args:
        label: The label.
        reference: Its share in the reference.
        current: Its share in the window.
        p_value: Of the two-proportion test.
        changed: Whether the shares differ by more than 0.1, and by more than chance.
    """

    label: str
    reference: float
    current: float
    p_value: float
    changed: bool

    @property
    def severity(self) -> int:
        """By the classic rule: 0 none, 1 by more than 0.1, 2 by more than twice that."""
        return int(self.changed) * (1 + (abs(self.current - self.reference) > 0.2))  # noqa: PLR2004

    def to_dict(self) -> dict[str, Any]:
        """Return it as what JSON can hold."""
        return {
            "label": self.label,
            "reference": self.reference,
            "current": self.current,
            "p_value": _finite(self.p_value),
            "changed": self.changed,
        }


@dataclass(frozen=True)
class Finding:
    """One feature of a check.

    Args:
        drift: Every statistic beside the reference.
        p_value: Of the test against what was there; NaN where it was not tested.
        evidence: The evidence so far.
        detected: Whether it has drifted now.
        skewed: Whether serving has differed from the reference from its start.
        critical: Whether the feature is one of the critical ones.
        learning: Whether its margin is being learned.
        smallest_shift: The least distance that one such window would show.
    """

    drift: FeatureDrift
    p_value: float = math.nan
    evidence: float = 0.0
    detected: bool = False
    skewed: bool = False
    critical: bool = False
    learning: bool = False
    smallest_shift: float = math.nan

    @property
    def name(self) -> str:
        """The feature."""
        return self.drift.name

    @property
    def severity(self) -> int:
        """By the classic thresholds: 0 none, 1 moderate, 2 significant."""
        if self.critical and self.detected:
            return 2
        return ("none", "moderate", "high").index(self.drift.severity)

    @property
    def log_evidence(self) -> float:
        """The evidence as log10; 0 where there is less than 1."""
        return math.log10(max(1.0, self.evidence))

    def to_dict(self) -> dict[str, Any]:
        """Return it as what JSON can hold."""
        return {
            **self.drift.to_dict(),
            "p_value": _finite(self.p_value),
            "drift_detected": self.detected,
            "severity": ("none", "moderate", "significant")[self.severity],
            "evidence": self.log_evidence,
            "skewed": self.skewed,
            "critical": self.critical,
            "learning": self.learning,
            "smallest_shift": _finite(self.smallest_shift),
            "bins": [list(found) for found in self.drift.bins],
        }


@dataclass(frozen=True)
class Report:
    """One check of one model version.

    Args:
        model: The model.
        version: Its version.
        start_ns: When the check began, since 1970.
        end_ns: When it ended.
        worked_s: Seconds of work between.
        rows: Rows of the window.
        findings: By feature; predictions among them.
        mismatches: What of the columns did not fit, by column.
        detected: Features that alarm since this check.
        cleared: Features whose alarm this check ended.
        skewed: Features found skewed by this check.
        threshold: Evidence at which a feature alarms, as log10.
        rate_change: How the predictions have shifted; None where there are no labels.
        reference_digest: Of the reference.
        reference_source: ``given`` or ``self``.
        counted: Whether the rows were taken; a look at too few rows leaves them.
        reference_rows: Rows of the reference.
        verdict: What decides an alarm: ``budget`` or ``thresholds``.
    """

    model: str
    version: str
    start_ns: int
    end_ns: int
    worked_s: float
    rows: int
    findings: Mapping[str, Finding]
    mismatches: Mapping[str, str] = field(default_factory=dict)
    detected: tuple[str, ...] = ()
    cleared: tuple[str, ...] = ()
    skewed: tuple[str, ...] = ()
    threshold: float = math.nan
    rate_change: RateChange | None = None
    reference_digest: str = ""
    reference_source: str = ""
    counted: bool = True
    reference_rows: int = 0
    verdict: str = "budget"

    @property
    def drifted(self) -> tuple[str, ...]:
        """Every feature that has drifted now, those to look at first in front."""
        found = [one for one in self.findings.values() if one.detected]
        return tuple(one.name for one in sorted(found, key=lambda one: -self.ranks[one.name]))

    @cached_property
    def ranks(self) -> dict[str, float]:
        """PSI times importance of each feature: where to look first."""
        return ranks({name: one.drift for name, one in self.findings.items()})

    @property
    def critical(self) -> tuple[str, ...]:
        """The critical ones of them."""
        return tuple(name for name in self.drifted if self.findings[name].critical)

    @property
    def learning(self) -> bool:
        """Whether any margin is being learned."""
        # All columns together are known from serving alone: they begin when the rest is done.
        later = semconv.FEATURE_MULTIVARIATE
        return any(one.learning for name, one in self.findings.items() if name != later)

    @property
    def share(self) -> float:
        """The share of tested features that have drifted."""
        tested = sum(1 for one in self.findings.values() if not one.drift.reason)
        return len(self.drifted) / tested if tested else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return it as what JSON can hold."""
        return {
            "model": self.model,
            "version": self.version,
            "at": self.end_ns / 1e9,
            "rows": self.rows,
            "drift_detected": bool(self.drifted),
            "drifted": list(self.drifted),
            "detected": list(self.detected),
            "cleared": list(self.cleared),
            "critical": list(self.critical),
            "skewed": sorted(name for name, one in self.findings.items() if one.skewed),
            "learning": self.learning,
            "share": self.share,
            "evidence_threshold": _finite(self.threshold),
            "mismatches": dict(self.mismatches),
            "prediction_rate": self.rate_change.to_dict() if self.rate_change else None,
            "reference": {"digest": self.reference_digest, "source": self.reference_source},
            "counted": self.counted,
            "features": {
                name: {**one.to_dict(), "rank": self.ranks[name]}
                for name, one in self.findings.items()
            },
        }
