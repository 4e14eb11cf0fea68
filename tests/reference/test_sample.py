"""A sorted sample: what columns share, and that sharing changes nothing."""

from __future__ import annotations

import numpy as np
import pytest

from otelml.reference import Sample


@pytest.mark.parametrize("counts", [[1.0] * 5, [3.0] * 5, [0.5] * 5, [1.0, 2.0, 1.0, 1.0, 1.0], []])
def test_rows_below_each_value_are_summed(counts):
    """Whether each value has as many rows or not, and of no values at all."""
    found = Sample.from_counts(np.arange(len(counts), dtype=float), np.array(counts))
    assert found.below.tolist() == np.concatenate([[0.0], np.cumsum(counts)]).tolist()
    assert found.counts.tolist() == pytest.approx(counts)


def test_columns_without_ties_share_what_is_below():
    """It is the same for each of them, so a reference of many columns keeps it once."""
    rng = np.random.default_rng(0)
    first, second = (Sample.of(rng.normal(size=1_000)) for _ in range(2))
    assert first.below is second.below
    with pytest.raises(ValueError, match="read-only"):
        first.below[0] = 1
