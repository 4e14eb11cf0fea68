"""What the statistics of one feature of a window say."""

from __future__ import annotations

from collections.abc import Mapping

from otelml.drift.measured import Measured, measured_one
from otelml.drift.pairs import EPSILON
from otelml.drift.result import FeatureDrift
from otelml.drift.severity import BANDS, P_VALUE, Severity, severity
from otelml.reference import Feature
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
    return finding(measured_one(feature, values, counts, epsilon), missing, level, bands)


def finding(
    measured: Measured, missing: float, level: float, bands: Mapping[str, tuple[float, float]]
) -> FeatureDrift:
    """Return what the statistics of a feature say.

    Args:
        measured: The statistics.
        missing: The share of rows without a usable value.
        level: The p-value below which the feature has drifted.
        bands: Thresholds of the severities.
    """
    feature, statistics = measured.feature, measured.statistics
    p_value = statistics["chi_squared" if feature.discrete else "ks"].p_value
    severities: dict[str, Severity] = {
        name: severity(name, statistic, bands) for name, statistic in statistics.items()
    }
    if P_VALUE in bands:  # asked for: chance alone makes p-values small where windows are many
        severities[P_VALUE] = severities["chi_squared" if feature.discrete else "ks"]
    return FeatureDrift(
        feature.name,
        statistics,
        severities,
        p_value,
        p_value < level,
        missing,
        int(measured.counts[-1]) if feature.discrete else 0,
        feature.importance,
        measured.bins,
    )
