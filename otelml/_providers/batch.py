"""The bounded queue before an exporter, for spans and log records alike."""

from __future__ import annotations

import threading
from collections import deque
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, replace
from os import getpid
from time import monotonic
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from opentelemetry.context import Context
from opentelemetry.sdk._logs import LogRecordProcessor, ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor

from otelml import _guard, _process, _threads
from otelml._privacy import clean_span, current_policy
from otelml._providers.delivery import Delivery, Target
from otelml._providers.encode import EncodedSpans, hide_in_encoded
from otelml._providers.encode_logs import EncodedLogs, encode_record
from otelml._providers.pump import Pump, is_exporting
from otelml._providers.stats import SHUTDOWN, Stats

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.sdk._logs import ReadWriteLogRecord
    from opentelemetry.sdk.trace import ReadableSpan

_T = TypeVar("_T")
_EMPTY = Context()
_DISCARD_S = 0.5


@dataclass(frozen=True)
class BatchSettings:
    """How items are gathered.

    Args:
        queue_size: Items that may wait; the oldest give way and are counted.
        batch_size: Items in one payload.
        delay_s: Seconds after which a smaller payload is sent.
    """

    queue_size: int
    batch_size: int
    delay_s: float


class Batcher(Generic[_T]):
    """Gathers items and delivers them on a thread of its own, started by the first item.

    Args:
        target: Where to.
        stats: Where results are counted.
        settings: How items are gathered.
    """

    def __init__(self, target: Target, stats: Stats, settings: BatchSettings) -> None:
        self.delivery = Delivery(target, stats)
        self.stats = stats
        self._settings = settings
        self._pump = Pump(f"otelml-{stats.signal}", self._work, self._pause)
        self._reset()

    def _reset(self) -> None:
        self._pid = getpid()
        self._queue: deque[_T] = deque()
        self._full_lock = _threads.Lock()
        self._full = 0
        self._in_flight = 0
        self._armed = False
        self._closed = False
        self._ended = False
        self._resource: Resource | None = None

    @property
    def size(self) -> int:
        """Items that wait or are under way."""
        return len(self._queue) + (0 if self._ended else self._in_flight)

    @property
    def dropped_full(self) -> int:
        """Items that gave way to newer ones."""
        return self._full

    def put(self, item: _T) -> None:
        """Queue an item; the oldest gives way where the queue is full. Never blocks."""
        if getpid() != self._pid:
            _process.renew()
        if self._closed:
            self.stats.drop(SHUTDOWN)
            return
        queue = self._queue
        queue.append(item)
        waiting = len(queue)
        if waiting > self._settings.queue_size:
            self._drop_oldest()
        elif self._armed and waiting >= self._settings.batch_size:
            self._armed = False
            self._pump.nudge()
        if not self._pump.started:
            self._pump.start()
        if self._ended:
            self._sweep()

    def put_all(self, items: Sequence[_T]) -> None:
        """Queue items that belong together; the oldest give way where the queue is full."""
        if getpid() != self._pid:
            _process.renew()
        if self._closed:
            self.stats.drop(SHUTDOWN, len(items))
            return
        queue = self._queue
        queue.extend(items)
        waiting = len(queue)
        # As many as came at most: other threads drop for what they put.
        for _ in range(min(len(items), waiting - self._settings.queue_size)):
            self._drop_oldest()
        if self._armed and waiting >= self._settings.batch_size:
            self._armed = False
            self._pump.nudge()
        if not self._pump.started:
            self._pump.start()
        if self._ended:
            self._sweep()

    def _sweep(self) -> int:
        """Count what nobody will deliver any more."""
        left = len(self._next(len(self._queue)))
        self.stats.drop(SHUTDOWN, left)
        return left

    def _drop_oldest(self) -> None:
        with self._full_lock:
            try:
                self._queue.popleft()
            except IndexError:  # the thread took everything in the meantime
                return
            self._full += 1

    def begin_flush(self) -> Callable[[float], bool]:
        """Ask for what is queued to be delivered; the result waits for it until a deadline."""
        if self._ended or not (self.size or self._pump.running):
            return lambda _: not self.size
        return self._pump.begin()

    def begin_close(self, closing: float) -> Callable[[float], bool]:
        """Ask for a last delivery until ``closing``; the result waits, and counts what is left."""
        if self._closed:
            return lambda _: True
        self._closed = True
        idle = not (self.size or self._pump.running)
        wait = None if idle else self._pump.begin(closing)

        def end(deadline: float) -> bool:
            ok = wait is None or wait(deadline)
            if self._pump.running:
                ok = False
                self.delivery.abandon(self._in_flight)
            self._ended = True
            left = self._sweep()
            self.delivery.target.close()
            return ok and not left

        return end

    def flush(self, deadline: float) -> bool:
        """Deliver what is queued; return whether all was before ``deadline``."""
        return self.begin_flush()(deadline)

    def close(self, deadline: float) -> bool:
        """Deliver what is queued and end the thread; what is left is counted as dropped."""
        return self.begin_close(deadline)(deadline)

    def rename(self, resource: Resource) -> None:
        """Send all items as of ``resource`` from now on, those that wait and that are open too."""
        self._resource = resource

    def discard(self) -> None:
        """Forget what waits, and end."""
        self._queue.clear()
        self.close(monotonic() + _DISCARD_S)

    def after_fork(self) -> None:
        """Leave the parent's items, thread and connections to the parent."""
        self._pump.after_fork()
        self._reset()
        self.delivery.reset()
        self.delivery.target.renew()

    def _pause(self) -> float:
        pause = self.delivery.pause_s()
        if pause > 0:
            return pause  # not armed: a full queue must not wake the thread again and again
        self._armed = True
        if len(self._queue) >= self._settings.batch_size:
            return 0.0
        return self._settings.delay_s

    def _work(self) -> bool:
        """Deliver what was queued by now."""
        self._armed = False
        if self.delivery.pause_s() > 0 and not self._pump.asked:
            return False
        ok = True
        left = len(self._queue)
        while left > 0:
            batch = self._next(min(left, self._settings.batch_size))
            if not batch:
                break
            left -= len(batch)
            ok = self._deliver(batch) and ok
            if not ok and self.delivery.pause_s() > 0 and self._pump.closing is None:
                break
            closing = self._pump.closing
            if closing is not None and (monotonic() >= closing or self.delivery.pause_s() > 0):
                break
        return ok

    def _deliver(self, batch: list[_T]) -> bool:
        self._in_flight = len(batch)
        resource = self._resource
        if resource is not None:
            batch = [self._renamed(item, resource) for item in batch]
        cleaned, count = self._cleaned(batch)
        try:
            return self.delivery.deliver(cleaned, count, self._pump)
        finally:
            self._in_flight = 0

    def _renamed(self, item: _T, resource: Resource) -> _T:
        raise NotImplementedError

    def _cleaned(self, batch: list[_T]) -> tuple[Sequence[Any], int]:
        """Return the items as they may leave, and how many they are."""
        return batch, len(batch)

    def _next(self, count: int) -> list[_T]:
        batch: list[_T] = []
        pop = self._queue.popleft
        with suppress(IndexError):  # the oldest gave way while they were taken
            batch.extend(pop() for _ in range(count))
        return batch


class SpanBatcher(Batcher["ReadableSpan | bytes"], SpanProcessor):
    """A span processor that queues sampled spans: as the SDK has them, or encoded already."""

    _like: ReadableSpan

    def on_end(self, span: ReadableSpan) -> None:
        """Queue a span that ended; one that is not sampled is nobody's."""
        context = span.context
        if context is not None and context.trace_flags.sampled:
            self.put(span)

    @property
    def takes_encoded(self) -> bool:
        """Whether what it exports to takes OTLP bytes."""
        return getattr(self.delivery.target, "takes_encoded", False)

    def put_encoded(self, spans: Sequence[bytes], like: ReadableSpan) -> None:
        """Queue sampled spans that are encoded.

        Args:
            spans: One field of ``ScopeSpans`` each, with tag and length.
            like: A span with their resource and scope.
        """
        self._like = like
        self.put_all(spans)

    def _renamed(self, item: ReadableSpan | bytes, resource: Resource) -> ReadableSpan | bytes:
        if not isinstance(item, bytes) and item.resource is not resource:
            item._resource = resource  # noqa: SLF001 - no public way
        return item

    def _cleaned(self, batch: list[ReadableSpan | bytes]) -> tuple[Sequence[Any], int]:
        policy = current_policy()
        encoded = [span for span in batch if isinstance(span, bytes)]
        others = batch if not encoded else [s for s in batch if not isinstance(s, bytes)]
        cleaned = [_guard.call("privacy", clean_span, span, policy) for span in others]
        out: list[Any] = [span for span in cleaned if span is not None]
        count = len(out) + len(encoded)
        if encoded:
            if policy.redacted:  # since they were encoded: else they would have come otherwise
                encoded = [hide_in_encoded(span, policy.hides) for span in encoded]
            like = self._like
            if self._resource is not None and like.resource is not self._resource:
                like = copy(like)
                like._resource = self._resource  # noqa: SLF001 - a copy of ours
            out.append(EncodedSpans(encoded, like))
        return out, count

    def shutdown(self) -> None:
        """Deliver for up to half a minute, as the SDK does, and end."""
        self.close(monotonic() + 30.0)

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Deliver what is queued, within the timeout."""
        return self.flush(monotonic() + timeout_millis / 1e3)


class _Specimens(threading.local):
    """Where a record goes that this thread makes to see how it is encoded."""

    caught: list[ReadableLogRecord] | None = None


_specimens = _Specimens()


class LogBatcher(Batcher["ReadableLogRecord | bytes"], LogRecordProcessor):
    """A log record processor that queues records: as the SDK has them, or encoded already."""

    _like: ReadableLogRecord

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Queue a record; those that exporting itself makes would never end, and are left out."""
        if is_exporting():
            return
        # The context may hold a whole request; the ids have been taken from it.
        record = copy(log_record.log_record)
        record.context = _EMPTY
        readable = ReadableLogRecord(
            log_record=record,
            resource=log_record.resource or Resource.get_empty(),
            instrumentation_scope=log_record.instrumentation_scope,
            limits=log_record.limits,
        )
        if _specimens.caught is not None:
            _specimens.caught.append(readable)
            return
        self.put(readable)

    @property
    def takes_encoded(self) -> bool:
        """Whether what it exports to takes OTLP bytes."""
        return getattr(self.delivery.target, "takes_encoded", False)

    def specimen(self, emit: Callable[[], object]) -> tuple[bytes, ReadableLogRecord]:
        """Return the record that ``emit`` makes, encoded, and as it is; it is not sent."""
        caught: list[ReadableLogRecord] = []
        _specimens.caught = caught
        try:
            emit()
        finally:
            _specimens.caught = None
        return encode_record(caught[0]), caught[0]

    def put_encoded(self, records: Sequence[bytes], like: ReadableLogRecord) -> None:
        """Queue records that are encoded.

        Args:
            records: One field of ``ScopeLogs`` each, with tag and length.
            like: A record with their resource and scope.
        """
        self._like = like
        self.put_all(records)

    def _renamed(
        self, item: ReadableLogRecord | bytes, resource: Resource
    ) -> ReadableLogRecord | bytes:
        if isinstance(item, bytes) or item.resource is resource:
            return item
        return replace(item, resource=resource)

    def _cleaned(self, batch: list[ReadableLogRecord | bytes]) -> tuple[Sequence[Any], int]:
        encoded = [record for record in batch if isinstance(record, bytes)]
        if not encoded:
            return batch, len(batch)
        out: list[Any] = [record for record in batch if not isinstance(record, bytes)]
        like = self._like
        if self._resource is not None:
            like = replace(like, resource=self._resource)
        return [*out, EncodedLogs(encoded, like)], len(batch)

    def shutdown(self) -> None:
        """Deliver for up to half a minute, as the SDK does, and end."""
        self.close(monotonic() + 30.0)

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Deliver what is queued, within the timeout."""
        return self.flush(monotonic() + timeout_millis / 1e3)
