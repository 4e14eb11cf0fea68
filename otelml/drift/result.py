"""What a comparison of a window with a reference found."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from otelml.drift.severity import P_VALUE, Severity, finite, worst
from otelml.drift.statistic import Statistic


@dataclass(frozen=True)
class FeatureDrift:
    """One feature of a window beside the reference.

    Args:
        name: The feature.
        statistics: Each statistic by name; ``wasserstein`` in standard deviations.
        severities: Each statistic's severity by the classic bands.
        p_value: Of KS for continuous values, of chi-squared for discrete ones.
        drift_detected: Whether the p-value is below the level that the whole window shares.
        missing_share: The share of rows without a usable value.
        unseen: Rows with a value or level that the reference never had (discrete only).
        importance: From the reference.
        bins: Name, share of the reference, share of the window of each bin.
        reason: Why there are no statistics.
    """

    name: str
    statistics: Mapping[str, Statistic]
    severities: Mapping[str, Severity]
    p_value: float
    drift_detected: bool
    missing_share: float
    unseen: int = 0
    importance: float | None = None
    bins: tuple[tuple[str, float, float], ...] = ()
    reason: str = ""

    @property
    def severity(self) -> Severity:
        """The worst of PSI's, KL's, JS's and Wasserstein's, and of the p-value's where asked."""
        found: list[Severity] = [
            s for name, s in self.severities.items() if name in {*_EFFECTS, P_VALUE}
        ]
        return worst(*found)

    def to_dict(self) -> dict[str, Any]:
        """Return it as what JSON can hold."""
        return {
            "drift_detected": self.drift_detected,
            "severity": self.severity,
            "p_value": finite(self.p_value),
            "statistics": {
                name: {
                    "value": finite(found.value),
                    "p_value": finite(found.p_value),
                    "severity": self.severities.get(name, "none"),
                }
                for name, found in self.statistics.items()
            },
            "missing_share": self.missing_share,
            "unseen": self.unseen,
            "importance": self.importance,
            "reason": self.reason,
        }


_EFFECTS = ("psi", "kl", "js", "wasserstein")


def ranks(found: Mapping[str, FeatureDrift]) -> dict[str, float]:
    """Return PSI times importance of each feature: where to look first.

    Importances are relative to the mean of those that are known; predictions, and features of
    which it is not known, count as the mean.
    """
    known = [one.importance for one in found.values() if one.importance is not None]
    mean = sum(known) / len(known) if known else 0.0
    ranked: dict[str, float] = {}
    for name, one in found.items():
        psi = one.statistics.get("psi")
        value = psi.value if psi is not None and not one.reason else 0.0
        weighed = one.importance is not None and mean > 0
        weight = one.importance / mean if weighed and one.importance is not None else 1.0
        ranked[name] = value * weight if math.isfinite(value) else 0.0
    return ranked


@dataclass(frozen=True)
class DriftResult:
    """A window beside its reference.

    Args:
        rows: Rows of the window.
        reference_rows: Rows of the reference.
        features: Each feature of the reference that the window has.
        mismatches: What of the window's columns does not fit, by column.
        alpha: The level that all features share.
    """

    rows: int
    reference_rows: int
    features: Mapping[str, FeatureDrift]
    mismatches: Mapping[str, str]
    alpha: float

    @cached_property
    def ranks(self) -> dict[str, float]:
        """PSI times importance of each feature, as :func:`ranks` has it."""
        return ranks(self.features)

    @property
    def in_order(self) -> list[FeatureDrift]:
        """All features, drifted ones first, then those to look at first."""
        features = self.features.items()
        order = sorted(features, key=lambda one: (not one[1].drift_detected, -self.ranks[one[0]]))
        return [feature for _, feature in order]

    @property
    def drifted(self) -> tuple[str, ...]:
        """The drifted features, those to look at first in front."""
        return tuple(feature.name for feature in self.in_order if feature.drift_detected)

    @property
    def drift_detected(self) -> bool:
        """Whether any feature has drifted."""
        return bool(self.drifted)

    def to_dict(self) -> dict[str, Any]:
        """Return it as what JSON can hold: no NaN, no infinity."""
        return {
            "drift_detected": self.drift_detected,
            "drifted": list(self.drifted),
            "rows": self.rows,
            "reference_rows": self.reference_rows,
            "alpha": self.alpha,
            "mismatches": dict(self.mismatches),
            "features": {
                name: {**found.to_dict(), "rank": self.ranks[name]}
                for name, found in self.features.items()
            },
        }

    def __repr__(self) -> str:
        found = f"{len(self.drifted)} of {len(self.features)} features drifted"
        lines = [f"<DriftResult {self.rows} rows, {found}>"]
        for feature in self.in_order:
            verdict = "drift" if feature.drift_detected else feature.reason or "-"
            psi = feature.statistics["psi"].value if "psi" in feature.statistics else float("nan")
            line = f"  {feature.name:<24} psi {psi:8.4f}  p {feature.p_value:.2g}"
            lines.append(f"{line}  {feature.severity:<8}  {verdict}")
        lines += [f"  {name}: {what}" for name, what in self.mismatches.items()]
        return "\n".join(lines)
