"""``otelml proxy`` and ``otelml predict`` before a real ``mlserver start``.

The server has an environment of its own, made once below ``build/model-servers``.
"""

from __future__ import annotations

import threading
from collections import Counter

import pytest

from tests.proxy import _cases, _real, campaign
from tests.proxy._both import (  # those named test_ are collected here
    STAGES,
    Real,
    check_predict,
    counted,
    files,
    predict,
    test_answers_are_equal_and_recorded,
    test_on_the_wire,
    test_one_trace,
    through,
)
from tests.proxy._servers import proxied

# Making an environment downloads what is not cached; a server takes its time to start.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_200)]
_NO_EXPORT = {f"OTEL_{one}_EXPORTER": "none" for one in ("TRACES", "METRICS", "LOGS")}
_SHARED = (files, test_answers_are_equal_and_recorded, test_on_the_wire, test_one_trace)


@pytest.fixture(scope="module")
def real():
    with (
        _real.Spans() as taken,
        _real.mlserver(_real.environment(_real.MLSERVER), f"127.0.0.1:{taken.port}") as url,
    ):
        yield Real("mlserver", url, taken)


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
        ("a large body", _cases.MANY, 4, {"1": _cases.MANY}, 0, 0),
        ("a packed answer", _cases.MANY, 4, {"1": _cases.MANY}, _cases.MANY, 0),
        ("a packed body", 2, 4, {"1": 1, "0": 1}, 0, 0),
        ("a body in chunks", 2, 4, {"1": 1, "0": 1}, 0, 0),
    ],
)  # fmt: skip
def test_predictions_of_v2(internal, real, name, rows, features, labels, confident, valued):
    """Tensors of each type in, labels, probabilities and numbers out, packed and in chunks."""
    case = real.cases[name]
    assert through(real, case)[0] == 200
    (prediction,) = internal.predictions()
    model, *version = case.path.split("/")[3:-1]
    assert prediction.attributes["ml.model.name"] == model
    assert prediction.attributes.get("ml.model.version") == (version[1] if version else None)
    assert prediction.attributes["ml.prediction.rows"] == rows
    assert prediction.attributes["ml.feature.count"] == features
    assert counted(internal) == labels
    for metric, count in (("confidence", confident), ("value", valued)):
        if count:
            assert internal.metric(f"ml.prediction.{metric}").count() == count
    assert [stage.name for stage in internal.children(prediction)] == STAGES


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("the model fails", "500"),
        ("no such model", "404"),
        ("no such output", "400"),
        ("no tensors", "422"),
    ],
)
def test_errors(capture_telemetry, real, name, error):
    """An error of the server is the prediction's, with no label."""
    case = real.cases[name]
    assert through(real, case)[0] == case.status
    (prediction,) = capture_telemetry.predictions()
    assert prediction.attributes["error.type"] == error
    assert counted(capture_telemetry) == {None: prediction.attributes["ml.prediction.rows"]}


def test_a_failing_model_is_nobody_elses_failure(real):
    """Behind a 500 MLServer closes the connection; no other client's request goes down with it."""
    good, bad = real.cases["fp32"], real.cases["the model fails"]
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

    with proxied(real.url) as proxy:
        threads = [threading.Thread(target=work, args=(first,)) for first in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == {("bad", 500): 96, ("good", 200): 192}


@pytest.mark.parametrize(
    ("path", "data", "options", "labels"),
    [
        ("/v2/models/loan/infer", "owner.json", [], [["yes"]]),
        ("/v2/models/loan/infer", "owners.csv", ["--batch", 2], [["yes", "no"], ["yes"]]),
        ("/v2/models/iris/infer", "numbers.csv", [], [[1], [0]]),
        ("/v2/models/iris/infer", "tensor.json", [], [[1, 0]]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("way", ["straight", "through"])
def test_predict(real, files, path, data, options, labels, way):
    """A row, a table and a body get the server's answers, each in a trace that the server is in."""
    check_predict(real, files, way, path, data, options, labels)


def test_predict_says_how_far_it_is(real, files):
    """A thousand requests, some at a time: progress, quantiles, and the trace of the slowest."""
    with campaign.command(real.url, **_NO_EXPORT) as through:
        found = predict(
            f"{through}/v2/models/iris/infer", "--data", files / "numbers.csv", "--repeat", 500, "--workers", 4
        )  # fmt: skip
    assert found.exit_code == 0, found.output
    assert "1,000 of 1,000 sent, 0 failed" in found.output
    trace = found.output.split("slowest")[1].split("trace")[1].split()[0]
    assert len(real.server_spans(bytes.fromhex(trace))) == 1


def test_predict_shows_what_failed(real, files):
    """Statuses of the server, with traces to look at; the exit code is 1."""
    url = f"{real.url}/v2/models/price/infer"
    found = predict(url, "--data", files / "rows.csv")
    assert found.exit_code == 1
    assert "failed, 500" in found.output
    trace = found.output.split("trace")[1].split()[0]
    assert real_status(real, trace) == 500


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
