"""What is recorded of that which passes: one prediction a request, in one trace with the upstream."""

from __future__ import annotations

import gzip
import http.client
import json
import threading

import pytest

import otelml
from otelml._prediction import current_runtime
from otelml._proxy import Reader, Template
from otelml._proxy.choose import Protocols
from otelml._proxy.copies import Budget, Copy
from tests.proxy._servers import WAIT_S, proxied, upstream

STAGES = ["feature_extraction", "inference", "post_processing"]
JSON = {"content-type": "application/json"}
ROWS = {"dataframe_split": {"columns": ["age", "debt"], "data": [[30, 1.5], [40, 2.5]]}}
TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture(scope="module")
def server():
    with upstream() as running:
        yield running


def post(proxy, path, body, headers=JSON):
    """Return status, headers and body of an answer, once it is read."""
    if isinstance(body, dict):
        body = json.dumps(body).encode()
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=WAIT_S)
    connection.request("POST", path, body, headers, encode_chunked=not isinstance(body, bytes))
    answer = connection.getresponse()
    told = answer.status, dict(answer.getheaders()), answer.read()
    connection.close()
    proxy.settle()
    return told


def test_one_prediction_in_one_trace(capture_telemetry, server):
    """Client, proxy and upstream have one trace; stages fill the prediction."""
    with proxied(server.url) as proxy:
        headers = {**JSON, "traceparent": f"00-{TRACE}-b7ad6b7169203331-01", "baggage": "a=1"}
        status, told, _ = post(proxy, "/invocations", ROWS, headers)
    (prediction,) = capture_telemetry.predictions()
    (entry,) = [span for span in capture_telemetry.spans() if span.kind.name == "SERVER"]
    assert status == 200
    assert (entry.name, entry.parent.span_id) == ("POST /invocations", 0xB7AD6B7169203331)
    assert prediction.parent.span_id == entry.context.span_id
    assert f"{prediction.context.trace_id:032x}" == TRACE
    assert [stage.name for stage in capture_telemetry.children(prediction)] == STAGES
    capture_telemetry.assert_stages_fill(prediction)
    sent = dict(server.requests[-1][2])
    assert sent["traceparent"].split("-")[1:3] == [TRACE, f"{prediction.context.span_id:016x}"]
    assert (sent["baggage"], [n for n, _ in server.requests[-1][2]].count("traceparent")) == (
        "a=1",
        1,
    )
    assert prediction.attributes["ml.prediction.rows"] == 2
    assert prediction.attributes["ml.prediction.id"] == told["x-prediction-id"]
    assert capture_telemetry.metric("ml.prediction.duration").count() == 1
    assert capture_telemetry.metric("http.server.request.duration").count() == 1


def test_the_id_names_the_label(capture_telemetry, server):
    """A short answer is read before its head goes out; a later label finds what was predicted."""
    with proxied(server.url) as proxy:
        _, told, _ = post(proxy, "/invocations", {"inputs": {"age": [30]}})
        token = current_runtime().ids.read(told["x-prediction-id"])
        assert (token.label, token.row) == ("yes", 0)
        otelml.feedback(told["x-prediction-id"], "no")
        capture_telemetry.flush()
    assert capture_telemetry.metric("ml.predictions").where(ml__prediction__label="yes").sum() == 1


def test_a_packed_answer_is_read_later(capture_telemetry, server):
    """Its id is the same in the header and on the span; label and features are recorded."""
    template = Template.of("$.rows", label="predictions")
    with proxied(server.url, template=template) as proxy:
        packed = gzip.compress(json.dumps({"rows": [{"age": 3}]}).encode())
        headers = {**JSON, "content-encoding": "gzip"}
        _, told, _ = post(proxy, "/zipped", packed, headers)
    (prediction,) = capture_telemetry.predictions()
    assert prediction.attributes["ml.prediction.label"] == "yes"
    assert prediction.attributes["ml.prediction.id"] == told["x-prediction-id"]


def test_features_are_kept_for_drift(internal, server):
    """By their names, as of any prediction."""
    with proxied(server.url) as proxy:
        for _ in range(3):
            post(proxy, "/invocations", ROWS)
    means = {
        p.attributes["ml.feature.name"]: p.value for p in internal.metric("ml.feature.mean").points
    }
    assert means == {"age": 35, "debt": 2}


@pytest.mark.parametrize(
    ("path", "error", "stages"),
    [("/404", "404", STAGES), ("/500", "500", STAGES), ("/mute", "http_response_incomplete", STAGES[:2]),
     ("/cut", "http_response_incomplete", STAGES)],
)  # fmt: skip
def test_errors(capture_telemetry, server, path, error, stages):
    """An error of the upstream is the prediction's, and has no label."""
    with proxied(server.url, template=Template.of(label="error")) as proxy:
        try:
            post(proxy, path, {})
        except http.client.IncompleteRead:
            proxy.settle()
    (prediction,) = capture_telemetry.predictions()
    assert prediction.attributes["error.type"] == error
    assert prediction.status.status_code.name == "ERROR"
    assert "ml.prediction.label" not in prediction.attributes
    assert [stage.name for stage in capture_telemetry.children(prediction)] == stages


def test_a_client_that_goes_away_is_no_error(capture_telemetry, server):
    """Its prediction ends with it, and nothing stays under way."""
    server.left.clear()
    with proxied(server.url, template=Template.of("$")) as proxy:
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=WAIT_S)
        connection.request("POST", "/endless", b"{}", JSON)
        answer = connection.getresponse()
        answer.read(10)
        answer.close()
        connection.close()
        assert server.left.wait(WAIT_S)
        for _ in range(500):
            proxy.settle()
            if capture_telemetry.predictions():
                break
            threading.Event().wait(0.01)
        assert proxy.reader.budget.left == 64 << 20
    (prediction,) = capture_telemetry.predictions()
    assert "error.type" not in prediction.attributes
    assert not any(count for _, count in current_runtime().active.read())


def test_a_large_body_passes_and_is_not_read(capture_telemetry, server):
    """Nor is one copied; what is counted has no features."""
    rows = {"instances": [[1.0, 2.0]] * 100_000}
    body = json.dumps(rows).encode()
    with proxied(server.url, each=100_000) as proxy:
        post(proxy, "/invocations", body)
        post(proxy, "/invocations", iter([body[:90_000], body[90_000:]]))
        assert proxy.reader.budget.left == 64 << 20
    assert server.requests[-1][3] == body
    assert [p.attributes["ml.prediction.rows"] for p in capture_telemetry.predictions()] == [1, 1]


def test_where_too_many_wait(capture_telemetry, server):
    """A prediction is counted without what was in its bodies."""
    with proxied(server.url, waiting=0) as proxy:
        post(proxy, "/invocations", ROWS)
        assert proxy.reader.unread == 1
    assert capture_telemetry.metric("ml.prediction.duration").count() == 1


def test_other_requests_are_no_predictions(capture_telemetry, server):
    """They have a server span, and pass."""
    with proxied(server.url) as proxy:
        post(proxy, "/any", {})
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=WAIT_S)
        connection.request("GET", "/invocations")
        assert connection.getresponse().status == 200
        connection.close()
    assert not capture_telemetry.predictions()
    assert len([s for s in capture_telemetry.spans() if s.kind.name == "SERVER"]) == 2


def test_models_of_v2(capture_telemetry, server):
    """Name and version come from the path."""
    with proxied(server.url) as proxy:
        post(proxy, "/v2/models/loan/versions/7/infer", {"inputs": []})
        post(proxy, "/v2/models/a%20b/infer", {"inputs": []})
    models = [
        (p.attributes["ml.model.name"], p.attributes.get("ml.model.version"))
        for p in capture_telemetry.predictions()
    ]
    assert models[0] == ("loan", "7")
    assert models[1][0] == "a b"
    names = [s.name for s in capture_telemetry.spans() if s.kind.name == "SERVER"]
    assert names == [
        "POST /v2/models/{model}/versions/{version}/infer",
        "POST /v2/models/{model}/infer",
    ]


def test_names_of_models_are_bounded():
    """Clients choose them; only some are kept apart."""
    protocols = Protocols()
    names = [protocols.known("POST", f"/v2/models/m{i}/infer").model for i in range(300)]
    assert names[199:201] == ["m199", "_OTHER"]
    assert protocols.known("POST", "/v2/models/m7/infer").model == "m7"
    assert protocols.known("POST", "/v2/models/m/infer/x") is None
    assert protocols.known("GET", "/invocations") is None
    assert Protocols(Template.of("$"), "/a").known("POST", "/b") is None
    assert Protocols(Template.of("$"), "/a").known("POST", "/a").route == "/a"


@pytest.mark.parametrize(
    ("headers", "body", "read"),
    [
        ([], b'{"a": 1}', {"a": 1}),
        ([(b"content-type", b"text/csv")], b"1", None),
        ([(b"content-type", b"application/problem+json; charset=utf-8")], b"1", 1),
        ([(b"content-length", b"101")], b"1", None),
        ([(b"content-encoding", b"br")], b"1", None),
        ([(b"content-encoding", b"gzip")], gzip.compress(b"[1]", mtime=0), [1]),
        ([(b"content-encoding", b"gzip")], gzip.compress(b"[1]", mtime=0)[:-4], None),
        ([(b"content-encoding", b"gzip")], gzip.compress(b" " * 99_999 + b"1", mtime=0), None),
        ([(b"content-encoding", b"gzip")], b"no gzip", None),
        ([(b"inference-header-content-length", b"3")], b"[1]\x00\x01", [1]),
        ([(b"inference-header-content-length", b"-3")], b"[1]", [1]),
        ([], b"[" * 100, None),
        ([], b"1" * 101, None),
        ([], b"\xff", None),
    ],
)  # fmt: skip
def test_copies(headers, body, read):
    """JSON within the bound is read, unpacked within it too; all bytes are given back."""
    budget = Budget(100, 200)
    copy = Copy(budget, headers)
    for at in range(0, len(body), 40):
        copy.add(body[at : at + 40])
    assert copy.read() == read
    copy.drop()
    assert budget.left == 200


def test_all_copies_together_are_bounded():
    """The one too many is given up."""
    budget = Budget(100, 150)
    first, second = Copy(budget, []), Copy(budget, [])
    first.add(b" " * 99 + b"1")
    second.add(b" " * 60)
    assert (first.read(), second.is_whole, budget.left) == (1, False, 50)


def test_a_reader_that_never_started_lets_go():
    """Stopping it waits for nothing."""
    Reader().stop(0.2)


def test_without_init(server):
    """It only passes; the client's trace stays."""
    with proxied(server.url) as proxy:
        headers = {**JSON, "traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
        _, told, _ = post(proxy, "/invocations", ROWS, headers)
    assert dict(server.requests[-1][2])["traceparent"] == headers["traceparent"]
    assert "x-prediction-id" not in told
