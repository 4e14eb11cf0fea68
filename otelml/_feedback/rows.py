"""Rows of a source, whatever it is, made into labels."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry.context import Context

from otelml._feedback.checking import checked
from otelml._feedback.kept import kept_label
from otelml._feedback.receive import decided, result_of
from otelml._feedback.records import FeedbackRecord
from otelml._feedback.seen import Said
from otelml._prediction import IdReader, Token
from otelml.exceptions import FeedbackError

if TYPE_CHECKING:
    from otelml.labels import Label, LabelStore
    from otelml.labels.sources import Row, Unreadable


class Known(NamedTuple):
    """A row that is a label.

    Args:
        token: The prediction's, decoded.
        label: The label, as the store keeps it.
    """

    token: Token
    label: Label


def labels_of(
    rows: Sequence[Row | Unreadable], store: LabelStore, reader: IdReader, source: str
) -> list[Known | FeedbackError]:
    """Return for each row its label, or why it is none.

    Args:
        rows: The rows.
        store: Knows the predictions of keys.
        reader: Reads prediction ids.
        source: The source of rows that name none.

    Raises:
        FeedbackError: The store cannot be reached.
    """
    keys = [str(row["key"]) for row in rows if isinstance(row, Mapping) and _by_key(row)]
    ids = store.find_many(keys) if keys else {}
    given = [row.get("id") for row in rows if isinstance(row, Mapping)]
    contents = reader.contents([*ids.values(), *(one for one in given if isinstance(one, str))])

    def read(text: str) -> Token:
        return reader.accept(text, contents)

    made: list[Known | FeedbackError] = []
    for row in rows:
        try:
            made.append(_label(row, ids, read, source))
        except FeedbackError as error:  # noqa: PERF203 - each on its own
            made.append(error)
    return made


def _by_key(row: Row) -> bool:
    return not row.get("id") and row.get("key") not in (None, "")


def _label(
    row: Row | Unreadable, ids: Mapping[str, str], read: Callable[[str], Token], source: str
) -> Known:
    if not isinstance(row, Mapping):
        raise FeedbackError(row.message, "item")
    prediction_id = row.get("id")
    if _by_key(row):
        prediction_id = ids.get(str(row["key"]))
        if prediction_id is None:
            raise FeedbackError("no prediction has this key", "key")
    actual = row.get("actual")
    token, origin, label, who, when = checked(
        prediction_id or "",
        "" if actual is None else actual,
        row.get("source") or source,
        row.get("reviewer") or None,
        time_of(row.get("timestamp")),
        read,
    )
    return Known(
        token, kept_label(token, origin, label, who, when, prediction_id=prediction_id or "")
    )


def time_of(given: Any) -> Any:
    """Return a time that is text as what ``feedback`` takes; now where there is none.

    Raises:
        FeedbackError: The text is no time.
    """
    if given in (None, ""):
        return time.time()
    if not isinstance(given, str):
        return given
    try:
        return float(given)
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(given.replace("Z", "+00:00"))
    except ValueError:
        raise FeedbackError(
            f"timestamp is {given[:80]!r}; it must be ISO 8601", "timestamp"
        ) from None


def record_of(
    known: Known, previous: str | None, standing: Sequence[Label], trust: Sequence[str]
) -> FeedbackRecord:
    """Return a label that no request has brought, on its way to the worker.

    Args:
        known: The label.
        previous: The one before of the same source.
        standing: What all sources say of the prediction now.
        trust: Sources, the most trusted first.
    """
    token, label = known
    said = Said(label.source, label.actual, label.time_ns)
    all_said = [Said(one.source, one.actual, one.time_ns) for one in standing]
    now = time.time_ns()
    return FeedbackRecord(
        token, result_of(token, said, previous), label.source, label.reviewer, label.time_ns,
        previous, Context(), now, now + 1, *decided(all_said, said, trust),
    )  # fmt: skip
