"""How many labels of a cohort have come by an age: Kaplan and Meier's estimate of the lag."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from otelml.exceptions import QualityError
from otelml.quality import inputs
from otelml.quality.intervals import Floats


@dataclass(frozen=True)
class Maturity:
    """The share of labels that have come, by age.

    Args:
        ages: Ages at which labels came, rising, in the unit that was given; shape (n,).
        shares: The share that has come by each, 0 to 1.
    """

    ages: Floats
    shares: Floats

    def at(self, age: float) -> float:
        """Return the share of labels that have come by an age."""
        place = int(np.searchsorted(self.ages, age, side="right"))
        return float(self.shares[place - 1]) if place else 0.0

    def age_of(self, share: float) -> float:
        """Return the age by which a share of the labels has come; infinite where none has."""
        place = int(np.searchsorted(self.shares, share, side="left"))
        return float(self.ages[place]) if place < len(self.ages) else float("inf")


def maturity(lags: Any, waiting: Any = ()) -> Maturity:
    """Return F(t) = 1 - Π (1 - dᵢ / nᵢ) over ages tᵢ ≤ t, by Kaplan and Meier.

    dᵢ labels came at the age tᵢ, when nᵢ predictions were as old and had none. A prediction that
    still waits says that its lag is longer than its age, so young ones do not count as never
    labelled.

    Args:
        lags: Time from prediction to label of each labelled prediction; at least 0.
        waiting: Age of each prediction without a label, in the same unit.

    Raises:
        QualityError: They are no numbers of at least 0.

    >>> maturity([1.0, 2.0], waiting=[1.5, 5.0]).at(2.0)
    0.625
    """
    came, wait = _ages(lags, "lags"), _ages(waiting, "waiting")
    ages, counts = np.unique(came, return_counts=True)
    everyone = np.sort(np.concatenate([came, wait]))
    at_risk = len(everyone) - np.searchsorted(everyone, ages, side="left")
    left: Floats = np.cumprod(1 - counts / np.maximum(at_risk, 1), dtype=np.float64)
    return Maturity(ages, 1 - left)


def _ages(values: Any, name: str) -> Floats:
    found = inputs.numbers(values, name)
    found = found[~np.isnan(found)]
    if np.any(found < 0) or np.any(np.isinf(found)):
        raise QualityError(f"{name} must be finite and at least 0")
    return found
