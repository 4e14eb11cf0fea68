"""What is kept of a batch: an even part, bounded in cells."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse

from otelml._features import snapshot, table

ROWS = np.arange(25.0)[:, None] * np.ones((1, 2))
FORMS = {
    "array": lambda x: x,
    "pandas": lambda x: pd.DataFrame(x, columns=["a", "b"]),
    "polars": lambda x: pl.DataFrame(x, schema=["a", "b"]),
    "mappings": lambda x: [{"a": a, "b": b} for a, b in x.tolist()],
    "rows": lambda x: x.tolist(),
    "csr": sparse.csr_matrix,
    "coo": sparse.coo_matrix,
}


@pytest.mark.parametrize("form", FORMS)
def test_an_even_part_is_kept_with_the_last_row(form):
    """Of 25 rows 10 at most, at equal steps, up to the last one."""
    kept = snapshot(FORMS[form](ROWS), 10)
    columns = table(kept.data)
    assert kept.rows == 25
    assert columns is not None
    assert columns.values[:, 0].tolist() == [0, 3, 6, 9, 12, 15, 18, 21, 24]


@pytest.mark.parametrize("form", FORMS)
def test_what_is_few_is_kept_whole(form):
    """As many rows as wanted are all there."""
    columns = table(snapshot(FORMS[form](ROWS), 25).data)
    assert columns is not None
    assert np.array_equal(columns.values, ROWS)


def test_cells_are_bounded_whatever_the_width():
    """A wide batch keeps fewer rows; a wide sparse one, of texts most likely, none."""
    wide = snapshot(np.zeros((3000, 1000), np.float32), 3000)
    assert wide.rows == 3000
    assert wide.data.size <= 1_000_000
    texts = snapshot(sparse.csr_matrix((10, 100_000)), 10)
    assert (texts.rows, texts.data) == (10, None)


def test_a_sparse_matrix_that_is_changed_later_is_kept_as_it_was():
    """The copy is the snapshot's own."""
    matrix = sparse.csr_matrix(ROWS[:5])
    kept = snapshot(matrix, 10)
    matrix.data[:] = -1
    columns = table(kept.data)
    assert columns is not None
    assert np.array_equal(columns.values, ROWS[:5])
