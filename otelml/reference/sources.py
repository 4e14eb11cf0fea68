"""Rows from files and databases, a chunk at a time, so that memory stays bounded."""

from __future__ import annotations

import csv
import importlib
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol, TypeVar

from otelml._bounded import MOST_COLUMNS, Lines
from otelml._shown import scrubbed
from otelml.exceptions import InvalidReferenceError, MissingDependencyError
from otelml.reference.parquet import parquet_chunks

CHUNK_ROWS = 20_000
_MOST_CELLS = 2_000_000  # of a chunk
_MOST_CHARACTERS = 64 << 20
_MOST_VALUES = 200_000_000  # of a table
_MISSING = {"", "na", "n/a", "nan", "null", "none", "nat"}


class _Mergeable(Protocol):
    def merge(self, other: Any) -> Any: ...


T = TypeVar("T", bound=_Mergeable)


def merged(parts: Iterable[T]) -> T:
    """Merge parts pairwise as a tree: what each thinning costs adds up to its height only.

    Raises:
        InvalidReferenceError: There are none.
    """
    waiting: list[tuple[int, T]] = []
    for part in parts:
        height, whole = 0, part
        while waiting and waiting[-1][0] == height:
            whole = waiting.pop()[1].merge(whole)
            height += 1
        waiting.append((height, whole))
    if not waiting:
        raise InvalidReferenceError("there are no rows to make a reference from")
    _, whole = waiting.pop()
    while waiting:
        whole = waiting.pop()[1].merge(whole)
    return whole


def csv_chunks(path: str | Path) -> Iterator[dict[str, list[Any]]]:
    """Yield columns of a CSV file with a header; numbers are read where a whole column is numbers.

    Raises:
        InvalidReferenceError: There is no such file, a row has not the header's columns or more
            than 8,388,608 characters, or there are more than 10,000 columns.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as file:
            lines = Lines(file)
            rows = csv.reader(lines)
            header = next(rows, None)
            if not header:
                raise InvalidReferenceError(f"{path} is empty")
            if len(header) > MOST_COLUMNS:
                raise InvalidReferenceError(
                    f"{path} has {len(header):,} columns; {MOST_COLUMNS:,} at most"
                )
            most_rows = max(1, min(CHUNK_ROWS, _MOST_CELLS // len(header)))
            chunk: list[list[str]] = []
            size = 0
            lines.next_row()
            for row in rows:
                if len(row) != len(header):
                    place = f"{path}, line {rows.line_num}"
                    raise InvalidReferenceError(f"{place}: {len(row)} values, not {len(header)}")
                chunk.append(row)
                size += lines.next_row()
                if len(chunk) == most_rows or size > _MOST_CHARACTERS:
                    yield _columns(header, chunk)
                    chunk, size = [], 0
            if chunk:
                yield _columns(header, chunk)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidReferenceError(f"cannot read {path}: {error}") from error


def _columns(header: list[str], rows: list[list[str]]) -> dict[str, list[Any]]:
    return {name: _values([row[i] for row in rows]) for i, name in enumerate(header)}


def _values(texts: list[str]) -> list[Any]:
    missing = [text.strip().lower() in _MISSING for text in texts]
    try:
        return [math.nan if no else float(text) for text, no in zip(texts, missing, strict=True)]
    except ValueError:
        return [None if no else text for text, no in zip(texts, missing, strict=True)]


def sql_chunks(url: str, query: str) -> Iterator[dict[str, list[Any]]]:
    """Yield columns of what a query returns.

    Raises:
        InvalidReferenceError: The query or the connection failed.
        MissingDependencyError: Without SQLAlchemy.
    """
    try:
        alchemy: Any = importlib.import_module("sqlalchemy")
    except ImportError as error:
        raise MissingDependencyError("a database", "sql") from error
    try:
        with alchemy.create_engine(url).connect() as connection:
            streamed = connection.execution_options(yield_per=CHUNK_ROWS)
            result = streamed.execute(alchemy.text(query))
            names = list(result.keys())
            for rows in result.partitions(CHUNK_ROWS):
                columns = [list(column) for column in zip(*rows, strict=True)]
                yield dict(zip(names, columns, strict=True))
    except (alchemy.exc.SQLAlchemyError, ValueError, TypeError) as error:
        said = scrubbed(str(getattr(error, "orig", None) or error).split("\n", 1)[0], [url])
        raise InvalidReferenceError(f"the query failed: {said}") from None


def bigquery_chunks(
    query: str, project: str | None = None, client: Any = None
) -> Iterator[dict[str, list[Any]]]:
    """Yield columns of what a BigQuery query returns.

    Raises:
        InvalidReferenceError: There are no credentials, or the query failed.
        MissingDependencyError: Without BigQuery's client.
    """
    try:
        bigquery: Any = importlib.import_module("google.cloud.bigquery")
        errors: Any = importlib.import_module("google.api_core.exceptions")
        auth: Any = importlib.import_module("google.auth.exceptions")
    except ImportError as error:
        raise MissingDependencyError("BigQuery", "bigquery") from error
    try:
        service = bigquery.Client(project=project) if client is None else client
        found = service.query_and_wait(query, page_size=CHUNK_ROWS)
        names = [field.name for field in found.schema]
        for page in found.pages:
            columns = [list(column) for column in zip(*(row.values() for row in page), strict=True)]
            if columns:
                yield dict(zip(names, columns, strict=True))
    except (errors.GoogleAPIError, auth.GoogleAuthError, OSError) as error:
        raise InvalidReferenceError(f"the query failed: {scrubbed(str(error))}") from error


def read_table(path: str | Path, most_rows: int | None = None) -> dict[str, list[Any]]:
    """Return all columns of a CSV file, or of a Parquet file if its name ends so.

    Args:
        path: The file.
        most_rows: How many rows are wanted, more or less; what comes after them is not read.

    Raises:
        InvalidReferenceError: It cannot be read, or holds more than 200,000,000 values.
    """
    chunks = parquet_chunks(path) if str(path).endswith(".parquet") else csv_chunks(path)
    table: dict[str, list[Any]] = {}
    cells = rows = 0
    for chunk in chunks:
        cells += sum(map(len, chunk.values()))
        if cells > _MOST_VALUES:
            raise InvalidReferenceError(f"{path} has more than {_MOST_VALUES:,} values")
        for name, values in chunk.items():
            table.setdefault(name, []).extend(values)
        rows += len(next(iter(chunk.values()), ()))
        if most_rows is not None and rows >= most_rows:
            break
    return table
