"""Eigenvectors in steps: numpy's own, and no step that is long."""

from __future__ import annotations

import numpy as np
import pytest

from otelml.drift.eigen import eigen_steps


def _run(matrix):
    steps, count = eigen_steps(matrix), 0
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return (*end.value, count)
        count += 1


def _correlations(size, seed):
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(40 + size, size)) @ generator.normal(size=(size, size))
    return np.corrcoef(values.T)


@pytest.mark.parametrize("size", [2, 3, 7, 50, 51])
def test_eigenvalues_are_those_of_numpy(size):
    """For even and odd sizes; the vectors are orthonormal and give the matrix back."""
    matrix = _correlations(size, size)
    values, vectors, steps = _run(matrix)
    np.testing.assert_allclose(values, np.linalg.eigh(matrix)[0], atol=1e-12)
    np.testing.assert_allclose(vectors * values @ vectors.T, matrix, atol=1e-12)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(size), atol=1e-12)
    assert steps >= size - 1


@pytest.mark.parametrize(
    "matrix",
    [np.eye(4), np.ones((5, 5)), np.zeros((3, 3)), np.diag([3.0, 1.0, 2.0]), -np.ones((2, 2))],
)
def test_equal_and_vanishing_eigenvalues(matrix):
    """Columns that are copies of each other, constant ones, and ones that share nothing."""
    values, vectors, _ = _run(matrix)
    np.testing.assert_allclose(values, np.linalg.eigvalsh(matrix), atol=1e-12)
    np.testing.assert_allclose(matrix @ vectors, vectors * values, atol=1e-12)
