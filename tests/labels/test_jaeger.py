"""Labels find the trace of their prediction in a real Jaeger, whichever process takes them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial

import pytest

from engines.process import wait_until_free
from engines.stack import Stack
from engines.table import TABLE, Ports
from otelml._prediction.codec import Codec
from tests._ids import SECRET
from tests.acceptance._stores import Span, get
from tests.labels._campaign import wait_for

pytestmark = pytest.mark.stack


def _ports() -> Ports:
    for offset in range(17_000, 18_000, 97):
        ports = Ports(offset)
        jaeger = TABLE["jaeger"]
        if not wait_until_free([ports.of(jaeger.name, port) for port in jaeger.ports], 0):
            return ports
    return pytest.fail("no free ports for Jaeger")


@pytest.fixture(scope="module")
def jaeger(tmp_path_factory):
    with Stack(tmp_path_factory.mktemp("jaeger"), _ports(), engines=("jaeger",)) as stack:
        yield stack


class Replica:
    """A process that predicts and takes labels."""

    def __init__(self, name, store, endpoint) -> None:
        environ = {
            **os.environ, "OTEL_SDK_DISABLED": "", "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        }  # fmt: skip
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.labels._replica", name, store],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ,
        )  # fmt: skip

    def ask(self, **what):
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert answer.pop("flushed")
        return answer

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.wait(timeout=60)
        self._process.stdout.close()


def _labels(url, service):
    """Return the spans of labels that a service has sent."""
    found = get(f"{url}/api/traces", service=service, limit="100", operation="feedback loan")
    spans = [Span(raw) for trace in found["data"] for raw in trace["spans"]]
    return [span for span in spans if span.name == "feedback loan"]


def _has(url, service, count):
    return len(_labels(url, service)) == count


def test_a_label_links_to_its_prediction_from_any_process(jaeger, tmp_path):
    """One fed to another replica, one after a restart: both lead to the original trace."""
    store = f"sqlite:///{tmp_path}/labels.db"
    ports = jaeger.ports
    endpoint = f"http://127.0.0.1:{ports.of('jaeger', 'otlp_grpc')}"
    url = jaeger.url("jaeger")
    with Replica("first", store, endpoint) as first:
        made = [first.ask(do="predict")["id"] for _ in range(2)]
    with Replica("second", store, endpoint) as second:
        told = second.ask(do="label", id=made[0], actual="rejected", source="officer")
        assert told == {"outcome": "wrong"}
    with Replica("first", store, endpoint) as again:
        told = again.ask(do="label", id=made[1], actual="approved", source="officer")
        assert told == {"outcome": "correct"}
        told = again.ask(do="label", id=made[0], actual="rejected", source="officer")
        assert told == {"outcome": "duplicate"}
    for id_, service, labels in ((made[0], "second", 1), (made[1], "first", 2)):
        token = Codec([SECRET.encode()]).decode(id_)
        target = (f"{token.trace_id:032x}", f"{token.span_id:016x}")
        wait_for(partial(_has, url, service, labels))
        spans = _labels(url, service)
        assert [target in span.links for span in spans].count(True) == 1
        (trace,) = get(f"{url}/api/traces/{target[0]}")["data"]
        (prediction,) = [Span(raw) for raw in trace["spans"] if raw["spanID"] == target[1]]
        assert prediction.name == "predict loan"
        assert prediction.tags["ml.prediction.id"] == id_
