"""Kafka as the durable hop: a real broker between two Collectors."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, replace

import pytest

from engines.kafka.broker import Broker
from engines.stack import Stack
from tests.acceptance._stores import Stores
from tests.faults._arrived import Arrived
from tests.faults._sender import SIGNALS, Sender, load
from tests.faults._table import report
from tests.overlays._traces import Trace, send_apart
from tests.overlays.conftest import free_ports, until

pytestmark = [pytest.mark.stack, pytest.mark.slow]

PRODUCER = "overlays/kafka-producer.yaml"
CONSUMER = "overlays/kafka-consumer.yaml"
# Logs as they are, also sent to the topic of spans, where they are no OTLP.
POISON = """
exporters:
  kafka/poison:
    brokers: ["${env:OTELML_KAFKA_BROKERS}"]
    logs: {topic: otlp_spans, encoding: raw}
service:
  pipelines:
    logs: {exporters: [kafka, kafka/poison]}
"""
# What the receiver knows of a message, as an attribute of its spans.
SHOW_PARTITION = """
processors:
  attributes/partition:
    actions: [{key: partition, from_context: metadata.kafka.partition, action: insert}]
service:
  pipelines:
    traces: {processors: [attributes/partition]}
"""


@dataclass
class Hop:
    """A sending Collector, a broker and a receiving Collector."""

    sending: Stack
    broker: Broker
    receiving: Stack

    def arrived(self, sender: Sender) -> Arrived:
        """Return who counts a sender's items in the stores."""
        return Arrived(Stores(self.receiving), sender)

    def taken(self, signal: str) -> int:
        """Return how many items the receiving Collector has read since it was started."""
        name = {"spans": "spans", "points": "metric_points", "logs": "log_records"}[signal]
        counter = f"otelcol_receiver_accepted_{name}"
        return round(Stores(self.receiving).counted(counter, receiver="kafka"))


@pytest.fixture(scope="module")
def hop(site, tmp_path_factory):
    """The three of them, running."""
    with ExitStack() as running:
        broker = Broker(tmp_path_factory.mktemp("kafka"), free_ports(2)[0])
        running.enter_context(broker)
        brokers = {"OTELML_KAFKA_BROKERS": broker.address}
        show = site.overlay("show-partition", SHOW_PARTITION)
        receiving = running.enter_context(site.collector("receiving", CONSUMER, show, **brokers))
        sending = running.enter_context(site.collector("sending", PRODUCER, **brokers))
        yield Hop(sending, broker, receiving)


@pytest.fixture
def sender(hop):
    """A sender to the sending Collector."""
    sender = Sender(hop.sending.url("collector"))
    yield sender
    sender.close()


def test_requests_larger_than_a_message(hop, sender):
    """Small requests arrive, and so do those that are larger than what a broker takes at once."""
    for signal in SIGNALS:
        assert sender.send(signal, 50) == 200
    assert sender.send("spans", 2000, pad=2000) == 200
    assert sender.send("logs", 2000, pad=2000) == 200
    assert sender.send("points", 15000) == 200
    arrived = hop.arrived(sender)
    assert {signal: len(arrived.settle(signal, 60)) for signal in SIGNALS} == dict.fromkeys(
        SIGNALS, 0
    )
    for signal in SIGNALS:
        report(arrived.row("Kafka hop, requests of 3 to 5 MB", signal))


def test_a_trace_stays_in_its_partition(hop):
    """Spans of a trace that are sent apart go through one partition; traces use all of them."""
    traces = [Trace(children=2) for _ in range(40)]
    send_apart(hop.sending.url("collector"), traces)
    stores = Stores(hop.receiving)

    def partitions() -> list[list[str]] | None:
        spans = [stores.trace(trace.id) for trace in traces]
        return (
            [[s.tags["partition"] for s in found] for found in spans]
            if all(len(found) == 3 for found in spans)
            else None
        )

    found = until(partitions)
    assert found
    assert [len(set(of_trace)) for of_trace in found] == [1] * len(traces)
    assert {of_trace[0] for of_trace in found} == {"0", "1", "2", "3"}


def test_what_is_no_telemetry_stops_nothing(hop, site, sender):
    """A message that cannot be read is passed over and counted; those behind it are read."""
    stray = site.collector(
        "stray",
        PRODUCER,
        site.overlay("poison", POISON),
        OTELML_KAFKA_BROKERS=hop.broker.address,
    )
    stores = Stores(hop.receiving)
    with stray:
        lines = Sender(stray.url("collector"))
        for _ in range(8):
            assert lines.send("logs", 1) == 200
        assert not hop.arrived(lines).settle("logs")
        lines.close()
    until(lambda: stores.counted("otelcol_kafka_receiver_unmarshal_failed_spans"))
    for _ in range(8):
        sender.send("spans", 5)
    assert not hop.arrived(sender).settle("spans", 30)
    assert stores.counted("otelcol_kafka_receiver_unmarshal_failed_spans") > 0


def test_broker_and_consumer_killed(hop, sender):
    """The broker is killed and comes back, then the consumer: nothing acknowledged is lost."""
    first = {signal: hop.taken(signal) for signal in SIGNALS}
    with load(sender):
        time.sleep(2)
        hop.broker.kill()
        time.sleep(3)
        hop.broker.start()
        time.sleep(3)
        before = {signal: hop.taken(signal) for signal in SIGNALS}
        hop.receiving.kill("collector")
        time.sleep(1)
        hop.receiving.restart("collector")
        time.sleep(3)
    arrived = hop.arrived(sender)
    missing = {signal: len(arrived.settle(signal, 60)) for signal in SIGNALS}
    for signal in SIGNALS:
        row = arrived.row("Kafka: broker, then consumer SIGKILL", signal)
        # The stores keep one of the same; points are read with the Collectors' own.
        read = before[signal] - first[signal] + hop.taken(signal)
        again = 0 if signal == "points" else max(0, read - row.arrived)
        report(replace(row, duplicates=again, note="duplicates: read again, at least"))
    assert missing == dict.fromkeys(SIGNALS, 0)
    unacknowledged = {signal: sender.unacknowledged(signal) for signal in SIGNALS}
    assert unacknowledged == dict.fromkeys(SIGNALS, 0)
