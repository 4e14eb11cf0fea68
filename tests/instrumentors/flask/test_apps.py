"""Every Flask application is instrumented, once, whenever and however it was made."""

from __future__ import annotations

import threading

import pytest
from flask import Flask
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import Client

from otelml.instrumentors.flask import FlaskMLInstrumentor

_Original = Flask


class Custom(Flask):
    """A user's own application class."""


class Intercepting(Flask):
    """One that overrides what is instrumented."""

    def wsgi_app(self, environ, start_response):
        environ["own"] = "yes"
        return super().wsgi_app(environ, start_response)

    def dispatch_request(self, *args):
        return super().dispatch_request(*args)


def make(model, cls=Flask, name="app"):
    app = cls(name)

    @app.get("/predict")
    def predict():
        return {"y": model.predict()}

    return app


def check_once(seen, count=1):
    assert seen.server_names() == ["GET /predict"] * count
    assert seen.requests() == count
    predictions = seen.predictions()
    assert len(predictions) == count
    servers = {s.context.span_id for s in seen.servers()}
    assert {p.parent.span_id for p in predictions} == servers
    for prediction in predictions:
        assert [s.name for s in seen.stages(prediction)] == [
            "feature_extraction",
            "inference",
            "post_processing",
        ]


@pytest.mark.parametrize("cls", [Flask, Custom, Intercepting])
def test_made_afterwards(seen, model, cls):
    """An application made after instrumentation, of Flask or a subclass."""
    make(model, cls).test_client().get("/predict")
    check_once(seen)


@pytest.mark.parametrize("cls", [Flask, Custom, Intercepting])
def test_made_before(watch, model, cls):
    """An application that existed before."""
    app = make(model, cls)
    with watch() as seen:
        assert app.test_client().get("/predict").status_code == 200
        check_once(seen)


def test_imported_before_contrib_replaces_it(seen, model):
    """The class is the one that was imported before: it is not replaced."""
    import flask

    assert flask.Flask is _Original
    make(model, _Original).test_client().get("/predict")
    check_once(seen)


def test_served_before(watch, model):
    """An application that has served requests already."""
    app = make(model)
    app.test_client().get("/predict")
    with watch() as seen:
        assert app.test_client().get("/predict").status_code == 200
        assert app.test_client().get("/predict").status_code == 200
        check_once(seen, 2)
    with pytest.raises(AssertionError):  # Flask's own check is back
        app.before_request(lambda: None)


@pytest.mark.parametrize("early", [True, False])
def test_behind_middleware(watch, model, early):
    """Middleware around ``wsgi_app``, put there before or after instrumentation."""
    app = make(model)
    if early:
        app.wsgi_app = ProxyFix(app.wsgi_app)
    with watch() as seen:
        if not early:
            app.wsgi_app = ProxyFix(app.wsgi_app)
        assert app.test_client().get("/predict").status_code == 200
        check_once(seen)


def test_captured_and_called_by_class(watch, model):
    """Middleware made before that calls ``Flask.wsgi_app`` anew with each request."""
    app = make(model)
    app.wsgi_app = lambda environ, start: Flask.wsgi_app(app, environ, start)
    with watch() as seen:
        assert app.test_client().get("/predict").status_code == 200
        check_once(seen)


def test_mounted_by_its_function_before(watch, model):
    """A server that was given ``app.wsgi_app`` before still gets a server span and predictions."""
    app = make(model)
    client = Client(app.wsgi_app)
    with watch() as seen:
        assert client.get("/predict").status_code == 200
        assert seen.server_names() == ["GET /predict"]
        assert len(seen.predictions()) == 1


@pytest.mark.parametrize("inside", [True, False])
def test_mounted_in_another(seen, model, inside):
    """An application mounted in another is one request of the mounted one."""
    front, mounted = Flask("front"), make(model)
    if inside:
        front.wsgi_app = DispatcherMiddleware(front.wsgi_app, {"/m": mounted})
        client = front.test_client()
    else:
        client = Client(DispatcherMiddleware(front, {"/m": mounted.wsgi_app}))
    assert client.get("/m/predict").status_code == 200
    check_once(seen)


def test_instrumented_by_the_user_before(watch, model):
    """An application that the user gave to contrib keeps its one server span."""
    app = make(model)
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    FlaskInstrumentor.instrument_app(app, tracer_provider=provider)
    with watch() as seen:
        app.test_client().get("/predict")
        assert seen.server_names() == []
        (prediction,) = seen.predictions()
        (server,) = exporter.get_finished_spans()
        assert prediction.parent.span_id == server.context.span_id
    app.test_client().get("/predict")
    assert len(exporter.get_finished_spans()) == 2


def test_instrumented_by_the_user_afterwards(seen, model):
    """The same when the user does it after us, before or after the first request."""
    app = make(model)
    app.test_client().get("/predict")
    FlaskInstrumentor.instrument_app(app)
    app.test_client().get("/predict")
    check_once(seen, 2)


def test_contrib_replaced_the_class(seen, model):
    """The user's own ``FlaskInstrumentor().instrument()`` makes the server spans then."""
    import flask

    FlaskInstrumentor().instrument(**seen.providers())
    try:
        make(model, flask.Flask).test_client().get("/predict")
    finally:
        FlaskInstrumentor().uninstrument()
    check_once(seen)


def test_named_application(watch, model):
    """An application that is named is instrumented at once."""
    app = make(model)
    with watch(app=app) as seen:
        assert app._is_instrumented_by_opentelemetry
        app.test_client().get("/predict")
        check_once(seen)


def test_named_wrongly(watch, caplog, model):
    """What is no Flask application is named in a warning, and the others are found."""
    app = make(model)
    with watch(app=object()) as seen:
        app.test_client().get("/predict")
        check_once(seen)
    assert "app is a object, not a Flask application" in caplog.text


def test_concurrent_first_requests(seen, model):
    """Many first requests at once instrument the application once."""
    app = make(model)
    barrier = threading.Barrier(8)

    def request():
        barrier.wait()
        app.test_client().get("/predict")

    threads = [threading.Thread(target=request) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check_once(seen, 8)


def _state(app):
    own = dict(app.__dict__)
    own["before_request_funcs"] = {k: v for k, v in app.before_request_funcs.items() if v}
    own["teardown_request_funcs"] = {k: v for k, v in app.teardown_request_funcs.items() if v}
    own.pop("_got_first_request")
    return own


def test_uninstrument_restores(watch, model):
    """Afterwards the class and every application are as they were."""
    names = ("wsgi_app", "dispatch_request", "process_response", "__call__", "__init__")
    functions = [getattr(Flask, name) for name in names]
    plain, early = make(model), make(model)
    early.wsgi_app = ProxyFix(early.wsgi_app)
    before = [_state(plain), _state(early)]
    with watch() as seen:
        plain.test_client().get("/predict")
        early.test_client().get("/predict")
        check_once(seen, 2)
        assert [getattr(Flask, name) for name in names] != functions
    assert [getattr(Flask, name) for name in names] == functions
    assert [_state(plain), _state(early)] == before
    assert plain.test_client().get("/predict").status_code == 200


def test_again_with_middleware_from_the_first_time(watch, model):
    """Middleware that still holds a hook of the first time does no harm in the second."""
    app = Flask("app")
    with watch():
        app.wsgi_app = ProxyFix(app.wsgi_app)
        app.get("/predict")(lambda: {"y": model.predict()})
        app.test_client().get("/predict")
    assert app.test_client().get("/predict").status_code == 200
    with watch() as seen:
        assert app.test_client().get("/predict").status_code == 200
        check_once(seen)


def test_entry_point():
    """``opentelemetry-instrument`` finds the instrumentor by its entry point's path."""
    import importlib

    module = importlib.import_module("otelml.instrumentors.flask")
    assert module.FlaskMLInstrumentor is FlaskMLInstrumentor
    assert list(FlaskMLInstrumentor().instrumentation_dependencies()) == ["flask >= 2.3"]
