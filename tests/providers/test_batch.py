"""The queue before an exporter: bounded, exact, never blocking."""

from __future__ import annotations

import threading
from time import monotonic

import pytest

from otelml._providers.batch import Batcher, BatchSettings
from otelml._providers.delivery import Outcome
from otelml._providers.stats import Stats


class _Target:
    """Takes payloads while it is open."""

    endpoint = protocol = "test"
    timeout_s = 5.0

    def __init__(self):
        self.payloads = []
        self.open = threading.Event()
        self.busy = threading.Event()
        self.renewed = 0

    def encode(self, items):
        return list(items)

    def send(self, payload, timeout_s):
        self.busy.set()
        if not self.open.wait(timeout_s):
            return Outcome(ok=False, error="closed")
        self.payloads.append(payload)
        return Outcome(ok=True)

    def renew(self):
        self.renewed += 1

    def close(self):
        pass

    def items(self):
        return [item for payload in self.payloads for item in payload]


@pytest.fixture
def target():
    one = _Target()
    yield one
    one.open.set()


def _batcher(target, queue_size=10, batch_size=5, delay_s=1000.0):
    return Batcher(target, Stats("traces"), BatchSettings(queue_size, batch_size, delay_s))


def test_full_batch_is_sent_without_waiting(target):
    """As many items as a payload holds wake the thread before the delay is over."""
    target.open.set()
    batcher = _batcher(target)
    for item in range(5):
        batcher.put(item)
    assert target.busy.wait(10)
    assert batcher.close(monotonic() + 10)
    assert target.items() == [0, 1, 2, 3, 4]


def test_delay_sends_a_part_of_a_batch(target):
    """Fewer items are sent when the delay is over."""
    target.open.set()
    batcher = _batcher(target, delay_s=0.01)
    batcher.put("one")
    assert target.busy.wait(10)
    assert batcher.close(monotonic() + 10)
    assert target.items() == ["one"]


def test_oldest_give_way(target):
    """A full queue keeps the newest items and counts the others."""
    batcher = _batcher(target, batch_size=1)
    batcher.put("in flight")
    assert target.busy.wait(10)
    for item in range(25):
        batcher.put(item)
    assert (batcher.size, batcher.dropped_full) == (11, 15)
    target.open.set()
    assert batcher.close(monotonic() + 10)
    assert target.items() == ["in flight", *range(15, 25)]


def test_counts_are_exact_with_many_threads(target):
    """Of items put by ten threads at once each is delivered or counted."""
    batcher = _batcher(target, queue_size=100, batch_size=10)
    barrier = threading.Barrier(10)

    def put(number):
        barrier.wait()
        for item in range(5000):
            batcher.put((number, item))
            if item == 2500:
                target.open.set()

    threads = [threading.Thread(target=put, args=(n,)) for n in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert batcher.close(monotonic() + 20)
    delivered = target.items()
    assert len(set(delivered)) == len(delivered)
    assert len(delivered) + batcher.dropped_full == 50_000
    assert batcher.stats.exported == len(delivered)


def test_counts_are_exact_when_closed_amid_puts(target):
    """Items put while the queue is being closed are delivered or counted too."""
    target.open.set()
    batcher = _batcher(target, queue_size=100_000, batch_size=50)
    started = threading.Event()
    put = [0] * 4

    def work(number):
        for item in range(20_000):
            batcher.put((number, item))
            put[number] += 1
            started.set()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    started.wait()
    batcher.close(monotonic() + 20)
    for thread in threads:
        thread.join()
    lost = batcher.stats.dropped["shutdown"] + batcher.dropped_full
    assert len(target.items()) + lost == sum(put) == 80_000


def test_flush_keeps_its_deadline(target):
    """A flush returns at its deadline, and the items are still delivered later."""
    batcher = _batcher(target)
    batcher.put("one")
    assert not batcher.flush(monotonic() + 0.05)
    target.open.set()
    assert batcher.flush(monotonic() + 10)
    assert batcher.close(monotonic() + 10)
    assert target.items() == ["one"]


def test_no_thread_before_the_first_item(target):
    """An unused queue costs no thread, and its flush and close succeed."""
    batcher = _batcher(target)
    before = threading.active_count()
    assert batcher.flush(monotonic() + 1)
    assert batcher.close(monotonic() + 1)
    assert threading.active_count() == before


def test_items_that_cannot_be_encoded_are_counted(target):
    """An encoder that raises loses the payload, and says so."""
    batcher = _batcher(target)
    target.encode = lambda items: 1 / 0
    batcher.put("one")
    assert not batcher.flush(monotonic() + 10)
    assert batcher.stats.dropped == {"export_failed": 1}
    assert batcher.stats.last_error == "the items cannot be encoded"
    batcher.close(monotonic())


def test_delivers_where_no_thread_can_be_started(target, monkeypatch):
    """During the interpreter's shutdown the caller delivers itself."""
    monkeypatch.setattr("otelml._providers.pump.Pump.start", lambda self: False)
    target.open.set()
    batcher = _batcher(target)
    batcher.put("one")
    assert batcher.flush(monotonic() + 10)
    batcher.put("two")
    assert batcher.close(monotonic() + 10)
    assert target.items() == ["one", "two"]
