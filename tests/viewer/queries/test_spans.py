"""The search for spans finds what a look at every span finds, in order, and counts it."""

from __future__ import annotations

import time

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otelml.viewer.decode import decode_traces
from otelml.viewer.queries import BadParameterError, list_spans, list_traces
from otelml.viewer.store import Store

NS = 1_000_000_000
TRACES = 60


@pytest.fixture
def open_store(tmp_path):
    opened = []

    def make():
        opened.append(Store(tmp_path / f"{len(opened)}.db"))
        return opened[-1]

    yield make
    for store in opened:
        store.close()


@pytest.fixture
def filled(open_store, scene):
    """Return a store, and every span sent with its service as a plain tuple."""
    now = time.time_ns()
    made = scene.Scene(deadlocks=20)
    sent = []
    store = open_store()
    for part in range(3):
        start = now - (600 - part * 100) * NS
        request = made.request(start, start + 90 * NS, TRACES // 3)
        store.submit(decode_traces(request)).result(10)
        for group in request.resource_spans:
            service = group.resource.attributes[0].value.string_value
            sent += [(service, span) for span in group.scope_spans[0].spans]
    return store, sent


def ask(store, query="", listing=list_spans, **params):
    with store.reader() as connection:
        asked = {"from": 0, "query": query, "limit": 1000, **params}
        return listing(connection, {key: str(value) for key, value in asked.items()})


def said(span, key):
    for pair in span.attributes:
        if pair.key == key:
            return getattr(pair.value, pair.value.WhichOneof("value"))
    return None


def ms(span):
    return (span.end_time_unix_nano - span.start_time_unix_nano) / 1e6


CASES = {
    "": lambda s, x: True,
    "deadlock": lambda s, x: any(e.name == "exception" for e in x.events),
    "DeadLock": lambda s, x: any(e.name == "exception" for e in x.events),
    '"deadlock detected: process"': lambda s, x: bool(x.events),
    "error~deadlock": lambda s, x: bool(x.events),
    'error~"rolled back"': lambda s, x: x.status.code == 2,
    "exception.type~Deadlock": lambda s, x: bool(x.events),
    "exception.type=psycopg.errors.DeadlockDetected": lambda s, x: bool(x.events),
    "status=error": lambda s, x: x.status.code == 2,
    "error=true": lambda s, x: x.status.code == 2,
    "status!=error": lambda s, x: x.status.code != 2,
    "service=audit": lambda s, x: s == "audit",
    "service!=audit": lambda s, x: s != "audit",
    "service~STORE": lambda s, x: s == "feature-store",
    'operation="POST /loans"': lambda s, x: x.name == "POST /loans",
    "name~loans": lambda s, x: "loans" in x.name,
    "kind=client": lambda s, x: x.kind == 3,
    "kind!=client service=loan-api": lambda s, x: x.kind != 3 and s == "loan-api",
    "peer=postgresql": lambda s, x: x.name == "SELECT features",
    "http.route=/loans": lambda s, x: said(x, "http.route") == "/loans",
    "http.route!=/loans": lambda s, x: said(x, "http.route") != "/loans",
    "http.route~FEATURES": lambda s, x: "features" in (said(x, "http.route") or ""),
    "http.route=*": lambda s, x: said(x, "http.route") is not None,
    "user.id=7": lambda s, x: said(x, "user.id") == 7,
    "user.id>50": lambda s, x: (said(x, "user.id") or 0) > 50,
    "user.id>=50 user.id<52": lambda s, x: 50 <= (said(x, "user.id") or 0) < 52,
    "http.response.status_code>=500": lambda s, x: said(x, "http.response.status_code") == 500,
    "k8s.pod.name=gateway-7d9f": lambda s, x: s == "gateway",
    "k8s.pod.name~feature": lambda s, x: s == "feature-store",
    "duration>12ms": lambda s, x: ms(x) > 12,
    "duration>=0.012s duration<15": lambda s, x: 12 <= ms(x) < 15,
    "service=feature-store caller=loan-api": lambda s, x: x.name == "GET /features/{id}",
    "caller=nobody": lambda s, x: False,
    "no-such-word": lambda s, x: False,
    "no.such.key=1": lambda s, x: False,
    "no.such.key!=1 service=audit": lambda s, x: s == "audit",
}


@pytest.mark.parametrize("query", CASES)
@pytest.mark.parametrize("order", ["newest", "slowest"])
def test_it_finds_what_a_look_at_every_span_finds(filled, query, order):
    store, sent = filled
    expected = [(s, x) for s, x in sent if CASES[query](s, x)]
    if query not in {"caller=nobody", "no-such-word", "no.such.key=1"}:
        assert expected, "the case shows nothing"
    found = ask(store, query, order=order)
    assert found["total"] == len(expected)
    assert {row["span_id"] for row in found["spans"]} == {x.span_id.hex() for _, x in expected}
    column = "start" if order == "newest" else "duration"
    values = [row[column] for row in found["spans"]]
    assert values == sorted(values, reverse=True)
    assert found["complete"]


@pytest.mark.parametrize("query", ["", "deadlock", "http.route=/loans", "user.id>10", "name~GET"])
@pytest.mark.parametrize("order", ["newest", "slowest"])
def test_page_by_page_it_is_the_whole_list(filled, query, order):
    """No span twice, none left out, the count always that of all."""
    store, _ = filled
    whole = [row["span_id"] for row in ask(store, query, order=order)["spans"]]
    pages, after = [], ""
    for _ in range(200):
        found = ask(store, query, order=order, limit=7, after=after)
        assert found["total"] == len(whole)
        pages += [row["span_id"] for row in found["spans"]]
        after = found["next"]
        if after is None:
            break
    assert pages == whole


def test_pages_of_traces_are_the_whole_list(filled):
    store, _ = filled
    whole = [row["trace_id"] for row in ask(store, listing=list_traces)["traces"]]
    assert len(whole) == 2 * TRACES
    pages, after = [], ""
    while after is not None:
        found = ask(store, listing=list_traces, limit=9, after=after)
        assert found["total"] == len(whole)
        pages += [row["trace_id"] for row in found["traces"]]
        after = found["next"]
    assert pages == whole


def test_a_trace_is_found_by_any_of_its_spans_and_says_which(filled, scene):
    """Also where only decoding decides, and by the slowest first."""
    store, sent = filled
    select = {x.trace_id.hex(): x.span_id.hex() for _, x in sent if x.events}
    assert len(select) == TRACES // 20
    for query in ("deadlock", "error~deadlock"):
        found = ask(store, query, list_traces, order="slowest")
        assert found["total"] == len(select)
        assert {row["trace_id"]: row["span_id"] for row in found["traces"]} == select
        durations = [row["duration"] for row in found["traces"]]
        assert durations == sorted(durations, reverse=True)
    assert ask(store, "deadlock", list_traces, service="audit")["total"] == 0


def test_a_trace_s_spans_are_found_after_the_range_in_which_it_began(open_store, scene):
    """The range is that of the trace's start."""
    store = open_store()
    now = time.time_ns()
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    spans.add(trace_id=b"\x01" * 16, span_id=b"\x01" * 8, name="long",
              start_time_unix_nano=now - 60 * NS, end_time_unix_nano=now)  # fmt: skip
    spans.add(trace_id=b"\x01" * 16, span_id=b"\x02" * 8, parent_span_id=b"\x01" * 8, name="late",
              start_time_unix_nano=now - NS, end_time_unix_nano=now)  # fmt: skip
    store.submit(decode_traces(request)).result(10)
    ends = {"from": (now - 90 * NS) // 1_000_000, "to": (now - 30 * NS) // 1_000_000}
    assert ask(store, "late", list_traces, **ends)["total"] == 1
    assert ask(store, "late", **ends)["total"] == 0


def test_a_search_that_runs_out_of_time_says_so(filled, monkeypatch):
    """And goes on where it stopped."""
    store, _ = filled
    monkeypatch.setattr("otelml.viewer.queries.found_spans.DECODE_S", -1.0)
    found = ask(store, "user.id>10")
    assert (found["spans"], found["complete"]) == ([], False)
    assert ask(store, "user.id>10", list_traces)["complete"] is False
    assert ask(store, "user.id=10")["complete"] is True


def test_names_beyond_the_limit_are_found_too(open_store, scene, monkeypatch):
    """A service that puts an id into each name does not grow without bound, and loses none."""
    monkeypatch.setattr("otelml.viewer.store.operations.MAX_OPERATIONS", 5)
    store = open_store()
    now = time.time_ns()
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.append(scene.pair("service.name", "ids"))
    for number in range(1, 31):
        group.scope_spans.add().spans.add(
            trace_id=number.to_bytes(16, "big"), span_id=number.to_bytes(8, "big"),
            name=f"GET /{number}", kind=3, start_time_unix_nano=now, end_time_unix_nano=now + number,
            attributes=[scene.pair("peer.service", f"p{number}")],
        )  # fmt: skip
    store.submit(decode_traces(request)).result(10)
    (kept,) = store._connection.execute("SELECT count(*) FROM operations").fetchone()
    assert kept == 6
    for query, count in (
        ('operation="GET /3"', 1), ('operation="GET /30"', 1), ('operation!="GET /30"', 29),
        ("name~/2", 11), ("name=*", 30), ("service=ids", 30), ("peer=p29", 1), ("kind=client", 30),
    ):  # fmt: skip
        assert ask(store, query)["total"] == count, query


def test_values_are_found_in_each_type(open_store, scene):
    """What a person writes stands for text, whole number, double or truth alike."""
    store = open_store()
    now = time.time_ns()
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    values = ["17", 17, 17.0, "true", True, 2**53 + 1, -4, "x" * 300, "a b=c", ""]
    for number, value in enumerate(values, 1):
        spans.add(trace_id=b"\x01" * 16, span_id=number.to_bytes(8, "big"),
                  start_time_unix_nano=now, attributes=[scene.pair("k", value)])  # fmt: skip
    store.submit(decode_traces(request)).result(10)
    for query, count in (
        ("k=17", 3), ("k=17.0", 1), ("k=true", 2), (f"k={2**53 + 1}", 1), ("k=-4", 1),
        (f"k={'x' * 300}", 1), ('k="a b=c"', 1), ("k=", 1), ("k=1", 0), ("k!=17", 7),
        ("k>16", 4), ("k<0", 1), ("k=*", 10), ("K=17", 0),
    ):  # fmt: skip
        assert ask(store, query)["total"] == count, query


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("user.id>many", "needs a number"),
        ("duration>soon", "needs a time"),
        ("duration~1", "is compared by"),
        ("kind=odd", "one of unspecified, internal"),
        ("status=odd", "error"),
        ("caller~x", "compared by ="),
        ("name>3", "compared by =, != or ~"),
        ("a~", "needs a value"),
        ("w " * 30, "at most 20"),
    ],
)
def test_a_query_that_makes_no_sense_says_why(filled, query, why):
    with pytest.raises(BadParameterError, match=why):
        ask(filled[0], query)


@pytest.mark.parametrize("after", ["x", "1", "1.2.3", "-1.2", "9" * 30 + ".x"])
def test_a_place_that_is_none_is_refused(filled, after):
    with pytest.raises(BadParameterError, match="after"):
        ask(filled[0], after=after)


def test_the_scatter_holds_every_trace_of_the_range(filled):
    """Cells add up to the count; with all listed there is none."""
    store, _ = filled
    assert ask(store, listing=list_traces)["scatter"] is None
    found = ask(store, listing=list_traces, limit=10)
    cells = found["scatter"]["cells"]
    assert sum(cell[2] for cell in cells) == found["total"] == 2 * TRACES
    assert sum(cell[3] for cell in cells) == TRACES // 20
    edges, times, step = (found["scatter"][key] for key in ("edges", "time", "step"))
    rows = {row["trace_id"]: row for row in ask(store, listing=list_traces)["traces"]}
    for slot, lowest, _, _, slowest in cells:
        row = rows[slowest]
        assert times[slot] <= row["start"] < times[slot] + step
        assert edges[lowest] <= row["duration"] < edges[lowest + 1]
    narrowed = ask(store, "deadlock", list_traces, limit=1)
    assert sum(cell[2] for cell in narrowed["scatter"]["cells"]) == TRACES // 20


def test_senders_own_words_are_the_title(open_store, scene):
    store = open_store()
    now = time.time_ns()
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    cases = [
        ("work", {"logfire.msg": "lending  to\nAda"}, "lending to Ada", None),
        ("ChatCompletion", {"openinference.span.kind": "LLM", "llm.model_name": "gpt-4o"},
         "LLM gpt-4o", "LLM"),
        ("chat gpt", {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"},
         "chat gpt-4o", "chat"),
        ("tool", {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"},
         "execute_tool search", "execute_tool"),
        ("chain", {"openinference.span.kind": "CHAIN"}, "chain", "CHAIN"),
        ("POST", {"http.request.method": "POST", "url.full": "https://a.example/x?token=1"},
         "POST a.example/x", None),
        ("GET", {"http.method": "GET", "http.target": "/x?token=1"}, "GET /x", None),
        ("GET /a", {"http.request.method": "GET", "http.route": "/a"}, "GET /a", None),
        ("db", {"db.system": "mysql", "db.statement": "SELECT\n 1"}, "SELECT 1", None),
        ("db", {"db.system.name": "mysql", "db.operation.name": "SELECT",
                "db.collection.name": "t"}, "SELECT t", None),
        ("plain", {}, "plain", None),
    ]  # fmt: skip
    for number, (name, attributes, *_) in enumerate(cases, 1):
        spans.add(trace_id=number.to_bytes(16, "big"), span_id=number.to_bytes(8, "big"), name=name,
                  start_time_unix_nano=now + number,
                  attributes=[scene.pair(*each) for each in attributes.items()])  # fmt: skip
    store.submit(decode_traces(request)).result(10)
    rows = reversed(ask(store)["spans"])
    assert [(row["name"], row["title"], row["work"]) for row in rows] == [
        (name, title, work) for name, _, title, work in cases
    ]
    traces = reversed(ask(store, listing=list_traces)["traces"])
    assert [row["title"] for row in traces] == [title for _, _, title, _ in cases]
