"""What one request gives: a server span, predictions with their stages, a response header."""

from __future__ import annotations

import asyncio
import time

import pytest
from flask import Blueprint, Flask, Response, abort, redirect, stream_with_context
from flask.views import MethodView
from opentelemetry.trace import StatusCode
from werkzeug.exceptions import BadRequest

import otelml
from otelml import semconv
from otelml._prediction import current_runtime
from otelml.config import Config, FeedbackOptions

_HEADER = "X-Prediction-Id"
_PAUSE_S = 0.02


def ns(span):
    return span.end_time - span.start_time


@pytest.fixture
def app():
    """An application."""
    return Flask("app")


def test_server_span(seen, app):
    """The server span has the route and the stable HTTP conventions, and so has the metric."""
    app.get("/users/<int:object>")(str)
    app.test_client().get("/users/7")
    (server,) = seen.servers()
    assert server.name == "GET /users/<int:object>"
    kept = (
        "http.request.method", "http.route", "http.response.status_code", "url.path", "http.method",
    )  # fmt: skip
    assert {k: v for k, v in server.attributes.items() if k in kept} == {
        "http.request.method": "GET",
        "http.route": "/users/<int:object>",
        "http.response.status_code": 200,
        "url.path": "/users/<int:object>",  # what stands in its place is data
    }
    (point,) = seen.captured.metric("http.server.request.duration").points
    assert point.attributes["http.route"] == "/users/<int:object>"
    assert seen.captured.metric("http.server.active_requests").sum() == 0
    assert not seen.captured.metric("http.server.duration").points


def test_unknown_path(seen, app):
    """A path without a route is a server span and no prediction."""
    assert app.test_client().get("/nowhere").status_code == 404
    (server,) = seen.servers()
    assert server.attributes["http.response.status_code"] == 404
    assert "http.route" not in server.attributes
    assert not seen.predictions()


def test_blueprints_and_method_views(seen, app, model):
    """Routes of blueprints and class-based views name their server spans."""
    blueprint = Blueprint("scores", "scores", url_prefix="/v1")

    class Score(MethodView):
        def post(self):
            return {"y": model.predict()}

    blueprint.add_url_rule("/score", view_func=Score.as_view("score"))
    app.register_blueprint(blueprint)
    app.test_client().post("/v1/score")
    assert seen.server_names() == ["POST /v1/score"]
    assert len(seen.predictions()) == 1


def test_stages_fill_the_view(seen, app, model):
    """Stages are contiguous and run from the start of the view to its end, hooks outside."""

    @app.before_request
    def before():
        time.sleep(_PAUSE_S)

    @app.after_request
    def after(response):
        time.sleep(_PAUSE_S)
        return response

    times = []

    @app.get("/")
    def view():
        times.append(time.time_ns())
        time.sleep(_PAUSE_S)
        y = model.predict()
        time.sleep(_PAUSE_S)
        times.append(time.time_ns())
        return {"y": y}

    app.test_client().get("/")
    (server,), (prediction,) = seen.servers(), seen.predictions()
    first, middle, last = seen.stages(prediction)
    assert (first.start_time, last.end_time) == (prediction.start_time, prediction.end_time)
    assert (first.end_time, middle.end_time) == (middle.start_time, last.start_time)
    assert sum(ns(s) for s in (first, middle, last)) == ns(prediction)
    assert server.start_time + _PAUSE_S * 1e9 <= prediction.start_time <= times[0] + 1e6
    assert times[1] - 1e6 <= prediction.end_time <= server.end_time - _PAUSE_S * 1e9
    assert min(ns(first), ns(last)) >= _PAUSE_S * 0.9e9


def test_async_view(seen, app, model):
    """An async view is timed to its end, and its prediction is inside the server span."""

    @app.get("/")
    async def view():
        await asyncio.sleep(_PAUSE_S)
        y = model.predict()
        await asyncio.sleep(_PAUSE_S)
        return {"y": y}

    response = app.test_client().get("/")
    (server,), (prediction,) = seen.servers(), seen.predictions()
    stages = seen.stages(prediction)
    assert prediction.parent.span_id == server.context.span_id
    assert sum(ns(s) for s in stages) == ns(prediction)
    assert min(ns(stages[0]), ns(stages[2])) >= _PAUSE_S * 0.9e9
    assert _HEADER in response.headers
    assert otelml.current_prediction() is None


def test_streamed_response(seen, app, model):
    """A streamed response is part of the request to its last byte."""

    @app.get("/")
    def view():
        y = model.predict()

        def lines():
            time.sleep(_PAUSE_S * 3)
            yield str(y)

        return Response(stream_with_context(lines()))

    response = app.test_client().get("/")
    assert response.data == b"[0]"
    assert _HEADER in response.headers
    (prediction,) = seen.predictions()
    stages = seen.stages(prediction)
    assert ns(stages[2]) >= _PAUSE_S * 2.7e9
    assert sum(ns(s) for s in stages) == ns(prediction)


@pytest.mark.parametrize("handled", [False, True])
def test_error_of_the_view(seen, app, model, handled):
    """An error after the model ran is the prediction's error, handled by the application or not."""

    @app.get("/")
    def view():
        model.predict()
        raise KeyError("oops")

    caught = []
    if handled:

        @app.errorhandler(KeyError)
        def handler(error):
            caught.append(error)
            return "sorry", 422

    response = app.test_client().get("/")
    assert response.status_code == (422 if handled else 500)
    (prediction,) = seen.predictions()
    assert prediction.attributes["error.type"] == "KeyError"
    assert prediction.status.status_code is StatusCode.ERROR
    assert [type(error) for error in caught] == [KeyError] * handled
    assert not otelml._guard.errors


def test_error_propagates_untouched(seen, app, model):
    """With propagation on, the very exception reaches the caller."""
    error = KeyError("oops")
    app.testing = True

    @app.get("/")
    def view():
        model.predict()
        raise error

    with pytest.raises(KeyError) as caught:
        app.test_client().get("/")
    assert caught.value is error
    assert len(seen.predictions()) == len(seen.servers()) == 1
    assert not otelml._guard.errors


def test_error_of_the_model(seen, app, model):
    """An error that the view answers itself is still the model's."""

    @app.get("/")
    def view():
        try:
            model.predict(error=ValueError("bad"))
        except ValueError:
            return "bad", 400

    assert app.test_client().get("/").status_code == 400
    (prediction,) = seen.predictions()
    assert prediction.attributes["error.type"] == "ValueError"


@pytest.mark.parametrize(
    ("answer", "status", "error"),
    [
        (lambda: abort(404), 404, None),
        (lambda: abort(Response("own", 409)), 409, None),
        (lambda: abort(503), 503, "werkzeug.exceptions.ServiceUnavailable"),
        (lambda: abort(Response("own", 500)), 500, "werkzeug.exceptions.HTTPException"),
        (lambda: redirect("/elsewhere"), 302, None),
    ],
)
def test_abort_after_the_model(seen, app, model, answer, status, error):
    """Aborting below 500 answers the client and is no error of the prediction."""

    @app.get("/")
    def view():
        model.predict()
        return answer()

    assert app.test_client().get("/").status_code == status
    (prediction,) = seen.predictions()
    assert prediction.attributes.get("error.type") == error


def test_bad_request_before_the_model(seen, app, model):
    """A request that never reaches the model is no prediction and carries no id."""

    @app.get("/")
    def view():
        raise BadRequest
        model.predict()

    assert _HEADER not in app.test_client().get("/").headers
    assert not seen.predictions()


def test_header_is_the_id_of_the_prediction(seen, app, model):
    """The header holds the id of the request's last prediction."""
    app.get("/")(lambda: {"y": model.predict()})
    value = app.test_client().get("/").headers[_HEADER]
    (prediction,) = seen.predictions()
    assert value == prediction.attributes[semconv.ML_PREDICTION_ID]
    assert len(value) <= 200


def test_header_of_an_explicit_prediction(seen, app):
    """An explicit prediction gives the header too."""
    ids = []

    @app.get("/")
    def view():
        with otelml.prediction("loan") as p:
            p.set_result(label="yes", confidence=0.9)
        ids.append(p.id)
        return {}

    assert app.test_client().get("/").headers[_HEADER] == ids[0]
    (prediction,) = seen.predictions()
    assert prediction.name == "predict loan"


@pytest.mark.parametrize("place", ["view", "after_request"])
def test_header_of_the_application_wins(seen, app, model, place):
    """A header that the application sets is left alone."""

    @app.get("/")
    def view():
        model.predict()
        return {}, 200, {_HEADER: "mine"} if place == "view" else {}

    if place == "after_request":

        @app.after_request
        def after(response):
            response.headers[_HEADER] = "mine"
            return response

    assert app.test_client().get("/").headers.getlist(_HEADER) == ["mine"]


@pytest.mark.parametrize(
    "feedback", [FeedbackOptions(header=False), FeedbackOptions(enabled=False)]
)
def test_header_turned_off(watch, app, model, feedback):
    """The header can be turned off."""
    app.get("/")(lambda: {"y": model.predict()})
    with watch(config=Config(feedback=feedback, system=False)) as seen:
        assert _HEADER not in app.test_client().get("/").headers
        assert len(seen.predictions()) == 1


def test_no_header_of_an_earlier_request(seen, app, model):
    """A request without a prediction has no header, also within one application context."""
    app.get("/predict")(lambda: {"y": model.predict()})
    app.get("/plain")(dict)
    with app.app_context():
        client = app.test_client()
        assert _HEADER in client.get("/predict").headers
        assert _HEADER not in client.get("/plain").headers
    assert len(seen.servers()) == 2


@pytest.mark.parametrize(
    "variable", ["OTEL_PYTHON_FLASK_EXCLUDED_URLS", "OTEL_PYTHON_EXCLUDED_URLS"]
)
def test_excluded_urls(watch, app, model, monkeypatch, variable):
    """An excluded URL has no server span and no HTTP metrics; its predictions are roots."""
    monkeypatch.setenv(variable, "health,internal")
    app.get("/health", endpoint="health")(lambda: {"y": model.predict()})
    app.get("/predict")(lambda: {"y": model.predict()})
    with watch() as seen:
        assert app.test_client().get("/health").status_code == 200
        app.test_client().get("/predict")
        assert seen.server_names() == ["GET /predict"]
        assert seen.requests() == 1
        alone, inside = seen.predictions()
        assert alone.parent is None
        assert len(seen.stages(alone)) == 3
        assert inside.parent is not None


def test_answered_by_a_hook(seen, app):
    """A request that an application's hook answers has its server span."""
    app.get("/")(dict)
    app.before_request(lambda: ("no", 403))
    assert app.test_client().get("/").status_code == 403
    (server,) = seen.servers()
    assert server.attributes["http.response.status_code"] == 403


def test_remote_parent(seen, app, model):
    """The caller's trace goes on into the prediction."""
    app.get("/")(lambda: {"y": model.predict()})
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    app.test_client().get("/", headers={"traceparent": f"00-{trace_id}-b7ad6b7169203331-01"})
    assert {format(s.context.trace_id, "032x") for s in seen.captured.spans()} == {trace_id}


def test_two_models_in_one_view(seen, app, model):
    """Two models in one view are two predictions, one after the other."""
    Model = type(model)

    one, two = Model(), Model()
    app.get("/")(lambda: {"y": one.predict() + two.predict()})
    app.test_client().get("/")
    first, second = seen.predictions()
    assert first.end_time == second.start_time


def test_nested_request(seen, app, model):
    """A view that calls another view of the application gives each its prediction."""
    app.get("/inner")(lambda: {"y": model.predict()})

    @app.get("/outer")
    def outer():
        app.test_client().get("/inner")
        return {"y": model.predict()}

    app.test_client().get("/outer")
    inner, outer_prediction = seen.predictions()
    names = {s.context.span_id: s.name for s in seen.captured.spans()}
    assert names[outer_prediction.parent.span_id] == "GET /outer"
    assert names[inner.parent.span_id] == "GET /inner"


def test_prediction_id_can_be_read(seen, app, model):
    """The id in the header names the trace of its request."""
    app.get("/")(lambda: {"y": model.predict()})
    value = app.test_client().get("/").headers[_HEADER]
    (server,) = seen.servers()
    assert current_runtime().ids.read(value).trace_id == server.context.trace_id
