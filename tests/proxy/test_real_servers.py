"""``otelml proxy`` and ``otelml predict`` before a real ``mlflow models serve`` and a real MLServer.

Each server has an environment of its own, made once below ``build/model-servers``.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from collections import Counter

import pytest
from click.testing import CliRunner

from otelml.cli import main
from tests._otlp_server import OtlpServer
from tests.proxy import _real, campaign
from tests.proxy._servers import proxied

# Making an environment downloads what is not cached; a server takes its time to start.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_200)]
_STAGES = ["feature_extraction", "inference", "post_processing"]
_NO_EXPORT = {f"OTEL_{one}_EXPORTER": "none" for one in ("TRACES", "METRICS", "LOGS")}
_LONG_S = 120.0
_CASES = {"mlflow": campaign.MLFLOW, "mlserver": campaign.MLSERVER}


class Real:
    """A running model server.

    Args:
        url: Its URL.
        taken: Where its spans arrive.
    """

    def __init__(self, url, taken):
        self.url = url
        self._taken = taken

    def server_spans(self, trace_id):
        """Return its spans of a trace that are of requests, once there is one."""
        until = time.monotonic() + _LONG_S
        while time.monotonic() < until:
            found = [s for s in self._taken.spans if s.trace_id == trace_id and s.kind == 2]
            if found:
                return found
            time.sleep(0.05)
        raise AssertionError("the server has sent no span of the trace")


@pytest.fixture(scope="module")
def mlflow():
    with (
        OtlpServer() as taken,
        _real.mlflow(_real.environment(_real.MLFLOW), taken.url) as url,
    ):
        yield Real(url, taken)


@pytest.fixture(scope="module")
def mlserver():
    with (
        _real.Spans() as taken,
        _real.mlserver(_real.environment(_real.MLSERVER), f"127.0.0.1:{taken.port}") as url,
    ):
        yield Real(url, taken)


@pytest.fixture
def real(request):
    return request.getfixturevalue(request.param)


both = pytest.mark.parametrize("real", ["mlflow", "mlserver"], indirect=True)


def _case(server, name):
    return _CASES[server][name]


def _through(real, case, **options):
    """Return what a request is answered by through a proxy of this process, once it is read."""
    with proxied(real.url, **options) as proxy:
        client = campaign.Client(proxy.url)
        try:
            found = client.ask(case)
        finally:
            client.close()
        proxy.settle()
    return found


@pytest.mark.parametrize(("real", "cases"), [(n, n) for n in _CASES], indirect=["real"])
def test_answers_are_equal(real, cases):
    """Some hundreds of requests: status, reason, headers in their order, and every byte."""
    with campaign.command(real.url, **_NO_EXPORT) as through:
        found = campaign.compare(real.url, through, _CASES[cases], 320)
    assert not found.differences
    assert found.count == 320
    assert {200, 400, 404} <= set(found.statuses)


_ROW = json.dumps({"dataframe_records": [{"age": 30, "debt": 1.5, "town": "Ulm"}]}).encode()
_WIRE = {
    "http/1.0": [b"POST %b HTTP/1.0\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"],
    "kept, then closed": [
        b"POST %b HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b",
        b"POST %b HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%b",
    ],
    "expect": [b"POST %b HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\nconnection: close\r\nexpect: 100-continue\r\ncontent-length: %d\r\n\r\n%b"],
}  # fmt: skip


def _wire(url, requests):
    """Send requests on one connection; return the answers' statuses and bodies, and any 100."""
    host, _, port = url.removeprefix("http://").partition(":")
    answers, asked = [], False
    with socket.create_connection((host, int(port)), timeout=_LONG_S) as connection:
        for request in requests:
            head, _, body = request.partition(b"\r\n\r\n")
            connection.sendall(head + b"\r\n\r\n")
            if b"expect:" in head:
                asked = connection.recv(1 << 16).startswith(b"HTTP/1.1 100 ")
            connection.sendall(body)
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            headers = [h for h in answer.getheaders() if h[0].lower() not in campaign._OWN]
            answers.append((answer.status, headers, answer.read()))
        closed = requests[-1].split(b"\r\n")[0].endswith(b"1.0") or b"close" in requests[-1]
        assert not closed or connection.recv(1) == b""
    return answers, asked


@both
@pytest.mark.parametrize("name", _WIRE)
def test_on_the_wire(real, request, name):
    """Old clients, kept connections, and clients that wait to be asked for the body."""
    v2 = "mlserver" in request.node.callspec.id
    body = _case("mlserver", "fp32").body if v2 else _ROW
    path = b"/v2/models/iris/infer" if v2 else b"/invocations"
    requests = [one % (path, len(body), body) for one in _WIRE[name]]
    with proxied(real.url) as proxy:
        found = _wire(proxy.url, requests)
    assert found == _wire(real.url, requests)
    assert [status for status, _, _ in found[0]] == [200] * len(requests)


_YES_NO = Counter({"yes": 2, "no": 1})
_MEANS = {"age": 40.0, "debt": pytest.approx(913.75 / 3)}


def _labels(seen):
    points = seen.metric("ml.predictions").points
    return Counter({p.attributes.get("ml.prediction.label"): p.value for p in points})


def _means(seen):
    points = seen.metric("ml.feature.mean").points
    return {p.attributes["ml.feature.name"]: p.value for p in points}


@pytest.mark.parametrize("form", campaign.FORMS)
@pytest.mark.parametrize(
    ("give", "labels", "confident", "valued"),
    [("label", _YES_NO, 0, 0), ("probability", {None: 3}, 3, 0), ("table", _YES_NO, 3, 0), ("value", {None: 3}, 0, 3)],
)  # fmt: skip
def test_predictions_of_mlflow(internal, mlflow, form, give, labels, confident, valued):
    """Rows, features, labels, confidence and values of each form of request and answer."""
    status, _, _, body = _through(mlflow, _case("mlflow", f"{form}, {give}"))
    (prediction,) = internal.predictions()
    assert (status, len(json.loads(body)["predictions"])) == (200, 3)
    assert prediction.attributes["ml.prediction.rows"] == 3
    assert _labels(internal) == labels
    assert _means(internal) == _MEANS
    for metric, count in (("confidence", confident), ("value", valued)):
        if count:
            assert internal.metric(f"ml.prediction.{metric}").count() == count
    assert [stage.name for stage in internal.children(prediction)] == _STAGES
    internal.assert_stages_fill(prediction)


@pytest.mark.parametrize(
    ("name", "rows", "labels"),
    [("csv", 2, {"yes": 1, "no": 1}), ("a large body", campaign.MANY, {"yes": 2_000, "no": 1_000}),
     ("a body in chunks", 3, _YES_NO)],
)  # fmt: skip
def test_other_bodies_of_mlflow(internal, mlflow, name, rows, labels):
    """Where features are not read, rows are counted by the answer."""
    assert _through(mlflow, _case("mlflow", name))[0] == 200
    (prediction,) = internal.predictions()
    assert (prediction.attributes["ml.prediction.rows"], _labels(internal)) == (rows, labels)


@pytest.mark.parametrize(
    ("name", "rows", "features", "labels", "confident", "valued"),
    [
        ("fp32", 2, 4, {"1": 1, "0": 1}, 0, 0),
        ("fp32, nested", 1, 4, {"1": 1}, 0, 0),
        ("int64", 2, 4, {None: 2}, 0, 2),
        ("bool", 2, 3, {"true": 1, "false": 1}, 0, 0),
        ("columns with bytes", 2, 4, {"yes": 1, "no": 1}, 0, 0),
        ("columns with bytes, both", 2, 4, {"yes": 1, "no": 1}, 2, 0),
        ("probabilities", 2, 4, {None: 2}, 2, 0),
        ("labels and probabilities", 2, 4, {"1": 1, "0": 1}, 2, 0),
        ("a large body", campaign.MANY, 4, {"1": campaign.MANY}, 0, 0),
        ("a packed answer", campaign.MANY, 4, {"1": campaign.MANY}, campaign.MANY, 0),
        ("a packed body", 2, 4, {"1": 1, "0": 1}, 0, 0),
        ("a body in chunks", 2, 4, {"1": 1, "0": 1}, 0, 0),
    ],
)  # fmt: skip
def test_predictions_of_v2(internal, mlserver, name, rows, features, labels, confident, valued):
    """Tensors of each type in, labels, probabilities and numbers out, packed and in chunks."""
    case = _case("mlserver", name)
    assert _through(mlserver, case)[0] == 200
    (prediction,) = internal.predictions()
    model, *version = case.path.split("/")[3:-1]
    assert prediction.attributes["ml.model.name"] == model
    assert prediction.attributes.get("ml.model.version") == (version[1] if version else None)
    assert prediction.attributes["ml.prediction.rows"] == rows
    assert prediction.attributes["ml.feature.count"] == features
    assert _labels(internal) == labels
    for metric, count in (("confidence", confident), ("value", valued)):
        if count:
            assert internal.metric(f"ml.prediction.{metric}").count() == count
    assert [stage.name for stage in internal.children(prediction)] == _STAGES


@pytest.mark.parametrize(
    ("real", "server", "name", "error"),
    [
        ("mlflow", "mlflow", "the model fails", "400"),
        ("mlflow", "mlflow", "no JSON", "400"),
        ("mlflow", "mlflow", "another media type", "415"),
        ("mlserver", "mlserver", "the model fails", "500"),
        ("mlserver", "mlserver", "no such model", "404"),
        ("mlserver", "mlserver", "no such output", "400"),
        ("mlserver", "mlserver", "no tensors", "422"),
    ],
    indirect=["real"],
)
def test_errors(capture_telemetry, real, server, name, error):
    """An error of the server is the prediction's, with no label."""
    case = _case(server, name)
    assert _through(real, case)[0] == case.status
    (prediction,) = capture_telemetry.predictions()
    assert prediction.attributes["error.type"] == error
    assert _labels(capture_telemetry) == {None: prediction.attributes["ml.prediction.rows"]}


@both
def test_one_trace(capture_telemetry, real, request):
    """The server's span is a child of the prediction, in the trace of the client."""
    server = "mlserver" if "mlserver" in request.node.callspec.id else "mlflow"
    name = "fp32" if server == "mlserver" else "inputs, label"
    case = _case(server, name)
    trace = f"{time.time_ns():032x}"
    parent = f"00-{trace}-b7ad6b7169203331-01"
    case = case._replace(headers={**case.headers, "traceparent": parent})
    assert _through(real, case)[0] == 200
    (prediction,) = capture_telemetry.predictions()
    (entry,) = [span for span in capture_telemetry.spans() if span.kind.name == "SERVER"]
    (far,) = real.server_spans(bytes.fromhex(trace))
    assert f"{prediction.context.trace_id:032x}" == trace
    assert entry.parent.span_id == 0xB7AD6B7169203331
    assert prediction.parent.span_id == entry.context.span_id
    assert far.parent_span_id.hex() == f"{prediction.context.span_id:016x}"


def test_a_server_that_runs_out_of_time(capture_telemetry, mlflow):
    """MLflow's own 504 passes as it is; that of --timeout is ours, and says so."""
    slow = campaign.invocation(campaign.SPLIT, 504, "sleep")
    straight = []

    def ask():
        client = campaign.Client(mlflow.url)
        straight.append(client.ask(slow))
        client.close()

    thread = threading.Thread(target=ask)
    thread.start()
    found = _through(mlflow, slow)
    thread.join()
    assert found == straight[0]
    assert (found[0], found[3]) == (504, b"Request processing time exceeded limit")
    status, _, headers, _ = _through(mlflow, slow, timeout_s=0.5)
    assert status == 504
    assert dict(headers)["proxy-status"] == "otelml; error=http_response_timeout"
    errors = [p.attributes["error.type"] for p in capture_telemetry.predictions()]
    assert errors == ["504", "http_response_timeout"]


def test_a_failing_model_is_nobody_elses_failure(mlserver):
    """Behind a 500 MLServer closes the connection; no other client's request goes down with it."""
    good, bad = _case("mlserver", "fp32"), _case("mlserver", "the model fails")
    found: Counter[tuple[str, int]] = Counter()
    lock = threading.Lock()

    def work(first):
        for number in range(first, first + 24):
            name, case = ("bad", bad) if number % 3 == 0 else ("good", good)
            client = campaign.Client(proxy.url)
            status = campaign._asked(client, case)[0]
            client.close()
            with lock:
                found[name, status] += 1

    with proxied(mlserver.url) as proxy:
        threads = [threading.Thread(target=work, args=(first,)) for first in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == {("bad", 500): 96, ("good", 200): 192}


def _predict(*arguments):
    return CliRunner().invoke(main, ["predict", *map(str, arguments)])


@pytest.fixture
def files(tmp_path):
    loans = [{"age": 30, "debt": 10.5, "town": "Ulm"}, {"age": 40, "debt": 900.0, "town": "Bonn"}]
    (tmp_path / "row.json").write_text(json.dumps(loans[0]))
    (tmp_path / "rows.json").write_text(json.dumps(loans))
    (tmp_path / "rows.csv").write_text("age,debt,town\n30,10.5,Ulm\n40,900.0,Bonn\n50,3,Köln\n")
    (tmp_path / "body.json").write_text(json.dumps(campaign.SPLIT))
    (tmp_path / "owner.json").write_text(json.dumps({**loans[0], "owner": True}))
    (tmp_path / "owners.csv").write_text(
        "age,debt,owner,town\n30,10.5,true,Ulm\n40,900.0,false,Bonn\n50,3,true,Köln\n"
    )
    (tmp_path / "numbers.csv").write_text("a,b,c,d\n1.5,2,3,4\n-1,-2,-3,-4\n")
    (tmp_path / "tensor.json").write_bytes(_case("mlserver", "fp32").body)
    return tmp_path


def _answers(body):
    """Return the labels of an answer of either protocol."""
    return body["predictions"] if "predictions" in body else body["outputs"][0]["data"]


@pytest.mark.parametrize(
    ("real", "path", "data", "options", "labels"),
    [
        ("mlflow", "/invocations", "row.json", [], [["yes"]]),
        ("mlflow", "/invocations", "rows.json", ["--batch", 2], [["yes", "no"]]),
        ("mlflow", "/invocations", "rows.csv", [], [["yes"], ["no"], ["yes"]]),
        ("mlflow", "/invocations", "body.json", [], [["yes", "no", "yes"]]),
        ("mlserver", "/v2/models/loan/infer", "owner.json", [], [["yes"]]),
        ("mlserver", "/v2/models/loan/infer", "owners.csv", ["--batch", 2], [["yes", "no"], ["yes"]]),
        ("mlserver", "/v2/models/iris/infer", "numbers.csv", [], [[1], [0]]),
        ("mlserver", "/v2/models/iris/infer", "tensor.json", [], [[1, 0]]),
    ],
    indirect=["real"],
)  # fmt: skip
@pytest.mark.parametrize("way", ["straight", "through"])
def test_predict(real, files, path, data, options, labels, way):
    """A row, a table and a body get the server's answers, each in a trace that the server is in."""
    out = files / "answers.jsonl"
    with contextlib.ExitStack() as stack:
        url = real.url if way == "straight" else stack.enter_context(proxied(real.url)).url
        found = _predict(url + path, "--data", files / data, "--output", out, *options)
    assert found.exit_code == 0, found.output
    lines = sorted(map(json.loads, out.read_text().splitlines()), key=lambda one: one["request"])
    assert [_answers(line["answer"]) for line in lines] == labels
    for line in lines:
        assert len(real.server_spans(bytes.fromhex(line["trace_id"]))) == 1
    if len(lines) == 1:
        assert _answers(json.loads(found.stdout)) == labels[0]
        assert f"trace {lines[0]['trace_id']}" in found.stderr
    else:
        for text in ("sent", "ok", "p50", "p95", "p99", "slowest"):
            assert text in found.output


def test_predict_says_how_far_it_is(mlserver, files):
    """A thousand requests, some at a time: progress, quantiles, and the trace of the slowest."""
    with campaign.command(mlserver.url, **_NO_EXPORT) as through:
        found = _predict(
            f"{through}/v2/models/iris/infer", "--data", files / "numbers.csv", "--repeat", 500, "--workers", 4
        )  # fmt: skip
    assert found.exit_code == 0, found.output
    assert "1,000 of 1,000 sent, 0 failed" in found.output
    trace = found.output.split("slowest")[1].split("trace")[1].split()[0]
    assert len(mlserver.server_spans(bytes.fromhex(trace))) == 1


def test_predict_shows_what_failed(mlserver, files):
    """Statuses of the server, with traces to look at; the exit code is 1."""
    url = f"{mlserver.url}/v2/models/price/infer"
    found = _predict(url, "--data", files / "rows.csv")
    assert found.exit_code == 1
    assert "failed, 500" in found.output
    trace = found.output.split("trace")[1].split()[0]
    assert real_status(mlserver, trace) == 500


def real_status(real, trace):
    """Return the status that the server's span of a trace has."""
    (span,) = real.server_spans(bytes.fromhex(trace))
    told = {one.key: one.value.int_value for one in span.attributes}
    return told.get("http.status_code", told.get("http.response.status_code"))


def test_what_has_no_release_for_this_python_says_so(monkeypatch):
    """The message names what is missing."""
    monkeypatch.setattr(_real.sys, "version_info", (3, 99))
    monkeypatch.setattr(_real, "find_python", lambda *_, **__: None)
    with pytest.raises(
        RuntimeError, match=r"no release for Python 3.99: .* Python 3.12, 3.11, 3.10"
    ):
        _real._python(_real.MLSERVER)
