"""Multivariate drift: columns that go together otherwise, though each is as it was."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from statistics import NormalDist
from typing import Any

import numpy as np

from otelml import semconv
from otelml.drift.eigen import eigen_steps
from otelml.drift.ks import ks
from otelml.drift.pairs import MIN_ROWS
from otelml.drift.statistic import Statistic, nothing
from otelml.exceptions import InvalidReferenceError
from otelml.reference import Column, Feature, read_column, read_frame
from otelml.reference.columns import Floats
from otelml.reference.margins import learn_margins

_GRID = 256
_SMALLEST = 1e-6


@dataclass(frozen=True)
class Projection:
    """Principal components of a reference's numeric columns, and its reconstruction errors.

    Each value becomes the normal score of its rank in the reference, so that outliers and scales
    do not matter. The components are those of one half of the rows (every other one); the errors
    that windows are compared with are those of the other half, so that both are equally new.

    Args:
        names: Names of all columns of the reference's table.
        columns: Names of those that are numeric and vary.
        values: Quantiles of each column, increasing.
        scores: The normal scores of these.
        residual: Directions that the kept components leave out, each over the square root of its
            variance; of shape (columns, directions).
        feature: The errors of the other half, as one more feature for a rule and a budget.
    """

    names: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[Floats, ...]
    scores: tuple[Floats, ...]
    residual: Floats
    feature: Feature = field(compare=False)

    @classmethod
    def of(cls, rows: Any, *, ordered: bool = False) -> Projection:
        """Return the projection of a table.

        Args:
            rows: Any table that ``Reference.from_data`` takes; other than numeric columns, and
                those that do not vary, are left out.
            ordered: Whether rows are in the order of time: then margins are learned.

        Raises:
            InvalidReferenceError: Less than two numeric columns vary, or rows are few.
        """
        frame = read_frame(rows)
        steps = cls.steps(tuple(frame), _numbers(frame), ordered=ordered)
        try:
            while True:
                next(steps)
        except StopIteration as end:
            projection: Projection = end.value
            return projection

    @classmethod
    def steps(
        cls, names: tuple[str, ...], numbers: Mapping[str, Floats], *, ordered: bool = False
    ) -> Generator[None, None, Projection]:
        """Make the projection of numeric columns, a column or a product of matrices at a time.

        Args:
            names: Names of all columns of the table.
            numbers: Those that are numeric, NaN where a value cannot be used.
            ordered: As of :meth:`of`.

        Raises:
            InvalidReferenceError: As of :meth:`of`.
        """
        table = {name: values for name, values in numbers.items() if _varies(values)}
        if len(table) < 2:  # noqa: PLR2004 - what goes together
            raise InvalidReferenceError("a multivariate check needs two numeric columns that vary")
        columns = tuple(table)
        rows = len(table[columns[0]])
        if rows < 4 * len(columns):
            raise InvalidReferenceError(
                f"a multivariate check of {len(columns)} columns needs {4 * len(columns)} rows"
            )
        values, scores = list[Floats](), list[Floats]()
        scored = np.empty((rows, len(columns)))
        for place, column in enumerate(table.values()):
            grid, score = _grid(column)
            values.append(grid)
            scores.append(score)
            scored[:, place] = _scores_of(column, grid, score)
            yield
        residual = yield from _residual(scored[::2])
        yield
        errors = _errors(scored[1::2], residual)
        margins = learn_margins(errors) if ordered else {}
        feature = replace(
            Feature.of(semconv.FEATURE_MULTIVARIATE, Column("numeric", errors)), margins=margins
        )
        return cls(names, columns, tuple(values), tuple(scores), residual, feature)

    def column(self, rows: Any) -> Column:
        """Return the reconstruction error of each row of a window, as a column.

        A value that is missing counts as the middle of its column.

        Args:
            rows: A table with the reference's columns.

        Raises:
            InvalidReferenceError: It has not all of them, or one is not numeric.
        """
        nameless = len(getattr(rows, "shape", ())) > 1 and not hasattr(rows, "columns")
        table = _numbers(read_frame(rows, self.names if nameless else None))
        absent = [name for name in self.columns if name not in table]
        if absent:
            raise InvalidReferenceError(f"no such numeric column: {', '.join(absent)}")
        scored = _scored(table, self.columns, self.values, self.scores)
        return Column("numeric", _errors(scored, self.residual))


def reconstruction(reference: Any, current: Any, *, min_rows: int = MIN_ROWS) -> Statistic:
    """Return how the rows of a window fit the principal components of a reference.

    The value is the mean reconstruction error of the window over the reference's: 1 where nothing
    changed. The p-value is that of KS between the errors of both.

    Args:
        reference: Any table that ``Reference.from_data`` takes.
        current: A window with the same columns.
        min_rows: Rows that each side needs; with less, the value is NaN.

    Raises:
        InvalidReferenceError: The tables cannot be compared.

    >>> rng = np.random.default_rng(0)
    >>> x, noise = rng.normal(size=(2, 2000))
    >>> before = {"a": x, "b": x + noise / 2}
    >>> flipped = {"a": x[:200], "b": -x[:200] - noise[:200] / 2}
    >>> reconstruction(before, flipped).p_value < 1e-9
    True
    """
    projection = Projection.of(reference)
    errors = projection.column(current).values
    before = projection.feature.sample
    if before is None or min(len(errors), before.rows) < max(1, min_rows):
        return nothing(f"there are {len(errors)} rows, not {min_rows}")
    found = ks(np.repeat(before.values, before.counts.astype(np.int64)), errors, min_rows=1)
    return Statistic(float(errors.mean()) / before.mean, found.p_value)


def _numbers(columns: Mapping[str, Any]) -> dict[str, Floats]:
    """Return the numeric columns, NaN where a value cannot be used."""
    found: dict[str, Floats] = {}
    for name, values in columns.items():
        column = read_column(values)
        if column.kind not in {"numeric", "empty"}:  # empty: missing in each row
            continue
        if column.usable == column.rows:
            found[name] = column.values
            continue
        array = np.asarray(values)
        if array.dtype.kind == "f":
            usable = np.isfinite(array)
        else:
            usable = np.array([read_column([value]).usable == 1 for value in list(values)])
        whole = np.full(column.rows, math.nan)
        whole[usable] = column.values
        found[name] = whole
    return found


def _varies(values: Floats) -> bool:
    usable = values[np.isfinite(values)]
    return len(usable) > 1 and bool(usable.min() < usable.max())


def _grid(values: Floats) -> tuple[Floats, Floats]:
    """Return quantiles of a column and their normal scores; equal quantiles share one."""
    shares = (np.arange(_GRID) + 0.5) / _GRID
    quantiles = np.quantile(values[np.isfinite(values)], shares)
    distinct, place, counts = np.unique(quantiles, return_inverse=True, return_counts=True)
    scores = _normal_scores()
    return distinct, np.bincount(place, scores) / counts


@cache
def _normal_scores() -> Floats:
    normal = NormalDist()
    return np.array([normal.inv_cdf((place + 0.5) / _GRID) for place in range(_GRID)])


def _scored(
    table: Mapping[str, Floats],
    columns: Sequence[str],
    values: Sequence[Floats],
    scores: Sequence[Floats],
) -> Floats:
    found = [
        _scores_of(table[name], grid, score)
        for name, grid, score in zip(columns, values, scores, strict=True)
    ]
    return np.stack(found, axis=1)


def _scores_of(values: Floats, grid: Floats, score: Floats) -> Floats:
    return np.nan_to_num(np.interp(values, grid, score), nan=0.0)


def _residual(scored: Floats) -> Generator[None, None, Floats]:
    """Return the directions of less than average variance, scaled to a variance of 1."""
    spread = scored.std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    standard = (scored - scored.mean(axis=0)) / scale
    yield
    # Products by einsum: BLAS starts threads for them, on cores that requests need.
    matrix = np.einsum("ij,ik->jk", standard, standard) / len(standard)
    variances, directions = yield from eigen_steps(matrix)
    left = max(1, int((variances < 1).sum()))
    scaled = directions[:, :left] / np.sqrt(np.maximum(variances[:left], _SMALLEST))
    found: Floats = scaled / scale[:, None]
    return found


def _errors(scored: Floats, residual: Floats) -> Floats:
    found: Floats = (np.einsum("ij,jk->ik", scored, residual) ** 2).mean(axis=1)
    return found
