"""Labels from a file of rows into a store: resumable, each row worked off once."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from otelml._bounded import Lines
from otelml._feedback.rows import labels_of
from otelml._label_options import FIELDS
from otelml._prediction import IdReader
from otelml.exceptions import FeedbackError

if TYPE_CHECKING:
    from otelml.labels import Label, LabelStore, Summary
    from otelml.labels.sources import Row, Unreadable

_CHUNK = 500
_BLOCK = 1 << 20
_MOST_COLUMNS = 100


def import_csv(
    path: str | PathLike[str],
    store: LabelStore,
    ids: IdReader,
    *,
    on_refused: Callable[[int, FeedbackError], None],
    on_progress: Callable[[int], None],
) -> Summary:
    """Put the labels of a CSV file into a store; what was done before is not done again.

    Args:
        path: The file: columns ``id`` or ``key``, ``actual``, and where wanted ``source``,
            ``reviewer`` and ``timestamp`` (ISO 8601, or seconds since the epoch).
        store: Where they go.
        ids: Reads prediction ids.
        on_refused: Told the row's number, from 1 without the header, and why.
        on_progress: Told how many more rows are done.

    Raises:
        FeedbackError: A column is missing or unknown, a row is longer than 8,388,608 characters, or
            the store cannot be reached.
        OSError: The file cannot be read.
    """
    digest = hashlib.sha256()
    with Path(path).open("rb") as raw:
        while block := raw.read(_BLOCK):
            digest.update(block)
    summary = store.progress(digest.hexdigest())
    with Path(path).open(newline="", encoding="utf-8-sig", errors="replace") as file:
        rows_of = _rows(file)
        skip = summary.done
        for chunk in _chunks(rows_of):
            done, rows = chunk[:skip], chunk[skip:]
            skip -= len(done)
            if done:
                on_progress(len(done))
            labels: list[Label] = []
            for made in labels_of([_row(row) for row in rows], store, ids, "import"):
                summary.done += 1
                if isinstance(made, FeedbackError):
                    summary.refused[made.reason] = summary.refused.get(made.reason, 0) + 1
                    on_refused(summary.done, made)
                else:
                    labels.append(made.label)
            if rows:
                store.put_many(labels, (digest.hexdigest(), summary))
                on_progress(len(rows))
    return summary


def _rows(file: TextIO) -> Iterator[dict[str, Any]]:
    lines = Lines(file)
    try:
        reader = csv.DictReader(lines)
        _check_columns(reader.fieldnames or ())
        lines.next_row()
        for row in reader:
            lines.next_row()
            yield row
    except csv.Error as error:
        raise FeedbackError(f"the file cannot be read: {error}", "file") from None


def _check_columns(columns: Any) -> None:
    columns = columns[:_MOST_COLUMNS]
    unknown = [str(name) for name in columns if name not in FIELDS]
    if unknown or "actual" not in columns or not {"id", "key"} & set(columns):
        raise FeedbackError(
            f"the columns are {', '.join(map(str, columns))[:200]}; they must be id or key, "
            "actual, and may be source, reviewer, timestamp",
            "columns",
        )


def _chunks(reader: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = []
    for row in reader:
        rows.append(row)
        if len(rows) == _CHUNK:
            yield rows
            rows = []
    yield rows


def _row(row: Mapping[Any, Any]) -> Row | Unreadable:
    from otelml.labels.sources import Unreadable

    if None in row:
        return Unreadable("it has more fields than columns")
    return row
