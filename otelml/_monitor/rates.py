"""Which predicted label's share has changed most: the classic rule and a test beside it."""

from __future__ import annotations

import math

import numpy as np

from otelml._monitor.report import RateChange
from otelml.reference import Feature
from otelml.reference.sample import Counts

_CLASSIC = 0.1
_LEVEL = 0.05


def rate_change(feature: Feature, counts: Counts) -> RateChange | None:
    """Return the label whose share has changed most; None where a side has no rows.

    Args:
        feature: The reference's predictions, labels.
        counts: Rows of each label in the window, unseen last.
    """
    rows, current = float(feature.counts.sum()), float(counts.sum())
    if not rows or not current:
        return None
    p, q = feature.counts / rows, counts / current
    place = int(np.abs(q - p).argmax())
    before, now = float(p[place]), float(q[place])
    pooled = (before * rows + now * current) / (rows + current)
    spread = math.sqrt(pooled * (1 - pooled) * (1 / rows + 1 / current))
    z = abs(now - before) / spread if spread > 0 else 0.0
    p_value = math.erfc(z / math.sqrt(2))
    changed = abs(now - before) > _CLASSIC and p_value < _LEVEL
    return RateChange(feature.cut.names[place], before, now, p_value, changed)
