"""One source of labels, read from where it was left: checked, kept, passed on."""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil

from otelml import semconv_quality as names
from otelml._feedback.rows import Known, labels_of
from otelml._label_options import LabelsFrom
from otelml._prediction import IdReader
from otelml._state import ProcessState
from otelml.exceptions import FeedbackError, LabelSourceError

if TYPE_CHECKING:
    from otelml.labels import LabelStore, Put
    from otelml.labels.sources import Batch, Reader, Stop

_LEASE_S = 10.0
_OWNERS: ProcessState[dict[int, str]] = ProcessState({})  # by process: a child's is another


def owner() -> str:
    """Return what names this process in the store: host, process, its start, a random word."""
    pid = os.getpid()
    if pid not in _OWNERS.value:
        started = int(psutil.Process(pid).create_time())
        text = f"{socket.gethostname()[:100]}/{pid}/{started}/{secrets.token_hex(4)}"
        # Sources have a thread each: the first of them names the process, for all.
        _OWNERS.value.setdefault(pid, text)
    return _OWNERS.value[pid]


def is_dead(text: str) -> bool:
    """Whether an owner was a process of this host that has ended."""
    host, pid, started, _ = (*text.split("/"), "", "", "", "")[:4]
    if host != socket.gethostname()[:100] or not pid.isdecimal():
        return False
    try:
        return str(int(psutil.Process(int(pid)).create_time())) != started
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:
        return False


class Taken(NamedTuple):
    """What became of a batch of rows.

    Args:
        labels: Each label that was kept, with what became of it, in order.
        refused: Each row that was none, its place in the batch and why.
        is_last: Whether the source had nothing more.
    """

    labels: list[tuple[Known, Put]]
    refused: list[tuple[int, FeedbackError]]
    is_last: bool

    def counts(self) -> Counter[str]:
        """Return how many rows there were of each kind."""
        found = Counter({names.ROW_REFUSED: len(self.refused)} if self.refused else {})
        for known, put in self.labels:
            if put.previous is None:
                found[names.ROW_ACCEPTED] += 1
            else:
                same = put.previous == known.label.actual
                found[names.ROW_DUPLICATE if same else names.ROW_CONFLICT] += 1
        return found


class Follower:
    """Reads one source into a store; what was read before is not read again.

    Args:
        options: The source.
        store: Where labels go, and where the position is kept.
        ids: Reads prediction ids.
        on_taken: Told what became of each batch, once that is on disk.
    """

    def __init__(
        self,
        options: LabelsFrom,
        store: LabelStore,
        ids: IdReader,
        on_taken: Callable[[Taken], object],
    ) -> None:
        self._options = options
        self._store = store
        self._ids = ids
        self._on_taken = on_taken
        self._reader: Reader | None = None

    def read(self, stop: Stop) -> bool:
        """Read to the end of what there is now.

        Args:
            stop: Ends it after a batch.

        Returns:
            Whether this process reads the source: False where another one does.

        Raises:
            FeedbackError: The store cannot be reached.
            LabelSourceError: The source cannot be read.
        """
        from otelml.labels.sources import open_reader

        if self._reader is None:
            self._reader = open_reader(self._options)
        try:
            return self._read(self._reader, stop)
        except BaseException:
            # What it has read and was not kept is read again.
            self.close()
            raise

    def _read(self, reader: Reader, stop: Stop) -> bool:
        if not self._lease(reader):
            return False
        leased = time.monotonic()
        for batch in reader.read(self._position, stop):
            self._take(reader, batch)
            if stop.is_set():
                break
            if time.monotonic() > leased + _LEASE_S / 2:
                if not self._lease(reader):
                    return False
                leased = time.monotonic()
        return True

    def _position(self, part: str) -> Any:
        return self._store.positions.get(self._name(part))[0]

    def _name(self, part: str) -> str:
        return f"{self._options.name}:{part}"[:200] if part else self._options.name

    def _lease(self, reader: Reader) -> bool:
        """Be the one process that reads, until well after the next look."""
        if reader.is_shared:
            return True
        seconds = _LEASE_S + 2 * self._options.every_s
        return self._store.positions.lease(self._options.name, owner(), seconds, is_dead)

    def _take(self, reader: Reader, batch: Batch) -> None:
        made = labels_of(batch.rows, self._store, self._ids, self._options.name)
        known = [one for one in made if isinstance(one, Known)]
        refused = [(n, one) for n, one in enumerate(made) if isinstance(one, FeedbackError)]
        puts = self._store.positions.put(
            self._name(batch.stream),
            None if reader.is_shared else owner(),
            batch.position,
            [one.label for one in known],
            Counter(error.reason for _, error in refused),
        )
        self._on_taken(Taken(list(zip(known, puts, strict=True)), refused, batch.is_last))
        reader.kept(batch)

    def close(self) -> None:
        """Let go of the source."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()

    def give_back(self) -> None:
        """Let another process read the source at once.

        Raises:
            FeedbackError: The store cannot be reached.
        """
        if self._reader is not None and not self._reader.is_shared:
            self._store.positions.lease(self._options.name, owner(), 0.0)

    def abandon(self) -> Any:
        """Return the reader of a parent process, for a child that must not close it."""
        reader, self._reader = self._reader, None
        return reader


def reason_of(error: BaseException) -> str:
    """Return a low-cardinality word for an error, the ``error.type`` of its counter."""
    if isinstance(error, (FeedbackError, LabelSourceError)):
        return error.reason
    return type(error).__name__
