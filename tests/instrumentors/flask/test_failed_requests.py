"""A request that fails before its model call counts as a failed prediction."""

from __future__ import annotations

import functools

import pytest
from flask import Flask, abort, request
from flask.views import MethodView

import otelml
from otelml._prediction import current_runtime
from otelml._requests import visits


class StoreError(Exception):
    """What a feature store raises."""


def failures(seen):
    """Return failed predictions by model, version, variant and error."""
    names = ("ml.model.name", "ml.model.version", "ml.model.variant", "error.type")
    return {
        tuple(point.attributes.get(name, "") for name in names): point.value
        for point in seen.captured.metric("ml.predictions").points
        if "error.type" in point.attributes
    }


STORE = f"{__name__}.StoreError"


@pytest.fixture
def app():
    """An application that predicts, but where the query says what goes wrong before."""
    app = Flask("app")

    @app.errorhandler(KeyError)
    def refuse(_error):
        return "no such thing", 422

    @app.errorhandler(TimeoutError)
    def give_up(_error):
        return "later", 503

    @app.before_request
    def before():
        if request.args.get("wrong") == "before":
            raise StoreError

    @app.after_request
    def after(response):
        if request.args.get("wrong") == "after":
            raise StoreError
        return response

    def go_wrong():
        wrong = request.args.get("wrong")
        if wrong in ERRORS:
            raise ERRORS[wrong]
        if wrong and wrong.isdigit():
            abort(int(wrong))
        return wrong == "answer"

    app.extensions["go_wrong"] = go_wrong

    @app.route("/predict", methods=["GET", "POST", "HEAD", "OPTIONS"])
    def predict():
        if go_wrong():
            return "busy", 503
        if request.method == "POST":
            with otelml.prediction("loan", version="3", variant="canary") as p:
                p.set_result(label="yes")
            if request.args.get("wrong") == "late":
                raise StoreError
        return "ok"

    @app.get("/health")
    def health():
        return ("busy", 503) if go_wrong() else "ok"

    return app


ERRORS = {"view": StoreError, "key": KeyError, "timeout": TimeoutError, "exit": SystemExit}


def ask(app, path="/predict", wrong="", method="POST"):
    """Send a request; an exception that the server would see is none here."""
    try:
        return app.test_client().open(f"{path}?wrong={wrong}", method=method).status_code
    except SystemExit:
        return 0


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ("view", STORE),
        ("before", STORE),
        ("timeout", "TimeoutError"),
        ("500", "werkzeug.exceptions.InternalServerError"),
        ("503", "werkzeug.exceptions.ServiceUnavailable"),
        ("answer", "503"),
        ("exit", "SystemExit"),
    ],
)
def test_a_failure_before_the_model(seen, app, wrong, error):
    """It is one failed prediction of the model that answered there last, of the time it took."""
    assert ask(app) == 200
    ask(app, wrong=wrong)
    assert failures(seen) == {("loan", "3", "canary", error): 1}
    assert len(seen.predictions()) == 1
    durations = seen.captured.metric("ml.prediction.duration")
    assert durations.where(error__type=error).count() == 1
    assert 0 < durations.where(error__type=error).sum() < 5
    assert durations.count() == 2


def test_an_exception_that_reaches_the_server(seen, app):
    """With errors passed on, as in debug mode, it counts once too."""
    app.testing = True
    ask(app)
    with pytest.raises(StoreError):
        app.test_client().post("/predict?wrong=view")
    assert failures(seen) == {("loan", "3", "canary", STORE): 1}


@pytest.mark.parametrize("wrong", ["key", "400", "404", "422", "429"])
def test_the_fault_of_a_client(seen, app, wrong):
    """4xx is no failure of the model's, even where an exception became one."""
    ask(app)
    assert 400 <= ask(app, wrong=wrong) < 500
    assert failures(seen) == {}


@pytest.mark.parametrize("wrong", ["late", "after"])
def test_a_failure_after_the_model(seen, app, wrong):
    """A request that made a prediction has been counted by it."""
    ask(app)
    assert ask(app, wrong=wrong) == 500
    assert failures(seen) == {}
    assert seen.captured.metric("ml.predictions").sum() == 2


def test_a_failure_of_the_model(seen, app, model):
    """A model that raises is counted once, by its own prediction."""
    app.post("/auto")(lambda: str(model.predict(error=StoreError() if request.args else None)))
    client = app.test_client()
    client.post("/auto")
    client.post("/auto?wrong=model")
    assert sum(failures(seen).values()) == 1
    assert seen.captured.metric("ml.predictions").sum() == 2


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/predict", "GET"),
        ("/predict", "HEAD"),
        ("/predict", "OPTIONS"),
        ("/health", "GET"),
        ("/nowhere", "GET"),
    ],
)
def test_where_no_prediction_was_ever_made(seen, app, path, method):
    """Another method of the same route, a health check and an unknown path predict nothing."""
    ask(app)
    for wrong in ("view", "before", "500"):
        assert ask(app, path, wrong, method) in {404, 500}
    assert failures(seen) == {}


def test_before_the_first_prediction(seen, app):
    """A route is not known to predict until it has."""
    ask(app, wrong="view")
    assert failures(seen) == {}


def test_two_models_on_one_route(seen):
    """The last one answers for the route; where the path tells them apart, its own does."""
    app = Flask("two")

    @app.post("/both")
    def both():
        if request.args:
            raise StoreError
        for name in ("first", "second"):
            with otelml.prediction(name):
                pass
        return "ok"

    @app.post("/models/<name>")
    def one(name):
        if request.args:
            raise StoreError
        with otelml.prediction(name):
            pass
        return "ok"

    for path in ("/both", "/models/a", "/models/b"):
        assert ask(app, path, "") == 500  # not known yet
        assert app.test_client().post(path).status_code == 200
    for path in ("/both", "/models/a", "/models/b", "/models/new"):
        assert ask(app, path, "x") == 500
    # The first failure of b was on a route that is known from a.
    assert {key[0]: value for key, value in failures(seen).items()} == {"second": 1, "a": 2, "b": 2}


def test_declared_by_a_decorator(seen):
    """A view that is decorated is known before its first prediction, through other decorators."""
    app = Flask("declared")

    def locked(view):
        @functools.wraps(view)
        def check(*args, **kwargs):
            raise StoreError

        return check

    @app.route("/view", methods=["POST", "OPTIONS"])
    @locked
    @otelml.predict(model="loan", version="4")
    def view():
        return "ok"

    @app.post("/warm")
    @locked
    @otelml.not_serving
    @otelml.predict(model="warm")
    def warm():
        return "ok"

    class Api(MethodView):
        @locked
        @otelml.predict
        def post(self):
            return "ok"

        @locked
        def get(self):
            return "ok"

    app.add_url_rule("/class", view_func=Api.as_view("class"))
    for path, method in (
        ("/view", "POST"),
        ("/view", "OPTIONS"),
        ("/warm", "POST"),
        ("/class", "POST"),
        ("/class", "GET"),
    ):
        assert ask(app, path, method=method) == 500
    assert failures(seen) == {("loan", "4", "", STORE): 1, ("model", "", "", STORE): 1}


def test_what_serves_nobody(seen, app):
    """A warm-up teaches nothing and counts nothing."""
    with otelml.not_serving():
        ask(app)
    ask(app, wrong="view")
    ask(app)
    with otelml.not_serving():
        ask(app, wrong="view")
    assert failures(seen) == {}


def test_applications_are_apart(seen, app):
    """The same route of another application is another route."""
    other = Flask("app")
    other.post("/predict")(lambda: ("busy", 503))
    ask(app)
    assert ask(other) == 503
    assert failures(seen) == {}


def test_memory_is_bounded(seen, monkeypatch):
    """However many paths there are, few are known, and the route still is."""
    monkeypatch.setattr(visits, "_MOST", 10)
    app = Flask("many")

    @app.post("/users/<name>")
    def one(name):
        if request.args:
            raise StoreError
        with otelml.prediction("loan"):
            pass
        return "ok"

    client = app.test_client()
    for number in range(100):
        assert client.post(f"/users/{number}").status_code == 200
    assert client.post("/users/" + "x" * 5000).status_code == 200
    routes = visits._known[current_runtime()]._routes
    assert 0 < len(routes) <= 10
    assert max(len(route.path) for route in routes) < 20
    ask(app, "/users/new", "x")
    assert failures(seen) == {("loan", "", "", STORE): 1}


def test_async_views(seen):
    """A coroutine runs elsewhere; what it predicts is known all the same."""
    pytest.importorskip("asgiref")
    app = Flask("async")

    @app.post("/predict")
    async def predict():
        if request.args:
            raise StoreError
        async with otelml.prediction("loan"):
            pass
        return "ok"

    assert app.test_client().post("/predict").status_code == 200
    assert ask(app, wrong="x") == 500
    assert failures(seen) == {("loan", "", "", STORE): 1}


def test_what_goes_wrong_in_counting(seen, app, monkeypatch):
    """An error of ours leaves the answer as it is."""
    ask(app)
    monkeypatch.setattr(visits.Visit, "end", lambda *_: 1 / 0)
    assert ask(app) == 200
    assert ask(app, wrong="view") == 500
    assert failures(seen) == {}
