"""Applications as strangers write them, each with one line added, as real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import pytest

from tests._otlp_server import OtlpServer
from tests.strangers._run import STAGES, ask, attributes, free_port, last_points, wait

pytestmark = pytest.mark.slow  # each application is a process that imports scikit-learn

_APPS = Path(__file__).parent / "apps"
_REQUESTS = 20
_GUNICORN = (sys.executable, "-m", "gunicorn", "--no-control-socket", "--log-level", "warning")


@dataclass(frozen=True)
class Stranger:
    """An application, how it is served and asked, and what it must emit.

    Args:
        name: Its file.
        command: What serves it, after the interpreter.
        ask: From the number of a request to method, path, body.
        routes: Names of the server spans, one a request.
        models: Model names, one a request.
        rows: Rows, one a request.
        log: A word of its own log line.
        http_metrics: Whether its requests are counted by ``http.server.request.duration``.
        library: The module of ``apps/libraries`` that it serves; empty where it has its own.
    """

    name: str
    command: tuple[str, ...]
    ask: object
    routes: tuple[str, ...]
    models: tuple[str, ...]
    log: str
    rows: tuple[int, ...] = (1,) * _REQUESTS
    http_metrics: bool = True
    library: str = ""

    @property
    def id(self):
        """What tells it from the others."""
        return f"{self.name}-{self.library}" if self.library else self.name


def _loan(i):
    return "POST", "/loan", json.dumps({"income": i / 10 - 1, "debt": 0.1, "age": 0.2 - i / 50})


def _iris(i):
    return "POST", "/predict", json.dumps({"sl": 5 + i / 10, "sw": "3.4", "pl": 1.5, "pw": 0.2})


def _applicant(i):
    return (
        "POST",
        "/api/v1/score",
        json.dumps({"income": 900.0 * i, "age": None if i == 3 else 44, "home": "rent"}),
    )


_THREE = ("GradientBoostingClassifier", "GaussianNB", "DecisionTreeClassifier")


def _three(i):
    return "POST", f"/predict/{_THREE[i % 3]}", json.dumps({"a": i / 10, "b": -0.5, "c": 1.0})


def _digit(i):
    return "PUT", "/ml/digit", bytes([i % 17] * 64)


def _prices(i):
    house = {"rooms": i, "area": 2}
    return ("POST", "/prices", json.dumps([house] * 5)) if i % 2 else (
        "POST", "/price", json.dumps(house),
    )  # fmt: skip


# Each framework with each library: a row here, a file in apps/ or apps/libraries/.
_UVICORN = (sys.executable, "-m", "uvicorn", "--port", "{port}", "--log-level", "error")
FRAMEWORKS = (
    ("served_by_flask", (sys.executable, "served_by_flask.py"), "POST /loan"),
    ("served_by_fastapi", (sys.executable, "served_by_fastapi.py"), "POST /loan"),
    ("served_by_starlette", (*_UVICORN, "served_by_starlette:app"), "POST /loan"),
    (
        "served_by_django",
        (*_GUNICORN, "-b", "127.0.0.1:{port}", "-w", "1", "served_by_django:app"),
        "POST /loan",
    ),
)
LIBRARIES = (
    ("xgboost_booster", "Booster"),
    ("xgboost_pipeline", "XGBClassifier"),
    ("lightgbm_booster", "Booster"),
    ("catboost_pool", "CatBoostClassifier"),
    ("onnxruntime_session", "loan"),
    ("statsmodels_logit", "Logit"),
    ("mlflow_pyfunc", ""),  # MLflow makes up an id
)
MATRIX = [
    Stranger(
        name, command, _loan, (route,) * _REQUESTS, (model,) * _REQUESTS, "decided ",
        library=library,
    )
    for name, command, route in FRAMEWORKS
    for library, model in LIBRARIES
]  # fmt: skip

STRANGERS = [
    *MATRIX,
    Stranger(
        "module_level", (sys.executable, "module_level.py"), _iris,
        ("POST /predict",) * _REQUESTS, ("LogisticRegression",) * _REQUESTS, "predicted ",
    ),
    Stranger(
        "factory", (*_GUNICORN, "-b", "127.0.0.1:{port}", "-w", "1", "factory:create_app()"),
        _applicant, ("POST /api/v1/score",) * _REQUESTS,
        ("RandomForestClassifier",) * _REQUESTS, "scored ",
    ),
    Stranger(
        "three_models",
        (*_GUNICORN, "-b", "127.0.0.1:{port}", "-k", "gthread", "--threads", "4", "three_models:app"),
        _three, ("POST /predict/<name>",) * _REQUESTS,
        tuple(_THREE[i % 3] for i in range(_REQUESTS)), " says ",
    ),
    Stranger(
        "method_view", (sys.executable, "method_view.py"), _digit,
        ("PUT /digit",) * _REQUESTS, ("SVC",) * _REQUESTS, "digit ", http_metrics=False,
    ),
    Stranger(
        "async_batch",
        (*_GUNICORN, "-b", "127.0.0.1:{port}", "-w", "1", "--preload", "async_batch:app"),
        _prices, tuple(("POST /price", "POST /prices")[i % 2] for i in range(_REQUESTS)),
        ("prices",) * _REQUESTS, "price", rows=tuple((1, 5)[i % 2] for i in range(_REQUESTS)),
    ),
]  # fmt: skip


class Run:
    """What one application answered and emitted."""

    def __init__(self, stranger, otlp, answers, bodies):
        self.stranger = stranger
        self.otlp = otlp
        self.answers = answers
        self.bodies = bodies
        self.spans = {span.span_id: span for span in otlp.spans}

    def predictions(self):
        found = [s for s in self.otlp.spans if s.name.startswith("predict ")]
        return sorted(found, key=lambda s: s.start_time_unix_nano)

    def children(self, span):
        below = [s for s in self.otlp.spans if s.parent_span_id == span.span_id]
        return sorted(below, key=lambda s: s.start_time_unix_nano)


@pytest.fixture(scope="module", params=STRANGERS, ids=lambda s: s.id)
def run(request):
    """One application, started, asked twenty times, and ended by SIGTERM."""
    stranger, port = request.param, free_port()
    command = [part.format(port=port) for part in stranger.command]
    with OtlpServer() as otlp:
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("OTEL", "PYTEST"))},
            **otlp.environment(),
            "PORT": str(port),
            "LIBRARY": stranger.library,
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        process = subprocess.Popen(command, cwd=_APPS, env=environment, stdout=subprocess.DEVNULL)
        try:
            wait(port, process)
            asked = [ask(port, *stranger.ask(i)) for i in range(_REQUESTS)]
            process.send_signal(signal.SIGTERM)
            process.wait(30)
        finally:
            process.kill()
            process.wait()
        answers = [(status, headers) for status, headers, _ in asked]
        run = Run(stranger, otlp, answers, [body for *_, body in asked])
        if stranger.library and not stranger.models[0]:
            made_up = {attributes(p)["ml.model.name"] for p in run.predictions()}
            assert len(made_up) == 1
            run.stranger = replace(stranger, models=tuple(made_up) * _REQUESTS)
        yield run


@pytest.mark.parametrize("stranger", STRANGERS, ids=lambda s: s.id)
def test_one_line_was_added(stranger):
    """The application knows of otelml by exactly one line."""
    lines = (_APPS / f"{stranger.name}.py").read_text().splitlines()
    added = [line.strip() for line in lines if "otelml" in line]
    assert len(added) == 1
    assert added[0].startswith("import otelml; otelml.init(")


def test_answers(run):
    """Every request is answered, with a prediction id of its own."""
    assert {status for status, _ in run.answers} <= {200, 201}
    ids = {headers["X-Prediction-Id"] for _, headers in run.answers}
    assert ids == {attributes(p)["ml.prediction.id"] for p in run.predictions()}
    assert len(ids) == _REQUESTS


def test_one_prediction_a_request(run):
    """Each server span has one prediction, of the right model and rows, and nothing is extra."""
    predictions = run.predictions()
    servers = [run.spans[p.parent_span_id] for p in predictions]
    assert tuple(s.name for s in servers) == run.stranger.routes
    assert len({s.span_id for s in servers}) == _REQUESTS
    assert {s.trace_id for s in servers} == {p.trace_id for p in predictions}
    assert {s.kind for s in servers} == {2}
    assert tuple(attributes(p)["ml.model.name"] for p in predictions) == run.stranger.models
    assert tuple(attributes(p)["ml.prediction.rows"] for p in predictions) == run.stranger.rows
    assert len(run.spans) == len(run.otlp.spans) == _REQUESTS * 5


def test_labels(run):
    """What a service of the matrix answered is what its prediction says, in the same trace."""
    if not run.stranger.library:
        return
    said = {attributes(p)["ml.prediction.id"]: attributes(p) for p in run.predictions()}
    answered = {
        headers["X-Prediction-Id"]: json.loads(body)["label"]
        for (_, headers), body in zip(run.answers, run.bodies, strict=True)
    }
    assert {key: one["ml.prediction.label"] for key, one in said.items()} == answered
    assert set(answered.values()) == {"0", "1"}
    assert {one["ml.feature.count"] for one in said.values()} == {3}


def test_stages(run):
    """Three stages, contiguous, add up to the prediction, which lies in the server span."""
    for prediction in run.predictions():
        stages = run.children(prediction)
        assert [s.name for s in stages] == STAGES
        assert [a.end_time_unix_nano == b.start_time_unix_nano for a, b in pairwise(stages)] == [
            True,
            True,
        ]
        total = prediction.end_time_unix_nano - prediction.start_time_unix_nano
        parts = sum(s.end_time_unix_nano - s.start_time_unix_nano for s in stages)
        assert abs(total - parts) <= 0.01 * total
        server = run.spans[prediction.parent_span_id]
        assert server.start_time_unix_nano <= prediction.start_time_unix_nano
        assert prediction.end_time_unix_nano <= server.end_time_unix_nano


def test_metrics(run):
    """Totals of the metrics equal the requests that were made."""
    rows, durations = Counter(), Counter()
    for said, point in last_points(run.otlp, "ml.predictions"):
        rows[said["ml.model.name"]] += int(point.as_double or point.as_int)
    for said, point in last_points(run.otlp, "ml.prediction.duration"):
        durations[said["ml.model.name"]] += point.count
    expected = Counter()
    for name, count in zip(run.stranger.models, run.stranger.rows, strict=True):
        expected[name] += count
    assert rows == expected
    assert durations == Counter(run.stranger.models)
    stages = Counter()
    for said, point in last_points(run.otlp, "ml.stage.duration"):
        stages[said["ml.stage.name"]] += point.count
    assert stages == dict.fromkeys(STAGES, _REQUESTS)
    requests = sum(p.count for _, p in last_points(run.otlp, "http.server.request.duration"))
    assert requests == (_REQUESTS if run.stranger.http_metrics else 0)


@pytest.mark.parametrize("metric", ["ml.prediction.duration", "ml.stage.duration"])
def test_exemplars(run, metric):
    """Every stream has exemplars, and they lead to the prediction or stage that was measured."""
    found = [
        (attributes(point), exemplar)
        for point in run.otlp.points(metric)
        for exemplar in point.exemplars
    ]
    for said, exemplar in found:
        span = run.spans[exemplar.span_id]
        assert span.trace_id == exemplar.trace_id
        model = said["ml.model.name"]
        assert span.name == said.get("ml.stage.name", f"predict {model}")
    streams = [said for said, _ in last_points(run.otlp, metric)]
    assert [s for s in streams if s not in [said for said, _ in found]] == []


def test_logs(run):
    """Each request's own log line has the ids of a span of that request."""
    lines = [
        r for r in run.otlp.logs if run.stranger.log in r.body.string_value and not r.event_name
    ]
    assert len(lines) == _REQUESTS
    assert {r.trace_id for r in lines} == {p.trace_id for p in run.predictions()}
    for record in lines:
        assert run.spans[record.span_id].trace_id == record.trace_id
