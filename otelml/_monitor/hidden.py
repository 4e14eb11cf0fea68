"""Names of bins as they may leave: a level that few rows have is a value of one of them."""

from __future__ import annotations

from dataclasses import replace

from otelml._privacy import current_policy
from otelml.drift import FeatureDrift
from otelml.reference import Feature


def shown_bins(feature: Feature) -> list[str]:
    """Return the names of a feature's bins; those that tell too much have numbers in place."""
    policy, names = current_policy(), feature.bin_names
    is_hidden = policy.hides(feature.name)
    if not is_hidden and (not feature.discrete or policy.shows_value(feature.name)):
        return names
    least = policy.options.min_rows
    word, last = ("level", len(names) - 1) if feature.discrete else ("bin", len(names))
    return [
        name
        if place >= last or (not is_hidden and count >= least)  # the last is of unseen levels
        else f"{word} {place + 1}"
        for place, (name, count) in enumerate(zip(names, feature.counts, strict=True))
    ]


def with_shown_bins(drift: FeatureDrift, feature: Feature) -> FeatureDrift:
    """Return what is known of a feature with the names of its bins as they may leave."""
    names = shown_bins(feature)
    if not drift.bins or names is feature.bin_names:
        return drift
    renamed = zip(names, drift.bins, strict=True)
    return replace(drift, bins=tuple((name, before, now) for name, (_, before, now) in renamed))
