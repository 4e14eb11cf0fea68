"""What the three jobs share: a table, a model, what the table looked like at training."""

from __future__ import annotations

import numpy as np
import pandas as pd

from otelml.reference import Reference


def table(rows: int, shift: float = 0.0) -> pd.DataFrame:
    """Return rows to score, of which the income may have moved.

    Args:
        rows: How many.
        shift: How far, in standard deviations.
    """
    random = np.random.default_rng(1)
    income = random.normal(50 + 10 * shift, 10, rows)
    return pd.DataFrame({"income": income, "age": random.integers(18, 80, rows)})


def predict(part: pd.DataFrame) -> list[str]:
    """Return a label for each row: your model."""
    return ["yes" if income > 50 else "no" for income in part["income"]]


def reference() -> Reference:
    """Return what the rows looked like at training: yours is a file (``otelml reference``)."""
    return Reference.from_data(table(5_000))
