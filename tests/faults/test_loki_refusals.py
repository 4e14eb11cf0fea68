"""Logs to Loki, as containers have it: a stand-in refuses what Loki documents that it refuses."""

from __future__ import annotations

import time

import pytest
import yaml

from tests._loki import Limits, amount, configured, stand_in
from tests.acceptance._stores import eventually
from tests.faults._arrived import NOTHING_OF_ITS_OWN, counted
from tests.faults._sender import Sender, text
from tests.faults._table import Row, report
from tests.faults.conftest import COLLECTOR, TO_LOKI

pytestmark = [pytest.mark.stack, pytest.mark.slow]

ITEMS = 20
WEEK_S = amount(configured()["reject_old_samples_max_age"])
AHEAD_S = amount(configured()["creation_grace_period"])
_PROCESSORS = yaml.safe_load((COLLECTOR / "config.yaml").read_text())["service"]["pipelines"][
    "logs"
]["processors"]
# The Collector leaves out what Loki refuses for its time; without that, Loki is asked.
UNFILTERED = {
    **NOTHING_OF_ITS_OWN,
    "service": {
        "pipelines": {
            **NOTHING_OF_ITS_OWN["service"]["pipelines"],
            "logs": {"processors": [name for name in _PROCESSORS if name != "filter/time"]},
        }
    },
}


@pytest.fixture
def loki(request):
    """A stand-in with the limits of the test."""
    with stand_in(getattr(request, "param", None)) as found:
        yield found


@pytest.fixture
def collector(site, loki, request, tmp_path):
    """A Collector as users of Loki run it, exporting to the stand-in."""
    overlay = UNFILTERED if "unfiltered" in request.keywords else NOTHING_OF_ITS_OWN
    with site.collector(
        tmp_path.name, overlay=overlay, base=TO_LOKI, OTELML_LOKI_URL=loki.url
    ) as running:
        yield running


def row(fault: str, sender: Sender, loki, dropped: int, note: str) -> None:
    """Report how the lines fared."""
    sent, acknowledged = len(sender.sent["logs"]), len(sender.acknowledged["logs"])
    arrived = len(set(loki.lines))
    again = len(loki.lines) - arrived
    report(
        Row(
            fault, "logs", sent, acknowledged, arrived, again, acknowledged - arrived, dropped, note
        )
    )


def test_what_is_good_is_kept(site, loki, collector):
    """Nothing of ordinary lines is refused: the shapes that the exporter sends are Loki's."""
    sender = Sender(collector.url("collector"))
    assert sender.send("logs", ITEMS) == 200
    eventually(lambda: len(loki.lines), ITEMS)
    assert (set(loki.statuses), counted(site.stores, "exporter_sent", "logs")) == ({204}, ITEMS)


@pytest.mark.parametrize("ahead_s", [-WEEK_S - 60, AHEAD_S + 60], ids=["a week old", "ahead"])
def test_impossible_times_never_get_there(site, loki, collector, ahead_s):
    """The Collector leaves them out and counts them, so Loki refuses nothing for its time."""
    sender = Sender(collector.url("collector"))
    assert sender.send_mixed("logs", [(ITEMS, 0), (ITEMS, ahead_s)]) == 200
    eventually(lambda: len(loki.lines), ITEMS)
    filtered = site.stores.counted("otelcol_processor_filter_logs_filtered")
    row("Loki: impossible times", sender, loki, int(filtered), "left out by filter/time")
    assert (filtered, set(loki.statuses), loki.refused) == (ITEMS, {204}, {})


@pytest.mark.unfiltered
@pytest.mark.parametrize(
    ("ahead_s", "reason"),
    [(-WEEK_S - 60, "greater_than_max_sample_age"), (AHEAD_S + 60, "too_far_in_future")],
)
def test_refused_for_its_time(site, loki, collector, ahead_s, reason):
    """Refused for good: once, the lines beside it kept, the whole request counted as failed."""
    sender = Sender(collector.url("collector"))
    assert sender.send_mixed("logs", [(ITEMS, 0), (ITEMS, ahead_s)]) == 200
    eventually(lambda: counted(site.stores, "exporter_send_failed", "logs"), 2 * ITEMS)
    row(f"Loki: {reason}", sender, loki, 2 * ITEMS, "400, not retried; counts the whole request")
    assert (len(loki.lines), loki.refused, loki.statuses) == (ITEMS, {reason: ITEMS}, {400: 1})


def _post(sender: Sender, change) -> None:
    """Send one line, changed first."""
    numbers, body = sender._build("logs", [(1, 0.0)], 0)
    request = sender.request_of("logs", body)
    change(request.resource_logs[0])
    sender.sent["logs"].update(numbers)
    assert sender._post("logs", request.SerializeToString())[0] == 200
    sender.acknowledged["logs"].update(numbers)


def _long(resource) -> None:
    resource.scope_logs[0].log_records[0].body.string_value = "x" * 300_000


def _many_attributes(resource) -> None:
    record = resource.scope_logs[0].log_records[0]
    record.attributes.extend(text(f"number {n}", "x") for n in range(300))


def _many_labels(resource) -> None:
    resource.resource.attributes.extend(text(f"label {n}", "x") for n in range(16))


@pytest.mark.parametrize(
    ("loki", "change", "reason"),
    [
        (Limits(truncate=False), _long, "line_too_long"),
        (Limits(), _many_attributes, "structured_metadata_too_many"),
        (
            Limits(index_labels=tuple(f"label {n}" for n in range(16))),
            _many_labels,
            "max_label_names_per_series",
        ),
    ],
    ids=["line length", "attributes", "label count"],
    indirect=["loki"],
)
def test_refused_for_its_shape(site, loki, collector, change, reason):
    """Refused once, lost, counted; the next line is taken."""
    sender = Sender(collector.url("collector"))
    _post(sender, change)
    eventually(lambda: counted(site.stores, "exporter_send_failed", "logs"), 1)
    assert sender.send("logs", ITEMS) == 200
    eventually(lambda: len(loki.lines), ITEMS)
    row(f"Loki: {reason}", sender, loki, 1, "400, not retried")
    assert (loki.refused, loki.statuses[400]) == ({reason: 1}, 1)


def test_a_long_line_is_cut_as_configured(site, loki, collector):
    """With `max_line_size_truncate` a line too long is cut, not lost."""
    sender = Sender(collector.url("collector"))
    _post(sender, _long)
    eventually(lambda: [len(line) for line in loki.lines], [amount(configured()["max_line_size"])])
    assert counted(site.stores, "exporter_send_failed", "logs") == 0


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_said_to_come_again(site, loki, collector, status):
    """Asked to wait or met by a failure, the exporter sends the same again: nothing is lost."""
    loki.answers += [status] * 2
    sender = Sender(collector.url("collector"))
    assert sender.send("logs", ITEMS) == 200
    eventually(lambda: len(loki.lines), ITEMS)
    row(f"Loki answers {status} twice", sender, loki, 0, "retried")
    assert loki.statuses == {status: 2, 204: 1}
    assert counted(site.stores, "exporter_send_failed", "logs") == 0


@pytest.mark.parametrize("status", [401, 404, 413, 500])
def test_said_not_to_come_again(site, loki, collector, status):
    """Any other refusal is for good: sent once, lost, counted."""
    loki.answers.append(status)
    sender = Sender(collector.url("collector"))
    assert sender.send("logs", ITEMS) == 200
    eventually(lambda: counted(site.stores, "exporter_send_failed", "logs"), ITEMS)
    row(f"Loki answers {status}", sender, loki, ITEMS, "not retried")
    assert (loki.statuses, loki.lines) == ({status: 1}, [])


@pytest.mark.parametrize("loki", [Limits(rate_bytes=20_000)], indirect=True)
def test_over_the_rate(site, loki, collector):
    """Too much at once is refused for a while and sent again: all of it arrives."""
    sender = Sender(collector.url("collector"))
    for _ in range(10):
        assert sender.send("logs", ITEMS, pad=500) == 200
        time.sleep(0.3)
    eventually(lambda: len(set(loki.lines)), 10 * ITEMS)
    row("Loki: over its rate", sender, loki, 0, f"{loki.statuses[429]} times 429")
    assert loki.statuses[429] > 0
    assert counted(site.stores, "exporter_send_failed", "logs") == 0
