"""Spans that come encoded are batched, counted, sent and named as any other."""

from __future__ import annotations

import threading
from time import monotonic

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

import otelml
from otelml._prediction import install_runtime
from otelml._privacy import Policy, install_policy
from otelml._providers.batch import BatchSettings, SpanBatcher
from otelml._providers.delivery import Outcome
from otelml._providers.encode import EncodedSpans
from otelml._providers.stats import Stats
from otelml._startup.pipeline import Pipeline
from otelml.config import Config, LogOptions, PrivacyOptions

STAGES = ("feature_extraction", "inference", "post_processing")
NAMES = [*STAGES, "predict loan"]


@pytest.fixture
def pipeline():
    """Make a pipeline onto providers, driven by hand."""
    made = []

    def create(providers):
        one = Pipeline(Config(logs=LogOptions(enabled=False)), providers)
        install_runtime(one.runtime)
        made.append(one)
        return one

    yield create
    for one in made:
        one.stop(monotonic() + 5)


def predict(count=1):
    for _ in range(count):
        with otelml.prediction("loan", version="3", features={"a": 1}) as p:
            for stage in STAGES:
                with p.stage(stage):
                    pass
            p.set_result(label="approved", confidence=0.9)


def taken(one):
    return one.processor.plans.taken


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_arrive_over_http(server, make, pipeline, soon, monkeypatch, compression):
    """The endpoint reads them as spans with their resource and scope, beside ordinary ones."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", compression)
    providers = make()
    one = pipeline(providers)
    predict(10)
    one.worker.flush(soon())
    assert taken(one) == 9
    assert providers.signals["traces"].size == 40
    assert providers.flush(soon())
    assert server.span_names() == NAMES * 10
    by_id = {span.span_id: span for span in server.spans}
    assert len(by_id) == 40
    for span in server.spans:
        if span.name != "predict loan":
            assert by_id[span.parent_span_id].trace_id == span.trace_id
        assert 0 < span.start_time_unix_nano <= span.end_time_unix_nano
    assert providers.signals["traces"].stats.exported == 40


def test_retried_and_rejected_ones_are_counted(server, make, pipeline, soon, quick):
    """A payload is sent again as it was; what the endpoint refuses is counted as spans."""
    server.paths = {"/v1/traces"}
    server.script = [503, "partial"]
    server.rejected = 3
    providers = make()
    one = pipeline(providers)
    predict(5)
    one.worker.flush(soon())
    assert providers.flush(soon())
    stats = providers.signals["traces"].stats
    assert (stats.exported, stats.dropped["rejected"]) == (17, 3)


def test_grpc_gets_ordinary_spans(make, pipeline, soon, monkeypatch):
    """An exporter of the SDK encodes by itself."""
    pytest.importorskip("grpc")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    providers = make()
    one = pipeline(providers)
    predict(5)
    one.worker.flush(soon())
    assert taken(one) == 0
    assert providers.signals["traces"].size == 20


class _Target:
    """Takes encoded payloads once it is open."""

    endpoint = protocol = "test"
    timeout_s = 5.0
    takes_encoded = True

    def __init__(self):
        self.payloads = []
        self.open = threading.Event()

    def encode(self, items):
        return list(items)

    def send(self, payload, timeout_s):
        if not self.open.wait(timeout_s):
            return Outcome(ok=False, error="closed")
        self.payloads.append(payload)
        return Outcome(ok=True)

    def renew(self):
        pass

    def close(self):
        pass


@pytest.fixture
def target():
    one = _Target()
    yield one
    one.open.set()


@pytest.fixture
def like():
    provider = TracerProvider(shutdown_on_exit=False)
    return provider.get_tracer("test").start_span("like")._readable_span()


def _batcher(target, queue_size=10, batch_size=5):
    return SpanBatcher(target, Stats("traces"), BatchSettings(queue_size, batch_size, 1000.0))


def test_the_oldest_spans_give_way_one_by_one(target, like):
    """The bound is of spans, whatever way they came, and what gave way is counted."""
    batcher = _batcher(target, batch_size=100)
    batcher.on_end(like)
    for number in range(4):
        batcher.put_encoded([b"%d%d" % (number, part) for part in range(3)], like)
    assert (batcher.size, batcher.dropped_full) == (10, 3)
    target.open.set()
    assert batcher.close(monotonic() + 10)
    assert batcher.stats.exported == 10
    [[encoded]] = target.payloads
    assert list(encoded.spans) == [
        b"%d%d" % (n, part) for n, part in [divmod(k, 3) for k in range(2, 12)]
    ]


def test_payloads_hold_so_many_spans(target, like):
    """A payload is cut between any two spans."""
    target.open.set()
    batcher = _batcher(target, queue_size=100, batch_size=5)
    for _ in range(3):
        batcher.put_encoded([b"1", b"2", b"3", b"4"], like)
    assert batcher.close(monotonic() + 10)
    sizes = [
        sum(len(item.spans) if isinstance(item, EncodedSpans) else 1 for item in payload)
        for payload in target.payloads
    ]
    assert sum(sizes) == 12
    assert max(sizes) <= 5
    assert batcher.stats.exported == 12


def test_after_close_all_spans_are_counted(target, like):
    """What comes too late is counted span by span."""
    batcher = _batcher(target)
    batcher.close(monotonic() + 1)
    batcher.put_encoded([b"1", b"2", b"3"], like)
    assert batcher.stats.dropped["shutdown"] == 3


def test_a_new_name_holds_for_waiting_spans(target, like):
    """What waits is sent as of the new resource."""
    target.open.set()
    batcher = _batcher(target)
    batcher.put_encoded([b"1"], like)
    renamed = Resource({"service.name": "renamed"})
    batcher.rename(renamed)
    assert batcher.close(monotonic() + 10)
    [[encoded]] = target.payloads
    assert encoded.like.resource is renamed
    assert like.resource is not renamed


def test_what_must_not_leave_is_hidden_in_waiting_spans(server, make, pipeline, soon):
    """Options that come while spans wait hold for these too."""
    providers = make()
    one = pipeline(providers)
    predict(2)
    one.worker.flush(soon())
    install_policy(Policy(PrivacyOptions(redact=("ml.prediction.label",))))
    assert providers.flush(soon())
    values = [
        attribute.value.string_value
        for span in server.spans
        for attribute in span.attributes
        if attribute.key == "ml.prediction.label"
    ]
    assert values == ["[redacted]"] * 2
    assert taken(one) == 1
