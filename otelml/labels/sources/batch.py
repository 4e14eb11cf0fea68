"""What all sources of labels share: rows in batches, each with the position after it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from otelml._label_options import FIELDS

SEEN_AT_MOST = 20_000
"""Rows of an overlap that are remembered; one that is not is found to be a duplicate later."""

Row = Mapping[str, Any]


class Unreadable(NamedTuple):
    """A row that is none.

    Args:
        message: What is wrong with it.
    """

    message: str


class Batch(NamedTuple):
    """Rows of a source.

    Args:
        stream: The part of the source that they are from; empty where it has no parts.
        rows: Each with ``id`` or ``key``, ``actual``, and more where known.
        position: Where the next read of this stream begins, once these rows are kept.
        is_last: Whether there was nothing more.
    """

    stream: str
    rows: Sequence[Row | Unreadable]
    position: Any
    is_last: bool = False


class Stop(Protocol):
    """Says when to end."""

    def is_set(self) -> bool:
        """Whether it is time."""
        ...


class Reader(Protocol):
    """Reads one source, again and again, on one thread."""

    @property
    def is_shared(self) -> bool:
        """Whether several processes may read at once, each its part."""
        ...

    def read(self, position_of: Callable[[str], Any], stop: Stop) -> Iterator[Batch]:
        """Yield what is new, until there is nothing more for now.

        Args:
            position_of: Returns where to begin a stream: what the last batch that was kept said.
            stop: Ends it early.

        Raises:
            LabelSourceError: It cannot be read.
        """
        ...

    def kept(self, batch: Batch) -> None:
        """Learn that a batch is on disk.

        Raises:
            LabelSourceError: The source does not take note.
        """
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


def at(content: Any, path: str) -> Any:
    """Return what is at a path such as ``data.items`` of nested objects; None where nothing is."""
    for name in path.split(".") if path else ():
        content = content.get(name) if isinstance(content, Mapping) else None
    return content


def row_of(content: Any, fields: Mapping[str, str]) -> Row | Unreadable:
    """Return the fields of a label in an object of the source.

    Args:
        content: What the source gave.
        fields: Where the fields are; those that are not named have their own names.
    """
    if not isinstance(content, Mapping):
        return Unreadable("it is no object")
    found = {
        name: content[path] if path in content else at(content, path)
        for name, path in ((name, fields.get(name, name)) for name in FIELDS)
    }
    return {name: plain(value) for name, value in found.items() if value is not None}


def plain(value: Any) -> Any:
    """Return a decimal number as an ordinary one, anything else as it is."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value


def digest_of(row: Any) -> str:
    """Return what tells a row from others: 64 bits of a hash of its content."""
    text = json.dumps(row, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()


class Seen:
    """Rows read already that a read meets again, because it begins a little earlier.

    Args:
        kept: Digests, as ``kept`` returned them.
    """

    def __init__(self, kept: Sequence[str] = ()) -> None:
        self._before = dict.fromkeys(kept)
        self._met: dict[str, Any] = {}

    def is_new(self, row: Any, mark: Any) -> bool:
        """Remember a row; return whether it is met for the first time.

        Args:
            row: Its content.
            mark: Its watermark.
        """
        digest = digest_of(row)
        is_new = digest not in self._met and digest not in self._before
        self._before.pop(digest, None)
        self._met[digest] = mark
        if len(self._met) > SEEN_AT_MOST:
            del self._met[next(iter(self._met))]
        return is_new

    def kept(self, since: Any, *, is_last: bool) -> list[str]:
        """Return what to remember.

        Args:
            since: Where the next read begins.
            is_last: Whether this one is at its end: what it did not meet will not be met again.
        """
        self._met = {
            digest: mark for digest, mark in self._met.items() if since is None or mark >= since
        }
        return [*(() if is_last else self._before), *self._met]
