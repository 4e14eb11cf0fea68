"""Rows of a Parquet file: a few bytes of one can stand for gigabytes, so a chunk is bounded."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from otelml._bounded import MOST_COLUMNS
from otelml.exceptions import InvalidReferenceError, MissingDependencyError

__all__ = ["parquet_chunks"]

CHUNK_ROWS: Final = 20_000
MOST_CELLS: Final = 2_000_000
MOST_BYTES: Final = 64 << 20
MOST_TEXT: Final = 131_072  # as of a field of CSV


def parquet_chunks(path: str | Path) -> Iterator[dict[str, list[Any]]]:
    """Yield columns of a Parquet file, at most 64 MiB and 2,000,000 values at a time.

    Raises:
        InvalidReferenceError: It cannot be read, has more than 10,000 columns, a text of more than
            131,072 bytes, or a row that is larger than a chunk.
        MissingDependencyError: Without pyarrow.
    """
    try:
        parquet: Any = importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise MissingDependencyError("a Parquet file", "parquet") from error
    try:
        with parquet.ParquetFile(str(path)) as plain:
            about = plain.metadata
            size = _rows_of_chunk(about, path)
            # A text that comes often is kept once, until it is known how long all of them are.
            texts = [
                about.schema.column(place).path
                for place in range(about.num_columns)
                if about.schema.column(place).physical_type == "BYTE_ARRAY"
            ]
        with parquet.ParquetFile(str(path), read_dictionary=texts) as file:
            for batch in file.iter_batches(batch_size=size):
                yield from _small(batch, path)
    except InvalidReferenceError:
        raise
    except (OSError, ValueError) as error:
        raise InvalidReferenceError(f"cannot read {path}: {error}") from error


def _rows_of_chunk(about: Any, path: str | Path) -> int:
    """Return how many rows to read at a time, by what the file says of itself.

    Raises:
        InvalidReferenceError: There are too many columns, or a row alone is too much.
    """
    if about.num_columns > MOST_COLUMNS:
        raise InvalidReferenceError(
            f"{path} has {about.num_columns:,} columns; {MOST_COLUMNS:,} at most"
        )
    size = CHUNK_ROWS
    for place in range(about.num_row_groups):
        group = about.row_group(place)
        rows = max(1, group.num_rows)
        cells = sum(group.column(each).num_values for each in range(group.num_columns)) / rows
        if cells > MOST_CELLS or group.total_byte_size / rows > MOST_BYTES:
            raise _too_large(path)
        size = min(
            size,
            int(MOST_CELLS / max(1.0, cells)),
            int(MOST_BYTES / max(1.0, group.total_byte_size / rows)),
        )
    return max(1, size)


def _too_large(path: str | Path) -> InvalidReferenceError:
    return InvalidReferenceError(
        f"cannot read {path}: a row has more than {MOST_BYTES >> 20} MiB or {MOST_CELLS:,} values"
    )


def _small(batch: Any, path: str | Path) -> Iterator[dict[str, list[Any]]]:
    """Yield a batch in as many parts as it takes.

    Raises:
        InvalidReferenceError: A row alone is too much.
    """
    if _size_of(batch, path) <= MOST_BYTES:
        yield batch.to_pydict()
    elif batch.num_rows > 1:
        half = batch.num_rows // 2
        yield from _small(batch.slice(0, half), path)
        yield from _small(batch.slice(half), path)
    else:
        raise _too_large(path)


def _size_of(batch: Any, path: str | Path) -> int:
    """Return how many bytes the values of a batch have, those that come often each time.

    Raises:
        InvalidReferenceError: A text is too long.
    """
    compute: Any = importlib.import_module("pyarrow.compute")
    types: Any = importlib.import_module("pyarrow.types")
    size = 0
    for column in batch.columns:
        if not types.is_dictionary(column.type):
            size += column.nbytes
            continue
        size += column.indices.nbytes
        each = compute.binary_length(column.dictionary)
        if (compute.max(each).as_py() or 0) > MOST_TEXT:
            raise InvalidReferenceError(
                f"cannot read {path}: a text is longer than {MOST_TEXT:,} bytes"
            )
        size += compute.sum(each.take(column.indices.drop_null())).as_py() or 0
    return size
