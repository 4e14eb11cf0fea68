"""The Collector's queue has no room: by its own bound, and because its disk is full."""

from __future__ import annotations

import os
import signal as signals
import subprocess
import time
from contextlib import contextmanager, suppress

import pytest
from typing_extensions import Self

from tests._loki import stand_in
from tests.acceptance._stores import eventually
from tests.faults._arrived import NOTHING_OF_ITS_OWN, Arrived, counted
from tests.faults._sender import SIGNALS, Sender, load
from tests.faults._table import report
from tests.faults.conftest import BACKENDS, TO_LOKI

pytestmark = [pytest.mark.stack, pytest.mark.slow]

DISK_MIB = 6
FILE_MIB = 1
QUEUE_BYTES = "400000"
ITEMS = 50
_REFUSED_WITHIN_S = 60.0
# Longer than a retry may be put off here.
_LATE_S = 15.0


class SmallDisk:
    """A disk of a few MiB which others can fill.

    Only root can mount one; anybody else's Collector is given a bound of its files, past which its
    storage fails in the same place.

    Args:
        folder: Where to mount it.
    """

    def __init__(self, folder) -> None:
        self.folder = folder
        self._mounts = os.geteuid() == 0
        self._filler = folder / "filler"
        rebound = {"rebound_needed_threshold_mib": FILE_MIB, "rebound_trigger_threshold_mib": 0}
        bound = {"file_storage": {"max_size": FILE_MIB << 20, "compaction": rebound}}
        self.overlay = NOTHING_OF_ITS_OWN | ({} if self._mounts else {"extensions": bound})

    def __enter__(self) -> Self:
        self.folder.mkdir()
        if self._mounts:
            size = f"size={DISK_MIB}m"
            subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", self.folder], check=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self._mounts:
            subprocess.run(["umount", "--lazy", self.folder], check=True)

    def fill(self) -> None:
        """Leave no room on it."""
        if self._mounts:
            with self._filler.open("wb", buffering=0) as file, suppress(OSError):
                while file.write(bytes(4096)):
                    pass

    def empty(self) -> None:
        """Make room again."""
        self._filler.unlink(missing_ok=True)


@contextmanager
def frozen(site):
    """Let the backends stand still."""
    try:
        for name in BACKENDS:
            site.backends.process(name).signal(signals.SIGSTOP)
        yield
    finally:
        for name in BACKENDS:
            site.backends.process(name).signal(signals.SIGCONT)


def send_until_refused(sender: Sender, pad: int = 500, times: int = 20) -> None:
    """Send until every signal has been refused some times."""
    deadline = time.monotonic() + _REFUSED_WITHIN_S
    with load(sender, items=ITEMS, every_s=0.05, pad=pad):
        while not all(sender.statuses[signal][503] >= times for signal in SIGNALS):
            assert time.monotonic() < deadline, sender.statuses
            time.sleep(0.1)


def accepts_again(site, collector) -> None:
    """Assert that a new sender's items are taken and arrive."""
    after = Sender(collector.url("collector"))
    arrived = Arrived(site.stores, after)
    assert [after.send(signal, ITEMS) for signal in SIGNALS] == [200] * 3
    assert [arrived.settle(signal) for signal in SIGNALS] == [set()] * 3


def test_full_queue(site):
    """A full queue refuses with 503 and counts it exactly; what it took arrives, and it recovers."""
    with site.collector(
        "full", overlay=NOTHING_OF_ITS_OWN, OTELML_COLLECTOR_QUEUE_BYTES=QUEUE_BYTES
    ) as collector:
        sender = Sender(collector.url("collector"))
        with frozen(site):
            send_until_refused(sender)
            queue = collector.data / "collector/queue"
            disk_kib = sum(path.stat().st_blocks for path in queue.iterdir()) // 2
        arrived = Arrived(site.stores, sender)
        missing = {signal: arrived.settle(signal) for signal in SIGNALS}
        failed = {s: counted(site.stores, "exporter_enqueue_failed", s) for s in SIGNALS}
        for signal in SIGNALS:
            note = f"3 queues of {int(QUEUE_BYTES) // 1024} KiB took {disk_kib} KiB of disk"
            report(arrived.row("queue full", signal, dropped=failed[signal], note=note))
        accepts_again(site, collector)
    assert missing == {signal: set() for signal in SIGNALS}
    assert failed == {signal: sender.unacknowledged(signal) for signal in SIGNALS}
    assert disk_kib < 3 * 3 * int(QUEUE_BYTES) // 1024


def test_full_disk(site, tmp_path):
    """Somebody else fills the disk: the Collector lives, counts what it refuses, and recovers.

    It also loses some of what it took, as it cannot note what it takes out of the queue: that is
    why the queues are bounded. The loss is the difference of its counters.
    """
    with (
        SmallDisk(tmp_path / "disk") as disk,
        site.collector(
            "disk", overlay=disk.overlay, OTELML_COLLECTOR_QUEUE_DIR=str(disk.folder)
        ) as collector,
    ):
        sender = Sender(collector.url("collector"))
        arrived = Arrived(site.stores, sender)
        with frozen(site), load(sender, items=ITEMS, every_s=0.05, pad=500):
            time.sleep(1)
            disk.fill()
            time.sleep(4)
        disk.empty()
        accepts_again(site, collector)
        arrived.settle("spans", _LATE_S)
        lost = {signal: len(arrived.missing(signal)) for signal in SIGNALS}
        failed = {s: counted(site.stores, "exporter_enqueue_failed", s) for s in SIGNALS}
        gone = {
            s: counted(site.stores, "receiver_accepted", s)
            - counted(site.stores, "exporter_sent", s)
            for s in SIGNALS
        }
        for signal in SIGNALS:
            note = "the disk filled by others; lost = accepted less sent"
            report(arrived.row("queue disk full", signal, dropped=failed[signal], note=note))
        assert collector.healthy("collector")
    assert failed == {signal: sender.unacknowledged(signal) for signal in SIGNALS}
    assert sum(failed.values()) > 0
    assert gone == lost


def test_counters_agree(site):
    """What was accepted or refused is what was sent on, failed for good, or found no room."""
    with (
        # VictoriaLogs refuses no line with a status; Loki does.
        stand_in(store=site.stores.victorialogs) as loki,
        site.collector(
            "agree",
            overlay=NOTHING_OF_ITS_OWN,
            base=TO_LOKI,
            OTELML_LOKI_URL=loki.url,
            OTELML_COLLECTOR_QUEUE_BYTES=QUEUE_BYTES,
        ) as collector,
    ):
        sender = Sender(collector.url("collector"))
        with frozen(site):
            send_until_refused(sender)
        eventually(lambda: site.stores.counted("otelcol_exporter_queue_size"), 0)
        assert sender.send_refused_log() == 200
        eventually(lambda: counted(site.stores, "exporter_send_failed", "logs"), 1)
        counts = {
            (what, signal): counted(site.stores, what, signal)
            for signal in SIGNALS
            for what in (
                "receiver_accepted",
                "receiver_refused",
                "exporter_sent",
                "exporter_send_failed",
                "exporter_enqueue_failed",
            )
        }
    for signal in SIGNALS:
        came = counts["receiver_accepted", signal], counts["receiver_refused", signal]
        went = counts["exporter_sent", signal], counts["exporter_send_failed", signal]
        full = counts["exporter_enqueue_failed", signal]
        bad = int(signal == "logs")
        taken, refused = len(sender.acknowledged[signal]), sender.unacknowledged(signal)
        assert (*came, *went, full) == (taken + bad, refused, taken, bad, refused)
