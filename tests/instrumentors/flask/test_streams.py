"""A response that is made while it is sent: its predictions are part of the request."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask, Response, stream_with_context
from opentelemetry import trace
from opentelemetry.context import get_current

import otelml
from otelml import _guard, semconv
from otelml._prediction import request_scope
from tests.instrumentors.flask._ways import check, ns

_HEADER = "X-Prediction-Id"
_PAUSE_S = 0.02


@pytest.fixture
def app():
    """An application."""
    return Flask("app")


@pytest.fixture(autouse=True)
def _clean():
    """A request leaves nothing in the context of the server's thread."""
    before = dict(get_current())
    yield
    assert dict(get_current()) == before
    assert request_scope.get() is None
    assert trace.get_current_span() is trace.INVALID_SPAN
    assert not _guard.errors


def ids(predictions):
    return {p.attributes[semconv.ML_PREDICTION_ID] for p in predictions}


WITHOUT = pytest.mark.parametrize("keep", [iter, stream_with_context], ids=["plain", "context"])


@WITHOUT
def test_predictions_of_the_body(seen, app, model, keep):
    """Each row that is predicted while sending is a prediction; together they fill the sending."""

    @app.get("/")
    def view():
        def lines():
            for row in range(4):
                yield str(model.predict([[row]]))

        return Response(keep(lines()))

    response = app.test_client().get("/")
    assert response.data == b"[0]" * 4
    assert _HEADER not in response.headers  # sent before the first
    predictions = check(seen, 4)
    for one, other in zip(predictions, predictions[1:], strict=False):
        assert one.end_time == other.start_time


@WITHOUT
def test_up_to_the_last_byte(seen, app, model, keep):
    """The prediction of the view ends with the last byte, and gives the header."""
    times = []

    @app.get("/")
    def view():
        y = model.predict()

        def lines():
            yield str(y)
            time.sleep(_PAUSE_S)
            yield str(otelml.current_prediction().id)
            times.append(time.time_ns())

        return keep(lines()), 201

    response = app.test_client().get("/")
    assert response.status_code == 201
    assert response.text == "[0]" + response.headers[_HEADER]
    (prediction,) = check(seen)
    assert {response.headers[_HEADER]} == ids([prediction])
    assert ns(seen.stages(prediction)[2]) >= _PAUSE_S * 0.9e9
    assert prediction.end_time >= times[0] - 1e6


@WITHOUT
def test_predictions_before_and_while(seen, app, model, keep):
    """The header has what was known; what comes later is in the same trace."""

    @app.get("/")
    def view():
        model.predict([[-1]])

        def lines():
            with ThreadPoolExecutor(2) as pool:
                for y in pool.map(lambda row: model.predict([[row]]), range(3)):
                    yield str(y)
            with otelml.prediction("sum"):
                pass

        return Response(keep(lines()))

    response = app.test_client().get("/")
    assert response.data == b"[0]" * 3
    (server,) = seen.servers()
    predictions = seen.predictions()
    assert len(predictions) == 5
    assert {p.context.trace_id for p in predictions} == {server.context.trace_id}
    first = min(predictions, key=lambda p: p.start_time)
    assert {response.headers[_HEADER]} == ids([first])
    assert not any(p.links for p in predictions)


@WITHOUT
def test_a_client_that_leaves(seen, app, model, keep):
    """A client that goes in mid-stream ends the request when the server closes the body."""
    closed = []

    @app.get("/")
    def view():
        def lines():
            try:
                for row in range(100):
                    yield str(model.predict([[row]]))
            finally:
                closed.append(time.time_ns())

        return Response(keep(lines()))

    response = app.test_client().get("/", buffered=False)
    parts = iter(response.response)
    assert [next(parts), next(parts)] == [b"[0]", b"[0]"]
    time.sleep(_PAUSE_S)
    response.close()
    one, two = check(seen, 2)
    assert one.end_time == two.start_time
    assert two.end_time >= closed[0] - 1e6
    assert ns(two) >= _PAUSE_S * 0.9e9
    assert "error.type" not in two.attributes


def test_a_server_that_does_not_close(seen, app, model):
    """A body that is dropped is the end as well."""

    @app.get("/")
    def view():
        def lines():
            while True:
                yield str(model.predict())

        return Response(lines())

    body = app.wsgi_app(_environ(), lambda *_: None)
    assert next(iter(body)) == b"[0]"
    del body
    check(seen)


def _environ(**more):
    return {
        "REQUEST_METHOD": "GET", "PATH_INFO": "/", "SERVER_NAME": "s", "SERVER_PORT": "80",
        "wsgi.url_scheme": "http", "SERVER_PROTOCOL": "HTTP/1.1", **more,
    }  # fmt: skip


@WITHOUT
def test_an_error_in_the_body(seen, app, model, keep):
    """An error while sending is the error of the prediction at hand, and the server's as before."""

    @app.get("/")
    def view():
        def lines():
            yield str(model.predict([[1]]))
            yield str(model.predict([[2]]))
            raise KeyError("oops")

        return Response(keep(lines()))

    with pytest.raises(KeyError):
        app.test_client().get("/", buffered=True)
    good, bad = check(seen, 2)
    assert "error.type" not in good.attributes
    assert bad.attributes["error.type"] == "KeyError"


def test_on_another_thread_of_the_server(seen, app, model):
    """A server that sends on other threads than it asked on has the same predictions."""

    @app.get("/")
    def view():
        model.predict([[-1]])
        return Response(str(model.predict([[row]])) for row in range(3))

    body = app.wsgi_app(_environ(), lambda *_: None)
    parts = []
    for _ in range(3):
        thread = threading.Thread(target=lambda: parts.append(next(body)))
        thread.start()
        thread.join()
    assert list(body) == []
    body.close()
    assert parts == [b"[0]"] * 3
    check(seen, 4)


@pytest.mark.parametrize("buffered", [False, True])
def test_two_streams_at_once_on_one_thread(seen, app, model, buffered):
    """Two bodies sent in turns do not mix."""

    @app.get("/<int:base>")
    def view(base):
        return Response(str(model.predict([[base + row]])) for row in range(3))

    client = app.test_client()
    one, two = (client.get(path, buffered=buffered) for path in ("/10", "/20"))
    for parts in zip(one.response, two.response, strict=True):
        assert parts == (b"[0]", b"[0]")
    one.close()
    two.close()
    first, second = (s.context.span_id for s in seen.servers())
    parents = [p.parent.span_id for p in seen.predictions()]
    assert sorted(parents) == sorted([first] * 3 + [second] * 3)
