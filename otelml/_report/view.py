"""What the page shows, as texts and numbers that its template only places."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from otelml._report.chart import Chart, chart
from otelml._report.history import History
from otelml.drift import DriftResult, FeatureDrift

# Name in the result, heading, what it is.
STATISTICS: Final = (
    ("psi", "PSI", "population stability index over the reference's bins"),
    ("kl", "KL", "Kullback-Leibler divergence, reference to window"),
    ("js", "JS", "Jensen-Shannon distance, 0 to 1"),
    ("ks", "KS", "largest distance of the two distribution functions"),
    ("wasserstein", "W1/SD", "Wasserstein distance in the reference's standard deviations"),
    ("chi_squared", "χ²", "Pearson's statistic over the bins"),
)
_SHOWN_BINS = 24


@dataclass(frozen=True)
class BinRow:
    """One bin, both shares as texts and as widths in percent of the longest bar."""

    name: str
    reference: str
    window: str
    reference_width: float
    window_width: float


@dataclass(frozen=True)
class Cell:
    """One statistic of a feature."""

    text: str
    severity: str


@dataclass(frozen=True)
class FeatureView:
    """One feature, ready to be placed."""

    name: str
    anchor: str
    reason: str
    severity: str
    drifted: bool
    p_value: str
    missing: str
    unseen: str
    importance: str
    rank_width: float
    cells: tuple[Cell, ...]
    bins: tuple[BinRow, ...]
    more_bins: int
    chart: Chart | None


def summary(result: DriftResult) -> str:
    """Return the finding in one sentence."""
    checked = [feature for feature in result.features.values() if not feature.reason]
    if not checked:
        return "No feature could be checked."
    found = len(result.drifted)
    verb = "has" if found == 1 else "have"
    finding = (
        f"{found} of {_count(len(checked), 'feature')} {verb} drifted."
        if found
        else f"No drift in {_count(len(checked), 'feature')}."
    )
    left_out = len(result.features) - len(checked)
    return f"{finding} {left_out} could not be checked." if left_out else finding


def features(result: DriftResult, history: History) -> list[FeatureView]:
    """Return the features, those to look at first in front."""
    ranks = result.ranks
    order = sorted(
        result.features.values(),
        key=lambda f: (not f.drift_detected, bool(f.reason), -ranks[f.name], f.name),
    )
    longest = max(ranks.values(), default=0.0) or 1.0
    views = enumerate(order)
    return [_view(f, ranks[f.name] / longest, f"feature-{i}", history) for i, f in views]


def _view(feature: FeatureDrift, rank: float, anchor: str, history: History) -> FeatureView:
    bins, more = _bins(feature)
    return FeatureView(
        name=feature.name,
        anchor=anchor,
        reason=feature.reason,
        severity=feature.severity,
        drifted=feature.drift_detected,
        p_value=_probability(feature.p_value),
        missing=_percent(feature.missing_share),
        unseen=f"{feature.unseen:,}",
        importance="" if feature.importance is None else _number(feature.importance),
        rank_width=100 * rank,
        cells=tuple(_cell(feature, name) for name, _, _ in STATISTICS),
        bins=bins,
        more_bins=more,
        chart=chart(history.times, history.evidence.get(feature.name, ()), history.alarm_at),
    )


def _cell(feature: FeatureDrift, name: str) -> Cell:
    found = feature.statistics.get(name)
    if found is None:
        return Cell("", "none")
    return Cell(_number(found.value), feature.severities.get(name, "none"))


def _bins(feature: FeatureDrift) -> tuple[tuple[BinRow, ...], int]:
    """Return the bins in their order; of very many, those that differ most."""
    shown = list(enumerate(feature.bins))
    if len(shown) > _SHOWN_BINS:
        shown.sort(key=lambda item: -abs(item[1][2] - item[1][1]))
        shown = sorted(shown[:_SHOWN_BINS])
    longest = max((max(p, q) for _, (_, p, q) in shown), default=0.0) or 1.0
    rows = tuple(
        BinRow(name, _percent(p), _percent(q), 100 * p / longest, 100 * q / longest)
        for _, (name, p, q) in shown
    )
    return rows, len(feature.bins) - len(rows)


def _number(value: float) -> str:
    if math.isnan(value):
        return ""
    return "∞" if math.isinf(value) else f"{value:.3g}"


def _probability(value: float) -> str:
    if math.isnan(value):
        return ""
    return "< 0.0001" if value < 1e-4 else f"{value:.4f}"  # noqa: PLR2004 - what is shown


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
