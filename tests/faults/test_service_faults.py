"""What goes wrong behind a service is not felt in it, and what it drops it counts."""

from __future__ import annotations

import threading
import time

import pytest

from tests.acceptance._stores import eventually
from tests.faults._service import EXIT_CODE, SPANS_A_REQUEST, Books, Load, serving
from tests.faults._slow import Delay, http_proxy
from tests.faults._table import Row, report

pytestmark = [pytest.mark.stack, pytest.mark.slow]

UP_S, DOWN_S, SLOW_S = 4.0, 14.0, 5.0
BATCH = 512
_MEMORY_MIB = 64


def test_collector_down(site, tmp_path):
    """The Collector dies and returns: all is answered, and what did not arrive is counted."""
    with (
        site.collector("service") as collector,
        serving(collector.url("collector"), tmp_path / "app") as service,
    ):
        with Load(service) as load:
            began = time.monotonic()
            time.sleep(UP_S)
            with_it, before_mib = load.measured(began), service.resident_mib
            collector.kill("collector")
            began = time.monotonic()
            time.sleep(DOWN_S)
            without, after_mib = load.measured(began), service.resident_mib
            collector.restart("collector")
            time.sleep(UP_S)
        exit_code = service.stop()
        books = Books(site.stores, service, load)
        due = SPANS_A_REQUEST * load.requests - service.dropped("traces")
        books.settle(lambda: len(books.spans) >= due)
        due = load.requests - service.dropped("logs")
        eventually(lambda: books.logged() >= due, expected=True)
        eventually(lambda: books.counted("ml_predictions_total"), {"": load.requests})
        counted = books.counted("otelml_dropped_total", "otelml_signal")
        fault = f"Collector SIGKILL for {DOWN_S:.0f} s, in the service"
        note = (
            f"with it {with_it}, without {without}; {before_mib} MiB, then {after_mib} MiB; "
            f"ended within {service.stopping_s:.1f} s"
        )
        rows = books.row(fault, note), books.row_of_logs(fault)
    for row in rows:
        report(row)
        # What was under way at the kill may have been taken, with nobody left to say so.
        assert 0 <= row.arrived + row.dropped - row.sent <= BATCH
        assert row.dropped == counted[{"spans": "traces"}.get(row.signal, row.signal)]
        assert row.dropped > 0
    assert (load.statuses, exit_code) == ({200}, EXIT_CODE)
    assert [book["errors"] for book in service.books] == [{}]
    assert "Traceback" not in service.log.read_text()
    assert after_mib - before_mib < _MEMORY_MIB


def test_no_collector(tmp_path):
    """With nothing there from the start all is answered, dropped and counted, and it ends."""
    with serving("http://127.0.0.1:9", tmp_path / "app") as service:
        with Load(service) as load:
            began = time.monotonic()
            load.wait_for(500)
            measured = load.measured(began)
        exit_code = service.stop()
    sent = SPANS_A_REQUEST * load.requests
    note = f"{measured}; ended within {service.stopping_s:.1f} s"
    dropped = service.dropped("traces")
    report(Row("no Collector at all", "spans", sent, 0, 0, 0, sent - dropped, dropped, note))
    assert (dropped, service.exported("traces")) == (sent, 0)
    # The service's last log line, which says what was not sent, is not sent either.
    assert (service.dropped("logs") - 1, service.exported("logs")) == (load.requests, 0)
    assert (load.statuses, exit_code) == ({200}, EXIT_CODE)
    assert "Traceback" not in service.log.read_text()


class Held(Delay):
    """A delay that knows how many requests it holds: a sender may end before its last one."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.now: set[int] = set()

    def wait(self) -> None:
        """Hold a request."""
        self.now.add(threading.get_ident())
        super().wait()
        self.now.discard(threading.get_ident())


def test_slow_collector(site, tmp_path):
    """A Collector that takes 5 s for a request slows nothing down and ends nothing late."""
    delay = Held(0.0)
    with (
        site.collector("slow-for-service") as collector,
        http_proxy(collector.url("collector"), delay) as proxy,
        serving(proxy, tmp_path / "app") as service,
    ):
        with Load(service) as load:
            began = time.monotonic()
            time.sleep(UP_S)
            quick, before_mib = load.measured(began), service.resident_mib
            delay.seconds = SLOW_S
            began = time.monotonic()
            time.sleep(DOWN_S)
            slow, after_mib = load.measured(began), service.resident_mib
        exit_code = service.stop()
        eventually(lambda: len(delay.now), 0)
        books = Books(site.stores, service, load)
        due = SPANS_A_REQUEST * load.requests - service.dropped("traces")
        books.settle(lambda: len(books.spans) >= due)
        note = (
            f"before {quick}, then {slow}; {before_mib} MiB, then {after_mib} MiB; "
            f"ended within {service.stopping_s:.1f} s"
        )
        row = books.row("Collector takes 5 s, in the service", note)
    report(row)
    assert row.lost == 0
    assert row.dropped > 0
    # What is under way at the end is given up, and may be taken all the same.
    assert row.arrived + row.dropped - row.sent <= BATCH
    assert (load.statuses, exit_code) == ({200}, EXIT_CODE)
    assert [book["errors"] for book in service.books] == [{}]
    assert "Traceback" not in service.log.read_text()
    assert after_mib - before_mib < _MEMORY_MIB


def test_sigterm_under_load(site, tmp_path):
    """Each request that was answered before shutdown has its span, and the exit code is kept."""
    with (
        site.collector("sigterm") as collector,
        serving(collector.url("collector"), tmp_path / "app") as service,
        Load(service, threads=4, may_end=True) as load,
    ):
        load.wait_for(1000)
        exit_code = service.stop()
        load.end()
        books = Books(site.stores, service, load)
        books.settle(lambda: not books.lost)
        note = f"ended within {service.stopping_s:.1f} s, {len(books.lost)} answered without span"
        row = books.row("SIGTERM under load", note)
        lost = books.lost
    report(row)
    assert (lost, row.lost, row.dropped, row.duplicates) == (set(), 0, 0, 0)
    assert (load.statuses, exit_code) == ({200}, EXIT_CODE)


@pytest.mark.parametrize("how", ["", "--preload"])
def test_gunicorn(how, site, tmp_path):
    """Four forked workers: each span once, four instances, and sums that are right."""
    command = (
        *("-m", "gunicorn", "-w", "4", "-b", "127.0.0.1:{port}", "--log-level", "warning"),
        *("--no-control-socket", *how.split(), "tests.faults._service_app:app"),
    )
    with (
        site.collector(f"gunicorn{how}") as collector,
        serving(collector.url("collector"), tmp_path / "app", command) as service,
    ):
        with Load(service, threads=8) as load:
            load.wait_for(1000)
        exit_code = service.stop()
        books = Books(site.stores, service, load)
        books.settle(lambda: len(books.spans) >= SPANS_A_REQUEST * load.requests)
        eventually(lambda: books.counted("ml_predictions_total"), {"": load.requests})
        by_instance = books.counted("ml_predictions_total", "service_instance_id")
        note = f"predictions by instance: {sorted(map(int, by_instance.values()))}"
        row = books.row(f"gunicorn, 4 workers {how}".strip(), note)
        lost = books.lost
    report(row)
    assert (row.arrived, row.duplicates, row.lost, row.dropped) == (row.sent, 0, 0, 0)
    assert (lost, len(by_instance)) == (set(), 4)
    assert (load.statuses, exit_code) == ({200}, 0)
