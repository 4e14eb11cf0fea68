"""The JSON API and the pages answer as the UI expects."""

from __future__ import annotations

import base64
import json
import time
import urllib.request

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otelml._prediction.codec import Codec
from otelml._prediction.tokens import Token

NS = 1_000_000_000


@pytest.fixture
def filled(viewer, seed):
    now = time.time_ns()
    fleet = seed.Fleet(now - 120 * NS)
    for index in range(10):
        requests = fleet.period(now - (110 - 10 * index) * NS, now - (100 - 10 * index) * NS)
        seed.send(f"http://127.0.0.1:{viewer.ports.http}", requests)
    return fleet


def test_every_page_is_the_ui(get):
    """Deep links included, with a strict policy."""
    for path in ("/", "/models/loan", "/traces/abc", "/logs"):
        answer = get(path)
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/html")
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_static_files_are_cached_by_their_tag_and_stay_in_their_folder(get):
    """A path that climbs out is not found."""
    answer = get("/static/index.html")
    again = get("/static/index.html", {"If-None-Match": answer.headers["ETag"]})
    assert (answer.status, again.status) == (200, 304)
    assert get("/static/..%2f..%2fviewer%2fstore.py").status == 404
    assert get("/static/none.js").status == 404


def test_another_host_s_name_is_refused(get):
    """So no web site can read the viewer through a name of its own."""
    assert get("/api/status", {"Host": "evil.example"}).status == 421


@pytest.mark.parametrize(
    "host", ["", "a..b:x:1", "[::1", "127.0.0.1.evil.example", "localhost:99999"]
)
def test_hosts_that_are_none_are_refused(get, host):
    """Malformed ones too, and those that only begin like this machine's."""
    assert get("/api/status", {"Host": host}).status in {400, 403, 421}


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "127.0.0.1", "127.8.9.10", "[::1]"])
def test_this_machine_s_names_are_answered(get, host):
    """All of 127/8, and ::1."""
    assert get("/api/status", {"Host": host}).status == 200


def test_pages_of_another_origin_may_not_open_files(upload):
    """Writing needs the viewer's own page, or no page at all."""
    body = b'{"resourceSpans": []}'
    assert upload(body, Origin="http://evil.example").status == 403
    assert upload(body, Origin="null").status == 403


def test_health(api):
    assert api("/healthz") == {"status": "ok"}


def test_empty(api):
    """Every list is there, and empty."""
    assert api("/api/status")["state"] == "empty"
    assert api("/api/models")["models"] == []
    assert api("/api/traces")["traces"] == []
    assert api("/api/logs")["logs"] == []
    assert api("/api/metrics") == {"metrics": [], "truncated": False}
    assert api("/api/search?q=") == {"results": []}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/models/none", 404),
        ("/api/traces/" + "0" * 32, 404),
        ("/api/traces/xyz", 400),
        ("/api/traces?min_ms=fast", 400),
        ("/api/traces?from=5&to=1", 400),
        ("/api/traces?limit=0", 400),
        ("/api/logs?level=loud", 400),
        ("/api/metrics/query", 400),
        ("/api/metrics/query?name=none", 404),
        ("/api/models/x/predictions?filter=odd", 400),
        ("/api/nothing", 404),
    ],
)
def test_a_bad_question_has_one_sentence_for_an_answer(api, path, status):
    """And the right status."""
    assert list(api(path, status)) == ["error"]


def test_models_and_one_model(api, filled):
    """One row a version, failing first, with accuracy from the feedback counters."""
    rows = api("/api/models")["models"]
    states = [r["state"] for r in rows]
    assert states == sorted(states, key=["failing", "watch", "ok"].index)
    assert {(r["name"], r["version"]) for r in rows} == {(m.name, m.version) for m in filled.models}
    assert sum(r["predictions"] for r in rows) == filled.counts["predictions"]
    found = api("/api/models/loan?version=3")
    assert [v["version"] for v in found["versions"]] in (["3", "2"], ["2", "3"])
    assert len(found["time"]) == len(found["p95"]) == len(found["heatmap"]["counts"])
    assert found["feedback"]["labels"] == sum(filled.streams[0].feedback.values())
    assert found["services"] == ["loan-api"]


def test_predictions_by_filter(api, filled):
    """Slow ones slowest first; unsure ones least sure first; failed ones failed."""
    slow = api("/api/models/loan/predictions?filter=slow")
    durations = [p["duration"] for p in slow["predictions"]]
    assert durations == sorted(durations, reverse=True)
    assert min(durations) >= slow["threshold"]
    unsure = [
        p["confidence"]
        for p in api("/api/models/churn/predictions?filter=low_confidence")["predictions"]
    ]
    assert unsure == sorted(unsure)
    assert unsure[-1] < 0.6
    assert {
        p["error"] for p in api("/api/models/churn/predictions?filter=failed")["predictions"]
    } == {True}


def test_traces_are_filtered(api, filled):
    """By each of the parameters."""
    assert {t["error"] for t in api("/api/traces?error=1")["traces"]} == {True}
    assert {t["model"] for t in api("/api/traces?model=fraud")["traces"]} == {"fraud"}
    assert {t["label"] for t in api("/api/traces?label=denied")["traces"]} == {"denied"}
    assert min(t["duration"] for t in api("/api/traces?min_ms=20")["traces"]) >= 20
    assert max(t["confidence"] for t in api("/api/traces?max_confidence=0.7")["traces"]) <= 0.7
    assert api("/api/traces?service=none")["total"] == 0
    assert api("/api/services") == {"services": ["churn-batch", "fraud-scorer", "loan-api"]}


def test_a_trace_is_a_tree_with_its_logs_and_self_times(api, filled):
    """Depths follow the parents; self times add up to the root's duration."""
    trace_id = api("/api/traces?model=loan&stage=inference&limit=1")["traces"][0]["trace_id"]
    found = api(f"/api/traces/{trace_id}")
    assert [(s["name"], s["depth"]) for s in found["spans"]] == [
        ("POST /predict", 0), ("predict loan", 1), ("feature_extraction", 2), ("inference", 2),
        ("post_processing", 2)]  # fmt: skip
    assert sum(s["self"] for s in found["spans"]) == pytest.approx(found["spans"][0]["duration"])
    assert [log["trace_id"] for log in found["logs"]] == [trace_id]


def test_links_are_seen_from_both_ends(api, filled):
    """From the feedback to the prediction, and back."""
    feedback = api("/api/traces?name=feedback&limit=1")["traces"][0]["trace_id"]
    (link,) = api(f"/api/traces/{feedback}")["spans"][0]["links"]
    assert link["stored"]
    assert link["name"].startswith("predict ")
    back = api(f"/api/traces/{link['trace_id']}")["back_links"]
    assert feedback in {each["trace_id"] for each in back}


def test_orphans_and_cycles_are_shown(post, api):
    """Each span exactly once."""
    message = ExportTraceServiceRequest()
    scope = message.resource_spans.add().scope_spans.add()
    for own, parent in ((1, 9), (2, 3), (3, 2), (4, 4)):
        scope.spans.add(trace_id=b"t" * 16, span_id=bytes([own]) * 8,
                        parent_span_id=bytes([parent]) * 8, name=str(own))  # fmt: skip
    post("/v1/traces", message.SerializeToString())
    spans = api(f"/api/traces/{(b't' * 16).hex()}")["spans"]
    assert sorted(s["name"] for s in spans) == ["1", "2", "3", "4"]


def test_logs_are_searched_and_paged(api, filled):
    """Whatever the case of the letters; pages neither overlap nor miss."""
    found = api("/api/logs?query=PREDICTION FAILED".replace(" ", "%20"))
    assert {log["level"] for log in found["logs"]} == {"error"}
    assert found["total"] == sum(found["histogram"]["levels"]["error"])
    ids, mark = [], ""
    while mark is not None:
        page = api(f"/api/logs?limit=50{mark and f'&before={mark}'}")
        ids += [log["id"] for log in page["logs"]]
        mark = page["next_before"]
    assert len(ids) == len(set(ids)) == filled.counts["logs"]
    assert sum(map(sum, page["histogram"]["levels"].values())) == filled.counts["logs"]


def test_a_log_body_may_be_any_value(post, api):
    """Maps, lists and bytes too."""
    message = ExportLogsServiceRequest()
    record = message.resource_logs.add().scope_logs.add().log_records.add(severity_number=17)
    pairs = record.body.kvlist_value.values
    pairs.add(key="a").value.array_value.values.add().int_value = 2**60
    pairs.add(key="b").value.bytes_value = b"\0\1"
    pairs.add(key="c").value.double_value = float("nan")
    post("/v1/logs", message.SerializeToString())
    (log,) = api("/api/logs")["logs"]
    assert log["body"] == {"a": [str(2**60)], "b": "AAE=", "c": "NaN"}
    assert (log["level"], log["trace_id"]) == ("error", None)


def test_a_metric_leads_to_traces(api, filled):
    """Its exemplars are of stored traces."""
    found = api("/api/metrics/query?name=ml.prediction.duration&by=ml.model.name")
    assert {s["labels"]["ml.model.name"] for s in found["series"]} == {"loan", "fraud", "churn"}
    api(f"/api/traces/{found['exemplars'][0]['trace_id']}")


def test_search_finds_each_kind(api, filled):
    """A trace by id or prefix, a prediction by its token, models, features and metrics by name."""
    row = api("/api/models/loan/predictions?limit=1")["predictions"][0]
    for query, kind in ((row["trace_id"], "trace"), (row["trace_id"][:12], "trace"),
                        (row["id"], "prediction")):  # fmt: skip
        first = api(f"/api/search?q={query}")["results"][0]
        assert (first["kind"], first["trace_id"]) == (kind, row["trace_id"])
    foreign = base64.urlsafe_b64encode(b"\1" + bytes.fromhex(row["trace_id"]) + b"other").decode()
    assert api(f"/api/search?q={foreign}")["results"][0]["span_id"] == row["span_id"]
    kinds = {r["kind"] for r in api("/api/search?q=loan")["results"]}
    assert kinds == {"model", "feature", "service"}


def test_search_finds_a_prediction_whose_id_says_nothing(api, upload):
    """An encrypted or opaque id is found as it stands on its span; a signed one by what it says."""
    codec = Codec([b"a key of the viewer"], service="loan-api")
    signed = Codec([b"a key of the viewer"], service="loan-api", encrypts=False)
    token = Token(0xAB << 120, 0xCD, 0, 0, 0.9, "loan", "3", "", "approved")
    found = [codec.encode(token), Codec.new_opaque(), signed.encode(token)]
    now, spans = time.time_ns(), []
    for number, text in enumerate(found[:2]):
        attributes = {"ml.model.name": "loan", "ml.prediction.id": text}
        spans.append({
            "traceId": f"{0xAB - number:02x}" + "00" * 15, "spanId": "00" * 7 + "cd", "name": "predict loan",
            "startTimeUnixNano": str(now), "endTimeUnixNano": str(now + 10),
            "attributes": [{"key": k, "value": {"stringValue": v}} for k, v in attributes.items()],
        })  # fmt: skip
    upload(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode())
    for text, trace in zip(found, ("ab", "aa", "ab"), strict=True):
        first = api(f"/api/search?q={text}")["results"][0]
        assert (first["kind"], first["trace_id"]) == ("prediction", trace + "00" * 15)
    for text in (
        codec.encode(token._replace(row=1)),
        Codec.new_opaque(),
        found[0][:-1],
        found[0][:24],
    ):
        assert api(f"/api/search?q={text}")["results"] == []


def test_a_file_is_opened_only_for_this_page(get, api, upload):
    """As JSON, which no other site's page may send; its counts and its traces are the answer."""
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [{
        "traceId": "ab" * 16, "spanId": "cd" * 8, "name": "x",
        "startTimeUnixNano": str(time.time_ns()), "endTimeUnixNano": str(time.time_ns()),
    }]}]}]}).encode()  # fmt: skip
    assert get("/api/import").status == 404
    assert upload(body, "text/plain").status == 415
    assert api("/api/status")["spans"] == 0
    answer = upload(body)
    assert json.loads(answer.body) == {"message": "1 span, 1 new trace", "traces": ["ab" * 16]}
    bad = upload(b"hello")
    assert (bad.status, "neither OTLP JSON" in bad.body.decode()) == (400, True)
    assert upload(body, Host="evil.example").status == 421
    assert api("/api/status")["spans"] == 1


def test_live_events_follow_what_is_stored(viewer, seed):
    """One at once, one more after data came."""
    url = f"http://127.0.0.1:{viewer.ports.web}/api/live"
    with urllib.request.urlopen(url, timeout=20) as stream:
        states = []
        for line in stream:
            if line.startswith(b"data: "):
                states.append(json.loads(line[6:])["spans"])
                if len(states) == 2:
                    break
                now = time.time_ns()
                requests = seed.Fleet(now).period(now - 9 * NS, now)
                seed.send(f"http://127.0.0.1:{viewer.ports.http}", requests)
    assert states[0] == 0 < states[1]
