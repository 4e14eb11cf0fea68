"""What is tested before each real model server, and what its tests share."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import time
from collections import Counter

import pytest
from click.testing import CliRunner

from otelml.cli import main
from tests._otlp_server import OtlpServer
from tests.proxy import _cases, campaign
from tests.proxy._servers import proxied

STAGES = ["feature_extraction", "inference", "post_processing"]
_LONG_S = 120.0
_CASES = {"mlflow": _cases.MLFLOW, "mlserver": _cases.MLSERVER}
_COUNT = 300


class Real:
    """A running model server.

    Args:
        name: Which.
        url: Its URL.
        taken: Where its spans arrive.
    """

    def __init__(self, name, url, taken):
        self.cases = _CASES[name]
        self.url = url
        self.is_v2 = name == "mlserver"
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


def through(real, case, **options):
    """Return what a request is answered by through a proxy of this process, once it is read."""
    with proxied(real.url, **options) as proxy:
        client = campaign.Client(proxy.url)
        try:
            found = client.ask(case)
        finally:
            client.close()
        proxy.settle()
    return found


def test_answers_are_equal_and_recorded(real):
    """Some hundreds of requests: status, reason, headers in their order, every byte, every span."""
    with OtlpServer() as taken:
        with campaign.command(real.url, **taken.environment()) as through:
            found = campaign.compare(real.url, through, real.cases, _COUNT)
        assert not found.differences
        assert not campaign.unrecorded(found, real.cases, taken)
    assert len(found.sent) == _COUNT + _COUNT // campaign.OTHERS
    assert {200, 400, 404, 405} <= set(found.statuses)


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


@pytest.mark.parametrize("name", _WIRE)
def test_on_the_wire(real, name):
    """Old clients, kept connections, and clients that wait to be asked for the body."""
    body = _cases.MLSERVER["fp32"].body if real.is_v2 else _ROW
    path = b"/v2/models/iris/infer" if real.is_v2 else b"/invocations"
    requests = [one % (path, len(body), body) for one in _WIRE[name]]
    with proxied(real.url) as proxy:
        found = _wire(proxy.url, requests)
    assert found == _wire(real.url, requests)
    assert [status for status, _, _ in found[0]] == [200] * len(requests)


def counted(seen):
    points = seen.metric("ml.predictions").points
    return Counter({p.attributes.get("ml.prediction.label"): p.value for p in points})


def means(seen):
    points = seen.metric("ml.feature.mean").points
    return {p.attributes["ml.feature.name"]: p.value for p in points}


def test_one_trace(capture_telemetry, real):
    """The server's span is a child of the prediction, in the trace of the client."""
    case = real.cases["fp32" if real.is_v2 else "inputs, label"]
    trace = f"{time.time_ns():032x}"
    parent = f"00-{trace}-b7ad6b7169203331-01"
    case = case._replace(headers={**case.headers, "traceparent": parent})
    assert through(real, case)[0] == 200
    (prediction,) = capture_telemetry.predictions()
    (entry,) = [span for span in capture_telemetry.spans() if span.kind.name == "SERVER"]
    (far,) = real.server_spans(bytes.fromhex(trace))
    assert f"{prediction.context.trace_id:032x}" == trace
    assert entry.parent.span_id == 0xB7AD6B7169203331
    assert prediction.parent.span_id == entry.context.span_id
    assert far.parent_span_id.hex() == f"{prediction.context.span_id:016x}"


def predict(*arguments):
    return CliRunner().invoke(main, ["predict", *map(str, arguments)])


@pytest.fixture
def files(tmp_path):
    loans = [{"age": 30, "debt": 10.5, "town": "Ulm"}, {"age": 40, "debt": 900.0, "town": "Bonn"}]
    (tmp_path / "row.json").write_text(json.dumps(loans[0]))
    (tmp_path / "rows.json").write_text(json.dumps(loans))
    (tmp_path / "rows.csv").write_text("age,debt,town\n30,10.5,Ulm\n40,900.0,Bonn\n50,3,Köln\n")
    (tmp_path / "body.json").write_text(json.dumps(_cases.SPLIT))
    (tmp_path / "owner.json").write_text(json.dumps({**loans[0], "owner": True}))
    (tmp_path / "owners.csv").write_text(
        "age,debt,owner,town\n30,10.5,true,Ulm\n40,900.0,false,Bonn\n50,3,true,Köln\n"
    )
    (tmp_path / "numbers.csv").write_text("a,b,c,d\n1.5,2,3,4\n-1,-2,-3,-4\n")
    (tmp_path / "tensor.json").write_bytes(_cases.MLSERVER["fp32"].body)
    return tmp_path


def _answers(body):
    """Return the labels of an answer of either protocol."""
    return body["predictions"] if "predictions" in body else body["outputs"][0]["data"]


def check_predict(real, files, way, path, data, options, labels):
    """Check that a row, a table or a body gets its answers, in traces that the server is in."""
    out = files / "answers.jsonl"
    with contextlib.ExitStack() as stack:
        url = real.url if way == "straight" else stack.enter_context(proxied(real.url)).url
        found = predict(url + path, "--data", files / data, "--output", out, *options)
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
