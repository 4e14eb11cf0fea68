"""One feature of a window beside the reference: every statistic, from sorted values and counts."""

from __future__ import annotations

import math
from collections.abc import Mapping

from otelml.drift.chi_squared import chi_squared_of
from otelml.drift.js import js_of
from otelml.drift.kl import kl_of
from otelml.drift.pairs import EPSILON, Histograms
from otelml.drift.psi import psi_of
from otelml.drift.result import FeatureDrift
from otelml.drift.severity import BANDS, Severity, severity
from otelml.drift.statistic import Statistic
from otelml.drift.survival import kolmogorov_tail
from otelml.drift.wasserstein import wasserstein_distance
from otelml.reference import Feature, QuantileBins, Sample
from otelml.reference.columns import Floats
from otelml.reference.sample import Counts


def too_few(feature: Feature, usable: int, min_rows: int) -> str:
    """Return why a window of a feature cannot be tested; empty where it can.

    Args:
        feature: The reference's.
        usable: Usable values in the window.
        min_rows: Usable values that each side needs.
    """
    for where, found in (("reference", feature.usable), ("window", usable)):
        if found < max(1, min_rows):
            return f"the {where} has {found} usable values, not {min_rows}"
    return ""


def measure(
    feature: Feature,
    values: Floats,
    counts: Counts,
    missing: float,
    level: float,
    epsilon: float = EPSILON,
    bands: Mapping[str, tuple[float, float]] = BANDS,
) -> FeatureDrift:
    """Return every statistic of a feature.

    Args:
        feature: The reference's.
        values: The window's finite values, sorted; empty of a categorical feature.
        counts: The window's rows in each bin of the reference.
        missing: The share of rows without a usable value.
        level: The p-value below which the feature has drifted.
        epsilon: What an empty bin counts as in PSI and KL.
        bands: Thresholds of the severities.
    """
    pair = Histograms(feature.counts, counts)
    statistics = _binned(pair, epsilon)
    if feature.sample is not None:
        statistics |= _ordered(feature.sample, values)
    p_value = statistics["chi_squared" if feature.discrete else "ks"].p_value
    severities: dict[str, Severity] = {
        name: severity(name, statistic, bands) for name, statistic in statistics.items()
    }
    p, q = pair.shares
    unseen = 0 if isinstance(feature.cut, QuantileBins) else int(counts[-1])
    bins = tuple(zip(feature.cut.names, p.tolist(), q.tolist(), strict=True))
    return FeatureDrift(
        feature.name,
        statistics,
        severities,
        p_value,
        p_value < level,
        missing,
        unseen,
        feature.importance,
        bins,
    )


def _binned(pair: Histograms, epsilon: float) -> dict[str, Statistic]:
    return {
        "psi": psi_of(pair, epsilon),
        "kl": kl_of(pair, epsilon),
        "js": js_of(pair),
        "chi_squared": chi_squared_of(pair),
    }


def _ordered(sample: Sample, values: Floats) -> dict[str, Statistic]:
    distance = sample.distance(values)
    moved = wasserstein_distance(sample, values)
    spread = sample.deviation
    scaled = moved / spread if spread > 0 else (0.0 if moved == 0 else math.inf)
    return {
        "ks": Statistic(distance, kolmogorov_tail(distance, sample.rows, len(values))),
        "wasserstein": Statistic(scaled),
    }
