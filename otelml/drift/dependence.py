"""Rows that resemble the rows before them count for less."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from otelml.reference.columns import Floats

Codes = npt.NDArray[np.int64]


def lag_1_autocorrelation(values: Floats) -> float:
    """Return the correlation of values with the ones before them; 0 where they do not vary.

    Args:
        values: Finite values in the order of time.

    >>> import numpy as np
    >>> round(lag_1_autocorrelation(np.array([1.0, 2.0, 3.0, 4.0])), 3)
    0.25
    """
    centred = values - values.mean() if len(values) else values
    spread = float((centred**2).sum())
    return float((centred[1:] * centred[:-1]).sum() / spread) if spread > 0 else 0.0


def level_codes(levels: Sequence[str]) -> Codes:
    """Return a number for each level, by where it comes first: they are compared much faster.

    >>> level_codes(["b", "a", "b"])
    array([0, 1, 0])
    """
    known: dict[str, int] = {}
    return np.fromiter((known.setdefault(one, len(known)) for one in levels), np.int64, len(levels))


def level_autocorrelation(levels: Sequence[str] | Codes) -> float:
    """Return by how much more than chance levels equal the ones before them, at most 1.

    That is (a - c)/(1 - c), where a share a of neighbours is equal and c would be by chance.

    Args:
        levels: Levels in the order of time, or their codes.

    >>> round(level_autocorrelation(["a", "a", "a", "b", "b", "b"]), 3)
    0.6
    """
    rows = len(levels)
    codes = levels if isinstance(levels, np.ndarray) else level_codes(levels)
    chance = sum((count / rows) ** 2 for count in np.bincount(codes).tolist()) if rows else 1.0
    if rows < 2 or chance >= 1:  # noqa: PLR2004 - a pair
        return 0.0
    equal = float(np.count_nonzero(codes[1:] == codes[:-1])) / (rows - 1)
    return (equal - chance) / (1 - chance)


def unbiased(autocorrelation: float, rows: int) -> float:
    """Return r + (1 + 3r)/n: short windows show less of it than there is (Kendall, 1954).

    >>> unbiased(0.87, 50)
    0.9422
    """
    return min(1.0, autocorrelation + (1 + 3 * autocorrelation) / max(rows, 1))


def repeats(values: Floats | Codes | Sequence[str]) -> float:
    """Return how many times as long as by chance runs of equal values are, 1 at least.

    A burst of copies of one row is worth one row. The length is that of the run that a row is in,
    on average; by chance it is (1 + p)/(1 - p) for a value that a share p of the rows has.

    Args:
        values: Values, levels or their codes, in the order of time.

    >>> import numpy as np
    >>> repeats(np.arange(8.0)), round(repeats(np.repeat(np.arange(8.0), 4)), 2)
    (1.0, 3.11)
    """
    values = values if isinstance(values, np.ndarray) else level_codes(values)
    starts = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))
    runs = len(starts)
    if runs == len(values) or runs <= 1:
        return 1.0
    lengths = np.diff(np.append(starts, len(values)))
    _, counts = np.unique(values, return_counts=True)
    shares = counts / len(values)
    chance = float((shares * (1 + shares) / (1 - shares)).sum())
    return max(1.0, float((lengths**2).sum()) / len(values) / chance)


def effective_rows(rows: int, autocorrelation: float, repeated: float = 1.0) -> float:
    """Return n (1 - r)/(1 + r): how many independent rows they are worth, n at most.

    Args:
        rows: Rows of the window.
        autocorrelation: r; a negative one counts as 0.
        repeated: From ``repeats``; the result is n divided by it at most.

    >>> effective_rows(500, 0.6)
    125.0
    """
    r = min(max(0.0, autocorrelation), 1 - 1 / max(rows, 2))
    return rows * min((1 - r) / (1 + r), 1 / max(1.0, repeated))
