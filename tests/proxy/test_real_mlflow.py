"""``otelml proxy`` and ``otelml predict`` before a real ``mlflow models serve``.

The server has an environment of its own, made once below ``build/model-servers``.
"""

from __future__ import annotations

import json
import threading
from collections import Counter

import pytest

from tests._otlp_server import OtlpServer
from tests.proxy import _cases, _real, campaign
from tests.proxy._both import (  # those named test_ are collected here
    STAGES,
    Real,
    check_predict,
    counted,
    files,
    means,
    test_answers_are_equal_and_recorded,
    test_on_the_wire,
    test_one_trace,
    through,
)

# Making an environment downloads what is not cached; a server takes its time to start.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_200)]
_SHARED = (files, test_answers_are_equal_and_recorded, test_on_the_wire, test_one_trace)


@pytest.fixture(scope="module")
def real():
    with (
        OtlpServer() as taken,
        _real.mlflow(_real.environment(_real.MLFLOW), taken.url) as url,
    ):
        yield Real("mlflow", url, taken)


_YES_NO = Counter({"yes": 2, "no": 1})
_MEANS = {"age": 40.0, "debt": pytest.approx(913.75 / 3)}


@pytest.mark.parametrize("form", _cases.FORMS)
@pytest.mark.parametrize(
    ("give", "labels", "confident", "valued"),
    [("label", _YES_NO, 0, 0), ("probability", {None: 3}, 3, 0), ("table", _YES_NO, 3, 0), ("value", {None: 3}, 0, 3)],
)  # fmt: skip
def test_predictions_of_mlflow(internal, real, form, give, labels, confident, valued):
    """Rows, features, labels, confidence and values of each form of request and answer."""
    status, _, _, body = through(real, real.cases[f"{form}, {give}"])
    (prediction,) = internal.predictions()
    assert (status, len(json.loads(body)["predictions"])) == (200, 3)
    assert prediction.attributes["ml.prediction.rows"] == 3
    assert counted(internal) == labels
    assert means(internal) == _MEANS
    for metric, count in (("confidence", confident), ("value", valued)):
        if count:
            assert internal.metric(f"ml.prediction.{metric}").count() == count
    assert [stage.name for stage in internal.children(prediction)] == STAGES
    internal.assert_stages_fill(prediction)


@pytest.mark.parametrize(
    ("name", "rows", "labels"),
    [("csv", 2, {"yes": 1, "no": 1}), ("a large body", _cases.MANY, {"yes": 2_000, "no": 1_000}),
     ("a body in chunks", 3, _YES_NO)],
)  # fmt: skip
def test_other_bodies_of_mlflow(internal, real, name, rows, labels):
    """Where features are not read, rows are counted by the answer."""
    assert through(real, real.cases[name])[0] == 200
    (prediction,) = internal.predictions()
    assert (prediction.attributes["ml.prediction.rows"], counted(internal)) == (rows, labels)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("the model fails", "400"),
        ("no JSON", "400"),
        ("another media type", "415"),
    ],
)
def test_errors(capture_telemetry, real, name, error):
    """An error of the server is the prediction's, with no label."""
    case = real.cases[name]
    assert through(real, case)[0] == case.status
    (prediction,) = capture_telemetry.predictions()
    assert prediction.attributes["error.type"] == error
    assert counted(capture_telemetry) == {None: prediction.attributes["ml.prediction.rows"]}


def test_a_server_that_runs_out_of_time(capture_telemetry, real):
    """MLflow's own 504 passes as it is; that of --timeout is ours, and says so."""
    slow = _cases.invocation(_cases.SPLIT, 504, "sleep")
    straight = []

    def ask():
        client = campaign.Client(real.url)
        straight.append(client.ask(slow))
        client.close()

    thread = threading.Thread(target=ask)
    thread.start()
    found = through(real, slow)
    thread.join()
    assert found == straight[0]
    assert (found[0], found[3]) == (504, b"Request processing time exceeded limit")
    status, _, headers, _ = through(real, slow, timeout_s=0.5)
    assert status == 504
    assert dict(headers)["proxy-status"] == "otelml; error=http_response_timeout"
    errors = [p.attributes["error.type"] for p in capture_telemetry.predictions()]
    assert errors == ["504", "http_response_timeout"]


@pytest.mark.parametrize(
    ("path", "data", "options", "labels"),
    [
        ("/invocations", "row.json", [], [["yes"]]),
        ("/invocations", "rows.json", ["--batch", 2], [["yes", "no"]]),
        ("/invocations", "rows.csv", [], [["yes"], ["no"], ["yes"]]),
        ("/invocations", "body.json", [], [["yes", "no", "yes"]]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("way", ["straight", "through"])
def test_predict(real, files, path, data, options, labels, way):
    """A row, a table and a body get the server's answers, each in a trace that the server is in."""
    check_predict(real, files, way, path, data, options, labels)
