"""The sequential test of two variants in PromQL: ``otelml.quality.sequential`` of shares.

It may be looked at at any time, as long as its window holds all of the experiment: what leaves the
window would be forgotten.
"""

from __future__ import annotations

from grafana.generate import settings
from grafana.generate.model_parts import VERSION
from grafana.generate.names import label
from grafana.generate.promql import matches
from otelml import semconv

_BY = f"by ({', '.join(VERSION)})"
# A service that names no variant has a champion only.
CHAMPION = matches(semconv.ML_MODEL_VARIANT, "champion|")
OTHER = f'{label(semconv.ML_MODEL_VARIANT)}!~"champion|shadow|"'


def _share(happened: str, of: str, by: str) -> str:
    return f"((sum {by} ({happened}) or 0 * sum {by} ({of})) / sum {by} ({of}))"


def _variance(happened: str, of: str, by: str) -> str:
    """Return that of a share: p (1 - p) / (n - 1), which is s² / n."""
    share = _share(happened, of, by)
    return f"({share} * (1 - {share}) / (sum {by} ({of}) - 1))"


def p_value(happened: tuple[str, str], of: tuple[str, str]) -> str:
    """Return the always-valid p-value of each variant's share against the champion's.

    Args:
        happened: Counts of what is counted (failures, right labels): champion's, the others'.
        of: Counts of all of them, likewise.
    """
    first = (happened[0], of[0], "")
    other = (happened[1], of[1], _BY)
    difference = f"({_share(*other)} - scalar({_share(*first)}))"
    variance = f"({_variance(*other)} + scalar({_variance(*first)}))"
    mixed = settings.EXPERIMENT_EFFECT**2
    total = f"({variance} + {mixed:g})"
    ratio = (
        f"0.5 * ln({variance} / {total})\n"
        f"+ {mixed:g} * {difference} ^ 2 / (2 * {variance} * {total})"
    )
    return f"exp(-1 * clamp_min({ratio}, 0))"
