"""Eigenvalues and eigenvectors of a symmetric matrix, in steps that each take little time."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import numpy.typing as npt

from otelml.reference.columns import Floats

Places = npt.NDArray[np.intp]
_SWEEPS = 30  # ten are enough for a hundred columns
_PRECISION = 1e-14


def eigen_steps(matrix: Floats) -> Generator[None, None, tuple[Floats, Floats]]:
    """Return eigenvalues, increasing, and eigenvectors as columns, as ``numpy.linalg.eigh`` does.

    Jacobi's rotations, of disjoint pairs at once (Brent and Luk, 1985), so that it can yield after
    each round of a fraction of a millisecond. LAPACK starts threads for it, which spin on the cores
    that requests need: 50 columns took up to 70 ms on two busy cores.

    Args:
        matrix: Symmetric, of shape (size, size).
    """
    size = len(matrix)
    even = size + size % 2
    rotated = np.zeros((even, even))
    rotated[:size, :size] = matrix
    vectors = np.eye(even)
    apart = ~np.eye(even, dtype=bool)
    order = np.arange(even)
    for _ in range(_SWEEPS):
        if np.abs(rotated[apart]).max() <= _PRECISION * np.abs(rotated.diagonal()).max():
            break
        for _ in range(even - 1):
            _rotate(rotated, vectors, order[: even // 2], order[even // 2 :][::-1])
            order[1:] = np.roll(order[1:], 1)
            yield
    values = rotated.diagonal()[:size]
    places = np.argsort(values, kind="stable")
    return values[places], vectors[:size, :size][:, places]


def _rotate(rotated: Floats, vectors: Floats, first: Places, second: Places) -> None:
    """Make the elements at these pairs of places zero."""
    element = rotated[first, second]
    gap = rotated[second, second] - rotated[first, first]
    below = np.abs(gap) + np.hypot(gap, 2 * element)
    signed = 2 * element * np.where(gap < 0, -1.0, 1.0)
    tangent = np.divide(signed, below, out=np.zeros_like(below), where=below > 0)
    cosine = 1 / np.sqrt(1 + tangent * tangent)
    sine = cosine * tangent
    for rows in (rotated, rotated.T, vectors.T):
        one, other = rows[first], rows[second]
        rows[first] = cosine[:, None] * one - sine[:, None] * other
        rows[second] = sine[:, None] * one + cosine[:, None] * other
