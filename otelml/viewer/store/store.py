"""The store: one writer thread with batched transactions behind a bounded queue, many readers.

A batch's future completes after its commit, so what a sender saw acknowledged is on disk.
"""

from __future__ import annotations

import logging
import queue
import sqlite3
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Generator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

from otelml.exceptions import OtelmlError
from otelml.viewer.records import Batch
from otelml.viewer.store.admission import admit
from otelml.viewer.store.catalog import Catalog
from otelml.viewer.store.deferred import Deferred
from otelml.viewer.store.file import database_bytes, lock, resolved
from otelml.viewer.store.log_writer import LogWriter
from otelml.viewer.store.metric_writer import MetricWriter
from otelml.viewer.store.oldest import newest_ns
from otelml.viewer.store.retention import Retention
from otelml.viewer.store.schema import open_reader, open_writer
from otelml.viewer.store.span_writer import SpanWriter

_logger = logging.getLogger("otelml.viewer")
_READERS = 4
_GROUP_ITEMS = 20_000
_PRUNE_EVERY_S = 0.5
_PRUNE_SLICE_S = 0.05
# Senders wait for a second of deleting at most.
_PRUNE_SLICES = 20
_QUERY_LIMIT_S = 10.0
_PROGRESS_STEPS = 50_000
_RECENT_S = 60.0
_IDLE_AFTER_S = 90.0
_WRITE_ERRORS = (sqlite3.Error, ValueError, OverflowError, TypeError, KeyError)


class StoreUnavailableError(OtelmlError):
    """The store cannot take or answer now; the sender should try again later."""


class Store:
    """Telemetry in SQLite.

    Args:
        path: The database file; None for a temporary one that is removed by ``close``.
        retention_s: Seconds after which data is deleted.
        max_size_mb: Megabytes of data above which the oldest is deleted.
        queue_items: Spans, points and logs that may wait for the writer.
        queue_wait_s: Seconds that a sender waits for room before it is told to come back.
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        retention_s: float = 86_400.0,
        max_size_mb: float = 1024.0,
        queue_items: int = 100_000,
        queue_wait_s: float = 2.0,
    ) -> None:
        self._temporary = None
        if path is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="otelml-view-")
            path = Path(self._temporary.name) / "telemetry.db"
        self.path = path = resolved(path)
        self.retention_s, self.max_bytes = retention_s, int(max_size_mb * 1024 * 1024)
        self._queue_items, self._queue_wait_s = queue_items, queue_wait_s
        self._lock_connection = lock(path)
        try:
            self._connection = open_writer(
                path, durable=self._temporary is None, size_bytes=self.max_bytes
            )
        except BaseException:
            self._lock_connection.close()
            raise
        catalog = Catalog(self._connection)
        self._catalog = catalog
        self._spans = SpanWriter(self._connection, catalog)
        self._metrics = MetricWriter(self._connection, catalog)
        self._logs = LogWriter(self._connection, catalog)
        self._retention = Retention(self._connection, retention_s, self.max_bytes, path)
        self.totals: Counter[str] = Counter(
            dict(self._connection.execute("SELECT name, value FROM totals"))
        )
        self._readers: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue()
        for _ in range(_READERS):
            self._readers.put(open_reader(path))
        self._condition = threading.Condition()
        self._pending: list[tuple[Batch, Future[None]]] = []
        self._pending_items = 0
        self._closing = False
        newest = newest_ns(self._connection)
        self.last_received: float | None = None if newest is None else newest / 1e9
        self.version = 0
        self._deferred = Deferred()
        self.reasons: Counter[str] = Counter()
        self.requests: Counter[str] = Counter()
        self.expired = 0
        self._last_drop = -_RECENT_S
        self._last_prune = 0.0
        self._thread = threading.Thread(target=self._run, name="otelml-viewer-writer", daemon=True)
        self._thread.start()

    # --- writing -----------------------------------------------------------------------------
    @property
    def dropped(self) -> int:
        """Items whose sender was told to come back and has not yet."""
        return self._deferred.items

    def submit(self, batch: Batch) -> Future[None]:
        """Queue a batch; the future completes when it is committed.

        Raises:
            StoreUnavailableError: The queue stayed full, or the store is closed.
        """
        future: Future[None] = Future()
        size = len(batch)
        with self._condition:
            room = self._condition.wait_for(
                lambda: self._closing or not self._pending or self._fits(size), self._queue_wait_s
            )
            if not room or self._closing:
                self._defer(batch)
                raise StoreUnavailableError("the viewer's queue is full; try again later")
            self._pending.append((batch, future))
            self._pending_items += size
            self._condition.notify_all()
        return future

    def refuse(self, reason: str) -> None:
        """Count a request that was refused as a whole, of which nobody knows what it held."""
        with self._condition:
            self.requests[reason] += 1

    def _fits(self, size: int) -> bool:
        return self._pending_items + size <= self._queue_items

    def _defer(self, batch: Batch) -> None:
        self._deferred.add(batch)
        self._last_drop = time.monotonic()

    def _run(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._pending or self._closing, _PRUNE_EVERY_S)
                group = self._take_group()
                if not group and self._closing:
                    return
                self._condition.notify_all()
            if group:
                self._write_group(group)
            self._prune()

    def _take_group(self) -> list[tuple[Batch, Future[None]]]:
        taken = items = 0
        for batch, _ in self._pending:
            if taken and items + len(batch) > _GROUP_ITEMS:
                break
            taken += 1
            items += len(batch)
        group, self._pending = self._pending[:taken], self._pending[taken:]
        self._pending_items -= items
        return group

    def _write_group(self, group: list[tuple[Batch, Future[None]]]) -> None:
        """Commit the group at once; where that fails, each batch alone."""
        try:
            self._commit([batch for batch, _ in group])
        except _WRITE_ERRORS as error:
            self._rollback()
            if len(group) > 1:
                for each in group:
                    self._write_group([each])
                return
            batch, future = group[0]
            _logger.warning("the viewer could not store a batch: %s", error)
            with self._condition:
                self._defer(batch)
            if future.set_running_or_notify_cancel():
                future.set_exception(StoreUnavailableError(f"the store failed: {error}"))
            return
        self.last_received = time.time()
        self.version += 1
        with self._condition:
            for batch, _ in group:
                self._deferred.came(batch)
                self.reasons.update(batch.reasons)
        for _, future in group:
            # Who waited too long has gone; the writer goes on.
            if future.set_running_or_notify_cancel():
                future.set_result(None)

    def _commit(self, batches: list[Batch]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        added: Counter[str] = Counter()
        now_ns = time.time_ns()
        refused: list[Counter[tuple[str, str]]] = []
        for batch in batches:
            admit(batch, now_ns, self.retention_s)
            self._spans.new_traces = 0
            batch.added = Counter(
                spans=self._spans.write(batch.spans),
                logs=self._logs.write(batch.logs),
                points=self._metrics.write(batch.metrics),
            )
            batch.added["traces"] = self._spans.new_traces
            added.update(batch.added)
            refused.append(self._spans.refused + self._metrics.refused)
            self._spans.refused.clear()
            self._metrics.refused.clear()
        self._spans.flush()
        self._metrics.flush()
        self._add_totals(added)
        self._connection.execute("COMMIT")
        self.totals.update(added)
        # Only now: what is rolled back is tried again.
        for batch, found in zip(batches, refused, strict=True):
            for (reason, message), count in found.items():
                batch.reject(message, reason, count)

    def _add_totals(self, added: Counter[str]) -> None:
        self._connection.executemany(
            "INSERT INTO totals VALUES(?,?) ON CONFLICT DO UPDATE SET value=value+excluded.value",
            list(added.items()),
        )

    def _rollback(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        self._forget()

    def _forget(self) -> None:
        self._spans.refused.clear()
        self._metrics.refused.clear()
        self._catalog.forget()
        self._spans.forget()
        self._metrics.forget()

    def _prune(self) -> None:
        """Delete now and then; at once, and before more is taken, where there is too much."""
        if time.monotonic() - self._last_prune < _PRUNE_EVERY_S and not self._is_over():
            return
        for _ in range(_PRUNE_SLICES):
            if not self._prune_slice() or not self._is_over():
                return

    def _is_over(self) -> bool:
        try:
            return self._retention.is_over()
        except sqlite3.Error:
            return False  # the next write says what is wrong

    def _prune_slice(self) -> bool:
        """Delete for a short while, so that ingest goes on; return whether anything went."""
        started = time.monotonic()
        gone: Counter[str] = Counter()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            while time.monotonic() - started < _PRUNE_SLICE_S:
                step = self._retention.step(time.time_ns())
                if not any(step.values()):
                    break
                gone.subtract(step)
            self._add_totals(gone)
            self._connection.execute("COMMIT")
            self._retention.shrink()
        except sqlite3.Error as error:
            _logger.warning("the viewer could not delete old data: %s", error)
            self._rollback()
            gone.clear()
        self.totals.update(gone)
        self.expired -= sum(gone.values()) - gone["traces"]
        if gone or self._retention.tidied:
            self._retention.tidied = False
            self._forget()
        # More is left where the slice was used up: come back soon.
        self._last_prune = time.monotonic() - (0.8 * _PRUNE_EVERY_S if gone else 0.0)
        return any(gone.values())

    # --- reading -----------------------------------------------------------------------------
    @contextmanager
    def reader(self) -> Generator[sqlite3.Connection]:
        """Lend a read-only connection with one snapshot; a query that runs too long is ended.

        Raises:
            StoreUnavailableError: The query took too long, or no connection was free.
        """
        try:
            connection = self._readers.get(timeout=_QUERY_LIMIT_S)
        except queue.Empty:
            raise StoreUnavailableError("too many queries at a time; try again") from None
        deadline = time.monotonic() + _QUERY_LIMIT_S
        connection.set_progress_handler(lambda: time.monotonic() > deadline, _PROGRESS_STEPS)
        try:
            connection.execute("BEGIN")
            yield connection
        except sqlite3.OperationalError as error:
            reason = "the query took too long" if "interrupt" in str(error) else str(error)
            raise StoreUnavailableError(f"{reason}; try a shorter time range") from error
        finally:
            connection.set_progress_handler(None, 0)
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            self._readers.put(connection)

    def status(self) -> dict[str, object]:
        """Return the counters that the status page and the live events show."""
        now = time.time()
        last = self.last_received
        state = "idle"
        if self._deferred.items and time.monotonic() - self._last_drop < _RECENT_S:
            state = "dropping"
        elif last is not None and now - last < _IDLE_AFTER_S:
            state = "receiving"
        elif not any(self.totals.values()):
            state = "empty"
        return {
            "state": state,
            "last_received": None if last is None else last * 1000,
            "dropped": self._deferred.items,
            "rejected": sum(self.reasons.values()),
            "reasons": dict(self.reasons),
            "requests": dict(self.requests),
            "expired": self.expired,
            **{name: self.totals[name] for name in ("spans", "traces", "points", "logs")},
            "db_bytes": database_bytes(self.path),
            "max_bytes": self.max_bytes,
            "retention_s": self.retention_s,
            "queue": self._pending_items,
        }

    def close(self) -> None:
        """Store what is queued, then close; a temporary database is removed."""
        with self._condition:
            if self._closing:
                return
            self._closing = True
            self._condition.notify_all()
        self._thread.join()
        while not self._readers.empty():
            self._readers.get().close()
        self._connection.close()
        self._lock_connection.close()
        self.path.with_name(self.path.name + "-lock").unlink(missing_ok=True)
        if self._temporary is not None:
            self._temporary.cleanup()
