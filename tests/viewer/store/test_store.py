"""The store keeps what it acknowledged, within its bounds, whatever the file was."""

from __future__ import annotations

import sqlite3
import threading
import time
from array import array

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otelml.exceptions import ConfigurationError
from otelml.viewer.decode import decode_logs, decode_metrics, decode_traces
from otelml.viewer.queries import get_model, list_models
from otelml.viewer.store import Store, StoreUnavailableError, histograms

NS = 1_000_000_000


@pytest.fixture
def open_store(tmp_path):
    opened = []

    def make(**options):
        store = Store(options.pop("path", tmp_path / "t.db"), **options)
        opened.append(store)
        return store

    yield make
    for store in opened:
        store.close()


def put(store, requests):
    futures = [
        store.submit(decode(message))
        for decode, message in zip(
            (decode_traces, decode_metrics, decode_logs), requests, strict=True
        )
    ]
    for future in futures:
        future.result(10)


def ask(store, query, **params):
    with store.reader() as connection:
        return query(connection, {key.rstrip("_"): str(value) for key, value in params.items()})


def test_a_batch_sent_twice_counts_once(open_store, seed):
    """Senders repeat what they saw no answer for."""
    now = time.time_ns()
    requests = seed.Fleet(now - 60 * NS).period(now - 20 * NS, now - 10 * NS)
    store = open_store()
    put(store, requests)
    before, first = dict(store.totals), ask(store, list_models)["models"]
    put(store, (requests[0], requests[1], type(requests[2])()))
    assert dict(store.totals) == before
    assert [m["predictions"] for m in ask(store, list_models)["models"]] == [
        m["predictions"] for m in first
    ]


def test_rollups_agree_with_a_count_of_every_span(open_store, seed):
    """Counts, errors and labels exactly, quantiles within a bucket's width."""
    now = time.time_ns()
    fleet = seed.Fleet(now - 300 * NS)
    store = open_store()
    spans = []
    for index in range(12):
        requests = fleet.period(now - (120 - index * 10) * NS, now - (110 - index * 10) * NS)
        put(store, requests)
        for batch in (decode_traces(requests[0]),):
            spans += [s for s in batch.spans if s.role == "prediction" and s.model == "loan"]
    found = ask(store, get_model, name="loan", version="3")
    mine = [s for s in spans if s.version == "3"]
    durations = sorted(s.duration_ns / 1e6 for s in mine)
    assert sum(found["predictions"]) == found["totals"]["predictions"] == len(mine)
    assert sum(found["errors"]) == sum(s.error for s in mine)
    labels = [s.ml.get("ml.prediction.label") for s in mine]
    assert {x["label"]: x["total"] for x in found["labels"]} == {
        label: labels.count(label) for label in set(labels) - {None}
    }
    for name, q in (("p50", 0.5), ("p95", 0.95)):
        exact = durations[int(q * (len(durations) - 1))]
        assert found["totals"][name] == pytest.approx(exact, rel=0.1)
    assert [s["stage"] for s in found["stages"]] == [
        "feature_extraction", "inference", "post_processing"]  # fmt: skip
    assert sum(map(sum, found["heatmap"]["counts"])) == len(mine)
    assert sum(found["confidence"]["counts"]) == len(mine) - sum(s.error for s in mine)
    slowest = max(mine, key=lambda s: s.duration_ns)
    assert slowest.trace_id.hex() in {e["trace_id"] for e in found["exemplars"]}


def test_a_reopened_database_goes_on_counting(open_store, seed, tmp_path):
    """Rollups, series and totals continue where they were."""
    now = time.time_ns()
    fleet = seed.Fleet(now - 60 * NS)
    first = fleet.period(now - 30 * NS, now - 25 * NS)
    second = fleet.period(now - 25 * NS, now - 20 * NS)
    store = open_store(path=tmp_path / "a.db")
    put(store, first)
    store.close()
    store = open_store(path=tmp_path / "a.db")
    put(store, second)
    whole = open_store(path=tmp_path / "b.db")
    put(whole, first)
    put(whole, second)
    ends = {"from_": (now - 60 * NS) / 1e6, "to": now / 1e6}
    assert store.totals == whole.totals
    assert ask(store, get_model, name="loan", **ends) == ask(whole, get_model, name="loan", **ends)


def test_a_failing_transaction_is_told_and_the_next_one_works(open_store, seed, monkeypatch):
    """What failed is not counted; caches do not remember it."""
    now = time.time_ns()
    store = open_store()
    requests = seed.Fleet(now).period(now - 5 * NS, now)
    batch = decode_traces(requests[0])

    def fail(_self):
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr("otelml.viewer.store.rollups.Rollups.flush", fail)
        with pytest.raises(StoreUnavailableError, match="disk is full"):
            store.submit(batch).result(10)
    assert store.status()["state"] == "dropping"
    assert store.totals["spans"] == 0
    store.submit(batch).result(10)
    assert store.totals["spans"] == len(batch.spans)


def test_a_full_queue_refuses_and_keeps_what_it_took(open_store, seed, monkeypatch):
    """The refused batch is counted; those taken are stored."""
    now = time.time_ns()
    go = threading.Event()
    original = Store._commit

    def slow(self, batches):
        go.wait(10)
        original(self, batches)

    monkeypatch.setattr(Store, "_commit", slow)
    store = open_store(queue_items=10, queue_wait_s=0.05)
    batches = [decode_traces(seed.Fleet(now, n).period(now - 9 * NS, now)[0]) for n in range(3)]
    taken = [store.submit(batches[0])]
    deadline = time.monotonic() + 5
    while store._pending and time.monotonic() < deadline:
        time.sleep(0.01)
    taken.append(store.submit(batches[1]))
    with pytest.raises(StoreUnavailableError, match="full"):
        store.submit(batches[2])
    assert store.dropped == len(batches[2].spans)
    go.set()
    for future in taken:
        future.result(10)
    assert store.totals["spans"] == len(batches[0].spans) + len(batches[1].spans)


def wait_for(condition):
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert condition()


def test_data_beyond_its_age_goes(open_store, seed):
    """Spans, points and logs alike; what is younger stays."""
    now = time.time_ns()
    store = open_store(retention_s=3600)
    fleet = seed.Fleet(now - 7200 * NS)
    put(store, fleet.period(now - 7200 * NS, now - 7190 * NS))
    kept = fleet.period(now - 60 * NS, now - 50 * NS)
    put(store, kept)
    fresh = decode_traces(kept[0])
    points = len(decode_metrics(kept[1]))
    logs = len(decode_logs(kept[2]).logs)
    # Each signal goes in its own steps: none of the three says that the others are through.
    wait_for(
        lambda: (
            [store.totals[name] for name in ("spans", "points", "logs")]
            == [len(fresh.spans), points, logs]
        )
    )
    with store.reader() as connection:
        (oldest,) = connection.execute("SELECT min(time_ns) FROM logs").fetchone()
    assert oldest > now - 3600 * NS


def test_data_beyond_its_size_goes_oldest_first(open_store, seed):
    """The newest is still there."""
    now = time.time_ns()
    store = open_store(max_size_mb=4)
    fleet = seed.Fleet(now - 3000 * NS)
    for index in range(40):
        put(store, fleet.period(now - (400 - index * 10) * NS, now - (390 - index * 10) * NS))
    wait_for(lambda: store._retention.used_bytes() <= 4 * 2**20)
    with store.reader() as connection:
        oldest, newest = connection.execute(
            "SELECT min(start_ns), max(start_ns) FROM traces"
        ).fetchone()
    assert oldest > now - 395 * NS
    assert newest > now - 15 * NS


def test_a_damaged_database_is_kept_aside(open_store, seed, tmp_path, caplog):
    """A new one is begun, and a warning names the old."""
    path = tmp_path / "d.db"
    store = open_store(path=path)
    now = time.time_ns()
    put(store, seed.Fleet(now).period(now - 50 * NS, now))
    store.close()
    raw = bytearray(path.read_bytes())
    raw[8192:65536] = b"\xa5" * (65536 - 8192)
    path.write_bytes(raw)
    again = open_store(path=path)
    assert again.totals["spans"] == 0
    assert len(list(tmp_path.glob("d.db.damaged-*"))) == 1
    assert "damaged" in caplog.text


def test_a_file_that_is_not_ours_is_left_as_it_is(tmp_path):
    """Neither a text file nor another program's database is touched."""
    text = tmp_path / "model.json"
    text.write_text("{}")
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE t(x)")
    before = other.read_bytes()
    for path in (text, other):
        with pytest.raises(ConfigurationError, match="not a database of otelml"):
            Store(path)
    assert (text.read_text(), other.read_bytes()) == ("{}", before)


def test_a_database_in_use_is_refused(open_store, tmp_path):
    """Two writers would count past each other."""
    open_store(path=tmp_path / "x.db")
    with pytest.raises(ConfigurationError, match="another viewer uses it"):
        Store(tmp_path / "x.db")


def test_the_writer_outlives_senders_that_do_not_wait(open_store, seed):
    """One whose patience ends before the commit takes nobody else's acknowledgement with it."""
    now = time.time_ns()
    fleet = seed.Fleet(now - 60 * NS)
    store = open_store()
    with store._condition:  # the writer takes nothing yet
        gone = store.submit(decode_traces(fleet.period(now - 20 * NS, now - 10 * NS)[0]))
        assert gone.cancel()
    put(store, fleet.period(now - 10 * NS, now))
    assert store.totals["spans"] == fleet.counts["spans"]


def test_spans_join_the_traces_of_an_earlier_run(tmp_path, open_store):
    """However many traces one request goes on with."""
    start = time.time_ns() - NS
    ids = [number.to_bytes(16, "big") for number in range(1, 151)]

    def spans(span_id, **fields):
        request = ExportTraceServiceRequest()
        scope = request.resource_spans.add().scope_spans.add()
        for trace_id in ids:
            scope.spans.add(
                trace_id=trace_id, span_id=span_id, name="x", start_time_unix_nano=start,
                end_time_unix_nano=start + 1000, **fields,
            )  # fmt: skip
        return decode_traces(request)

    store = open_store()
    store.submit(spans(b"\x01" * 8)).result(10)
    store.close()
    store = open_store()
    store.submit(spans(b"\x02" * 8, parent_span_id=b"\x01" * 8)).result(10)
    with store.reader() as connection:
        found = connection.execute("SELECT spans, has_root FROM traces").fetchall()
    assert found == [(2, 1)] * len(ids)


def test_buckets_of_durations_are_those_of_their_formula():
    """At and around every edge, and far beyond the last."""
    for edge in [*histograms._LEAST_NS, 1, 10**18]:
        for duration_ns in (edge - 1, edge, edge + 1):
            expected = histograms._bucket_by_formula(duration_ns)
            assert histograms.latency_bucket(duration_ns) == expected


@pytest.mark.parametrize(
    "counts", [[], [0, 0], [1], [0, 5, 0, 7, 0], [0, 256], [1 << 40, 0], [0, 0, 1 << 56]]
)
def test_packed_counts_come_out_the_same(counts):
    """Without the zeros at both ends."""
    packed = histograms.pack(array("Q", counts))
    unpacked = histograms.unpack(packed, len(counts))
    assert list(unpacked) == counts
    filled = [at for at, count in enumerate(counts) if count]
    assert len(packed) == (2 + 8 * (filled[-1] - filled[0] + 1) if filled else 0)
