"""``otelml predict`` and ``otelml proxy``, as one calls them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys

import pytest
from click.testing import CliRunner

from otelml.cli import main
from otelml.cli._inference import Target, _drop_if_closed
from tests.proxy._servers import upstream


@pytest.fixture
def server():
    with upstream() as running:
        yield running


@pytest.fixture
def files(tmp_path):
    (tmp_path / "row.json").write_text('{"age": 30, "town": "Ulm"}')
    (tmp_path / "rows.json").write_text('[{"age": 30}, {"age": 40}]')
    (tmp_path / "rows.csv").write_text("age,town\n30,Ulm\n40,Bonn\n50,Ulm\n")
    (tmp_path / "signs.csv").write_text("age,owner,said\n30,True,true\n40,,no\n")
    (tmp_path / "body.json").write_text('{"instances": [[1]]}')
    (tmp_path / "none.csv").write_text("age\n")
    (tmp_path / "odd.json").write_text("{")
    return tmp_path


def predict(*arguments):
    return CliRunner().invoke(main, ["predict", *map(str, arguments)])


@pytest.mark.parametrize(
    ("path", "data", "options", "bodies"),
    [
        ("/invocations", "row.json", [], [{"dataframe_split": {"columns": ["age", "town"], "data": [[30, "Ulm"]]}}]),
        ("/invocations", "body.json", [], [{"instances": [[1]]}]),
        ("/invocations", "rows.csv", ["--batch", 2],
         [{"dataframe_split": {"columns": ["age", "town"], "data": [[30, "Ulm"], [40, "Bonn"]]}},
          {"dataframe_split": {"columns": ["age", "town"], "data": [[50, "Ulm"]]}}]),
        ("/v2/models/m/infer", "row.json", [], [{"parameters": {"content_type": "pd"}, "inputs": [
            {"name": "age", "shape": [1, 1], "datatype": "INT64", "data": [30]},
            {"name": "town", "shape": [1, 1], "datatype": "BYTES", "data": ["Ulm"]}]}]),
        ("/predict", "signs.csv", [], [{"age": 30, "owner": True, "said": "true"}, {"age": 40, "owner": None, "said": "no"}]),
        ("/predict", "rows.json", [], [{"age": 30}, {"age": 40}]),
        ("/predict", "rows.json", ["--batch", 2], [[{"age": 30}, {"age": 40}]]),
        ("/predict", "rows.json", ["--repeat", 2, "--workers", 1], [{"age": 30}, {"age": 40}] * 2),
    ],
)  # fmt: skip
def test_bodies(server, files, path, data, options, bodies):
    """Rows go out as the protocol of the path has them, each with a trace of its own."""
    found = predict(server.url + path, "--data", files / data, *options)
    assert found.exit_code == 0, found.output
    assert [json.loads(body) for _, _, _, body in server.requests] == bodies
    traces = {dict(headers)["traceparent"].split("-")[1] for _, _, headers, _ in server.requests}
    assert len(traces) == len(bodies)


def test_a_connection_is_used_again_unless_its_server_has_failed_or_closed_it(server, files):
    """A failed one may close it behind its answer; the next request is not lost with it."""
    for path, connections in (("/invocations", 1), ("/404", 1), ("/500", 3)):
        server.ports.clear()
        predict(server.url + path, "--data", files / "rows.csv")
        assert len(set(server.ports)) == connections, path
    one, other = socket.socketpair()
    connection = Target.of(server.url).connect(5.0)
    connection.sock = one
    _drop_if_closed(connection)
    assert connection.sock is one
    other.close()
    _drop_if_closed(connection)
    assert connection.sock is None


def test_what_one_request_says(server, files):
    """The answer on stdout; its trace on stderr."""
    found = predict(f"{server.url}/invocations", "--data", files / "row.json")
    trace = dict(server.requests[0][2])["traceparent"].split("-")[1]
    assert json.loads(found.stdout) == {"predictions": ["yes"]}
    assert f"trace {trace}" in found.stderr


def test_what_many_say(server, files):
    """Counts, quantiles, and the traces of those that failed; all answers in a file."""
    out = files / "answers.jsonl"
    found = predict(
        f"{server.url}/500", "--data", files / "rows.csv", "--workers", 3, "--output", out
    )
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert found.exit_code == 1
    assert sorted(line["request"] for line in lines) == [0, 1, 2]
    assert {line["status"] for line in lines} == {500}
    for text in ("sent", "p50", "p95", "p99", "failed, 500", *(line["trace_id"] for line in lines)):
        assert text in found.output


@pytest.mark.parametrize(
    ("url", "data", "says"),
    [
        ("ftp://x", "row.json", "not a URL"),
        ("http://127.0.0.1:1/", "none.csv", "no row"),
        ("http://127.0.0.1:1/", "odd.json", "not a JSON file"),
    ],
)
def test_what_cannot_be_sent(files, url, data, says):
    """It is one line."""
    found = predict(url, "--data", files / data)
    assert (found.exit_code, found.output.count("\n")) == (1, 1)
    assert says in found.output


def test_nobody_there(files):
    """Each request has failed."""
    found = predict("http://127.0.0.1:1/invocations", "--data", files / "rows.json")
    assert found.exit_code == 1
    assert "ConnectionRefusedError" in found.output


def test_proxy(server, files):
    """It says where it is, passes requests on, and ends by SIGTERM with all sent."""
    environment = {
        **os.environ, "OTELML_MODEL": "loan", "OTEL_TRACES_EXPORTER": "console",
        "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none",
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "otelml", "proxy", server.url, "--port", "0"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment,
    )  # fmt: skip
    try:
        for line in process.stdout:
            if line.startswith("proxy "):
                url = line.split()[1]
            if line.startswith("Ctrl-C"):
                break
        found = predict(f"{url}/invocations", "--data", files / "row.json")
        assert json.loads(found.stdout) == {"predictions": ["yes"]}
        assert "prediction " in found.stderr
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert '"predict loan"' in rest


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nonsense://x"], "not the URL of a model server"),
        (["http://a", "--label", "a b"], "--label"),
        (["http://a", "--path", "x", "--label", "a"], "must begin with /"),
        (["http://a", "--path", "/x"], "goes with"),
    ],
)
def test_proxy_options(arguments, says):
    """What is wrong is said before anything starts."""
    found = CliRunner().invoke(main, ["proxy", *arguments])
    assert found.exit_code in (1, 2)
    assert says in found.output
