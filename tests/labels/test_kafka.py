"""Labels in a topic of a real Kafka broker."""

from __future__ import annotations

import json
import threading
import time

import pytest

from engines.kafka.broker import PARTITIONS, Broker
from engines.process import wait_until_free
from otelml.config import KafkaLabels
from otelml.exceptions import LabelSourceError
from otelml.labels import LabelStore
from otelml.labels.sources import open_reader
from tests._ids import reader
from tests.labels._campaign import (
    Campaign,
    check_followed,
    follow_and_kill,
    token_of,
    wait_for,
)

pytestmark = pytest.mark.stack


def _free_ports() -> int:
    """Return the first of two ports in a row, below those that clients are given."""
    for first in range(29_100, 29_900, 7):
        if not wait_until_free([first, first + 1], 0):
            return first
    return pytest.fail("no free ports")


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with Broker(tmp_path_factory.mktemp("kafka"), _free_ports()) as broker:
        yield broker


def _send(broker, topic, messages):
    """Put messages into a topic, each prediction's into one partition, so that their order stays."""
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": broker.address, "acks": "all"})
    for key, value in messages:
        text = value if value is None or isinstance(value, bytes) else json.dumps(value).encode()
        producer.produce(topic, text, key=key.encode())
        producer.poll(0)
    assert producer.flush(60) == 0


def _message(item):
    number, id_, actual, when = item
    return str(number), {"loan": {"id": id_}, "outcome": actual, "told": when}


FIELDS = {"id": "loan.id", "actual": "outcome", "timestamp": "told"}


@pytest.mark.parametrize("count", [1000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_a_topic(tmp_path, broker, count):
    """Labels of several partitions, the service killed twice: each is counted once."""
    campaign, url = Campaign.of(count), f"sqlite:///{tmp_path}/labels.db"
    topic = f"outcomes-{count}"
    _send(broker, topic, map(_message, campaign.items))
    source = {
        "kind": "kafka", "name": "bus", "brokers": broker.address, "topic": topic,
        "group": topic, "fields": FIELDS, "settings": {"session.timeout.ms": "6000"},
    }  # fmt: skip
    report = follow_and_kill(campaign, url, "bus", {"sources": [source]})
    check_followed(campaign, url, "bus", report)
    store = LabelStore(url)
    assert 1 < len([n for n in store.positions.summaries() if n.startswith("bus:")]) <= PARTITIONS
    store.close()


def _follow(store, options, taken):
    from otelml._feedback import Follower

    return Follower(options, store, reader(), taken.append)


def test_offsets_move_only_after_the_store_has_the_labels(tmp_path, broker):
    """Where the store fails, the same messages come again; what is no label is counted and passed."""
    good = {"loan": {"id": token_of(1)}, "outcome": "yes", "told": time.time()}
    bad = [b"{", b"[1]", None, {"outcome": "yes"}, {**good, "outcome": None}]
    _send(broker, "mixed", [("k", one) for one in (good, *bad)])
    options = KafkaLabels(
        name="bus", brokers=broker.address, topic="mixed", fields=FIELDS, group="mixed"
    )
    store = LabelStore(f"sqlite:///{tmp_path}/labels.db")
    broken = LabelStore(f"sqlite:///{tmp_path}/broken.db")
    with broken._engine.begin() as connection:
        connection.exec_driver_sql("drop table otelml_label_sources")
    taken = []
    failing = _follow(broken, options, taken)
    with pytest.raises(Exception, match="could not be stored"):
        failing.read(threading.Event())
    assert not taken
    follower = _follow(store, options, taken)
    wait_for(lambda: follower.read(threading.Event()) and taken)
    follower.close()
    (batch,) = taken
    assert [one.label.actual for one, _ in batch.labels] == ["yes"]
    assert [error.reason for _, error in batch.refused] == ["item", "item", "item", "malformed", "label"]  # fmt: skip
    again = []
    other = _follow(store, options, again)
    _send(broker, "mixed", [("k", {**good, "outcome": "no", "told": time.time()})])
    wait_for(lambda: other.read(threading.Event()) and again)
    other.close()
    assert [put.previous for batch in again for _, put in batch.labels] == ["yes"]
    assert not any(batch.refused for batch in again)
    store.close()


def test_a_broker_that_is_away_is_an_error(tmp_path):
    """It is said, not taken for a topic without labels."""
    options = KafkaLabels(name="bus", brokers="127.0.0.1:1", topic="none")
    reader = open_reader(options)
    with pytest.raises(LabelSourceError, match="down") as failed:
        list(reader.read(lambda _: None, threading.Event()))
    assert failed.value.reason
    reader.close()
