"""The services of docs/frameworks.md, as real processes, asked by several clients at once."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection
from itertools import pairwise
from pathlib import Path

import pytest

from tests._otlp_server import OtlpServer
from tests._processes import environment
from tests.strangers._run import STAGES, attributes, free_port, last_points, wait

pytestmark = pytest.mark.slow  # each service is a process that imports scikit-learn

_PAGE = (Path(__file__).parents[2] / "docs" / "frameworks.md").read_text()
SERVICES = {
    title.lower(): code
    for title, code in re.findall(
        r"^## (\w+)\n\n```python\n(.*?)^```", _PAGE, re.DOTALL | re.MULTILINE
    )
}
_CLIENTS, _EACH = 6, 8
_COUNT = _CLIENTS * _EACH
_FEEDBACK = {"litestar": "/ml/feedback"}


@dataclass
class Asked:
    """A request for a decision, of which every fifth has no income.

    Args:
        n: Its number.
    """

    n: int
    status: int = 0
    label: str = ""
    prediction_id: str | None = None
    feedback: int = 0

    @property
    def is_wrong(self):
        return self.n % 5 == 4

    @property
    def expected(self):
        return "no" if self.n % 3 else "yes"

    @property
    def caller(self):
        return f"{self.n + 1:032x}", f"{self.n + 1:016x}"

    def send(self, connection, labels):
        """Ask, and send a label for what was predicted."""
        loan = {"debt": 90.0 if self.n % 3 else 10.0, "income": 100.0}
        if self.is_wrong:
            del loan["income"]
        headers = {
            "content-type": "application/json",
            "traceparent": "00-{}-{}-01".format(*self.caller),
        }
        connection.request("POST", "/loan", json.dumps(loan), headers)
        response = connection.getresponse()
        self.status, body = response.status, response.read()
        self.prediction_id = response.getheader("x-prediction-id")
        if self.status == 200:
            self.label = json.loads(body)["label"]
            del headers["traceparent"]
            told = json.dumps({"prediction_id": self.prediction_id, "actual": "yes"})
            connection.request("POST", labels, told, headers)
            response = connection.getresponse()
            self.feedback = response.status
            response.read()


class Run:
    """What one service answered and sent."""

    def __init__(self, name, otlp):
        self.name = name
        self.otlp = otlp
        self.asked = [Asked(n) for n in range(_COUNT)]
        self.good = [asked for asked in self.asked if not asked.is_wrong]

    def below(self, span):
        found = [s for s in self.otlp.spans if s.parent_span_id == span.span_id]
        return sorted(found, key=lambda s: s.start_time_unix_nano)

    def server_span(self, asked):
        trace, parent = asked.caller
        spans = [s for s in self.otlp.spans if s.trace_id.hex() == trace]
        (found,) = [s for s in spans if s.parent_span_id.hex() == parent]
        return found


def _client(port, labels, every):
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    for asked in every:
        asked.send(connection, labels)
    connection.close()


@pytest.fixture(scope="module", params=SERVICES)
def run(request, tmp_path_factory):
    """One service, asked by clients that each keep a connection, and ended by SIGTERM."""
    folder, port = tmp_path_factory.mktemp(request.param), free_port()
    (folder / "app.py").write_text(SERVICES[request.param].replace("8000", str(port)))
    with OtlpServer() as otlp:
        run = Run(request.param, otlp)
        process = subprocess.Popen(
            [sys.executable, "app.py"],
            cwd=folder,
            env=environment(**otlp.environment(), PYTHONDONTWRITEBYTECODE="1"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait(port, process)
            labels = _FEEDBACK.get(run.name, "/feedback")
            with ThreadPoolExecutor(_CLIENTS) as pool:
                parts = [run.asked[i::_CLIENTS] for i in range(_CLIENTS)]
                list(pool.map(lambda part: _client(port, labels, part), parts))
            process.send_signal(signal.SIGTERM)
            process.wait(60)
        finally:
            process.kill()
            process.wait()
        yield run


def test_the_page_has_all_of_them():
    """Else a service without a test would be a page that nobody runs."""
    assert set(SERVICES) == {"litestar", "aiohttp", "tornado"}


def test_answers(run):
    """Each request has its own label and id; one that is wrong is an error of the service."""
    for asked in run.asked:
        assert asked.status == (500 if asked.is_wrong else 200), asked
    assert all(asked.label == asked.expected and asked.feedback in {200, 202} for asked in run.good)
    assert len({asked.prediction_id for asked in run.good}) == len(run.good)


def test_one_prediction_a_request(run):
    """In the caller's trace, below the server span, with the id and label that it was given."""
    for asked in run.good:
        server = run.server_span(asked)
        (prediction,) = run.below(server)
        said = attributes(prediction)
        assert (server.kind, server.name) == (2, "POST /loan")
        assert attributes(server)["http.response.status_code"] == 200
        assert prediction.name == "predict loan"
        assert said["ml.prediction.id"] == asked.prediction_id
        assert said["ml.prediction.label"] == asked.expected
        assert (said["ml.model.version"], said["ml.prediction.rows"]) == ("3", 1)


def test_stages(run):
    """Three, which follow one another, add up to the prediction."""
    for asked in run.good:
        (prediction,) = run.below(run.server_span(asked))
        stages = run.below(prediction)
        assert [s.name for s in stages] == STAGES
        assert all(a.end_time_unix_nano <= b.start_time_unix_nano for a, b in pairwise(stages))
        total = prediction.end_time_unix_nano - prediction.start_time_unix_nano
        parts = sum(s.end_time_unix_nano - s.start_time_unix_nano for s in stages)
        gaps = sum(b.start_time_unix_nano - a.end_time_unix_nano for a, b in pairwise(stages))
        gaps += stages[0].start_time_unix_nano - prediction.start_time_unix_nano
        gaps += prediction.end_time_unix_nano - stages[-1].end_time_unix_nano
        assert total == parts + gaps
        assert run.name != "litestar" or abs(gaps) <= 0.01 * total


def test_wrong_requests(run):
    """Where the service says what a prediction is, one that fails is known; else there is none."""
    for asked in run.asked:
        if asked.is_wrong:
            server = run.server_span(asked)
            errors = [attributes(p).get("error.type") for p in run.below(server)]
            assert errors == ([] if run.name == "litestar" else ["KeyError"])


def test_metrics(run):
    """Predictions by label, errors, stages and labels told are those of the requests."""
    found, told = Counter(), Counter()
    for said, point in last_points(run.otlp, "ml.predictions"):
        key = said.get("ml.prediction.label") or said["error.type"]
        found[key] += int(point.as_double or point.as_int)
    failed = 0 if run.name == "litestar" else _COUNT - len(run.good)
    assert found == Counter(asked.expected for asked in run.good) + Counter(KeyError=failed)
    for said, point in last_points(run.otlp, "ml.feedback"):
        told[said["ml.label.predicted"], said["ml.label.actual"]] += int(point.as_int)
    assert told == Counter((asked.expected, "yes") for asked in run.good)
    stages = Counter()
    for said, point in last_points(run.otlp, "ml.stage.duration"):
        stages[said["ml.stage.name"]] += point.count
    assert stages["inference"] == len(run.good)


def test_exemplars(run):
    """They lead to the prediction that was measured."""
    predictions = {s.span_id: s for s in run.otlp.spans if s.name == "predict loan"}
    points = run.otlp.points("ml.prediction.duration")
    found = [exemplar for point in points for exemplar in point.exemplars]
    assert found
    for exemplar in found:
        assert predictions[exemplar.span_id].trace_id == exemplar.trace_id


def test_logs(run):
    """The line of each request has the ids of its trace."""
    lines = [r for r in run.otlp.logs if "decided " in r.body.string_value and not r.event_name]
    found = Counter((r.trace_id.hex(), r.body.string_value.split()[-1]) for r in lines)
    assert found == Counter((asked.caller[0], asked.expected) for asked in run.good)
