"""What a streamed response may be: files, ranges, HEAD, hooks that read or replace it."""

from __future__ import annotations

import io

import pytest
from flask import Flask, Response, request, send_file
from opentelemetry import trace
from opentelemetry.context import get_current

from otelml import _guard, semconv
from otelml._prediction import request_scope
from tests.instrumentors.flask._ways import check

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


def _environ(**more):
    return {
        "REQUEST_METHOD": "GET", "PATH_INFO": "/", "SERVER_NAME": "s", "SERVER_PORT": "80",
        "wsgi.url_scheme": "http", "SERVER_PROTOCOL": "HTTP/1.1", **more,
    }  # fmt: skip


def ids(predictions):
    return {p.attributes[semconv.ML_PREDICTION_ID] for p in predictions}


def test_head(seen, app, model):
    """HEAD sends no body, and ends its request."""

    @app.get("/")
    def view():
        model.predict()
        return Response(iter(["never"]))

    response = app.test_client().head("/")
    assert response.data == b""
    assert _HEADER in response.headers
    check(seen)


@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=2-4"}, {"If-None-Match": '"tag"'}])
@pytest.mark.parametrize("native", [False, True])
def test_files(seen, app, model, headers, native):
    """A file is sent as before, whole or in part, by the server's own way where it has one."""

    class Native:
        def __init__(self, file, _size=0):
            self.file = file

        def __iter__(self):
            return iter([self.file.read()])

        def close(self):
            self.file.close()

    @app.get("/")
    def view():
        model.predict()
        return send_file(
            io.BytesIO(b"0123456789"), "text/plain", conditional=True, etag="tag"
        )  # fmt: skip

    environ = {"HTTP_" + key.upper().replace("-", "_"): value for key, value in headers.items()}
    if native:
        environ["wsgi.file_wrapper"] = Native
    got = []
    body = app.wsgi_app(_environ(**environ), lambda status, _: got.append(status))
    data = b"".join(body)
    if "Range" in headers:
        assert (got[0][:3], data) == ("206", b"234")
    elif headers:
        assert (got[0][:3], data) == ("304", b"")
    else:
        assert (got[0][:3], data) == ("200", b"0123456789")
        assert isinstance(body, Native) is native
    if hasattr(body, "close"):
        body.close()
    check(seen)


def test_direct_passthrough_of_a_generator(seen, app, model):
    """A generator that is passed on as it is, is a stream all the same."""

    @app.get("/")
    def view():
        parts = (str(model.predict([[row]])).encode() for row in range(2))
        return Response(parts, direct_passthrough=True)

    assert app.test_client().get("/").data == b"[0][0]"
    check(seen, 2)


def test_what_hooks_find(seen, app, model):
    """The response is as the view made it: its type, its length, what it calls on close."""
    bodies, closed = [], []

    @app.get("/<kind>")
    def view(kind):
        model.predict()
        if kind == "stream":
            return Response(iter(["a"]))
        return Response(["a", "b"])

    def kind_of(response):
        return type(response.response).__name__

    @app.after_request
    def after(response):
        response.call_on_close(lambda: closed.append(kind_of(response)))
        bodies.append((kind_of(response), response.is_streamed))
        if not response.is_streamed:
            assert len(response.response) == 2
        return response

    client = app.test_client()
    assert client.get("/stream", buffered=True).data == b"a"
    assert client.get("/list", buffered=True).content_length == 2
    assert bodies == [("list_iterator", True), ("list", False)]
    assert closed == ["list_iterator", "list"]
    assert len(seen.predictions()) == 2


def test_a_hook_that_reads_the_body(seen, app, model):
    """What a hook reads is predicted in the request."""

    @app.get("/")
    def view():
        return Response(str(model.predict([[row]])) for row in range(3))

    @app.after_request
    def after(response):
        response.headers["X-Length"] = str(len(response.get_data()))
        return response

    response = app.test_client().get("/")
    assert response.headers["X-Length"] == "9"
    assert len(response.data) == 9
    check(seen, 3)


def test_a_failing_hook(seen, app, model):
    """Where a hook fails, the answer is 500 and the request ends."""

    @app.get("/")
    def view():
        model.predict()
        return Response(iter(["a"]))

    @app.after_request
    def after(_response):
        raise KeyError("oops")

    assert app.test_client().get("/", buffered=True).status_code == 500
    check(seen)


def test_a_failing_hook_that_propagates(seen, app, model):
    """So it does where the error goes on to the server."""
    app.testing = True

    @app.get("/")
    def view():
        model.predict()
        return Response(iter(["a"]))

    @app.after_request
    def after(_response):
        raise KeyError("oops")

    with pytest.raises(KeyError):
        app.test_client().get("/")
    check(seen)


def test_without_a_server(seen, app, model):
    """A view that is dispatched by hand ends with its return."""

    @app.get("/")
    def view():
        model.predict()
        return Response(iter(["a"]))

    with app.test_request_context("/"):
        app.full_dispatch_request()
        assert request.path == "/"
    assert len(seen.predictions()) == 1


def test_a_request_that_is_handed_to_the_application_again(seen, app, model):
    """A view that has the application answer its request keeps its own stream."""

    @app.get("/")
    def outer():
        environ = {**request.environ, "PATH_INFO": "/inner"}
        again = app.wsgi_app(environ, lambda *_: None)

        def lines():
            yield from again
            again.close()
            yield str(model.predict([[2]]))

        return Response(lines())

    app.get("/inner")(lambda: Response(str(model.predict([[row]])) for row in range(2)))
    assert app.test_client().get("/").data == b"[0]" * 3
    assert len(seen.predictions()) == 3
    assert len({p.context.trace_id for p in seen.predictions()}) == 1


def test_an_async_view(seen, app, model):
    """An async view may stream as well."""

    @app.get("/")
    async def view():
        model.predict([[-1]])
        return Response(str(model.predict([[row]])) for row in range(2))

    response = app.test_client().get("/")
    assert response.data == b"[0][0]"
    assert _HEADER in response.headers
    check(seen, 3)


def test_an_excluded_url(watch, app, model, monkeypatch):
    """Without a server span, predictions of one stream are roots, and the request ends."""
    monkeypatch.setenv("OTEL_PYTHON_FLASK_EXCLUDED_URLS", "quiet")
    app.get("/quiet")(lambda: Response(str(model.predict([[row]])) for row in range(2)))
    with watch() as seen:
        assert app.test_client().get("/quiet").data == b"[0][0]"
        assert [p.parent for p in seen.predictions()] == [None, None]
        assert [len(seen.stages(p)) for p in seen.predictions()] == [3, 3]
