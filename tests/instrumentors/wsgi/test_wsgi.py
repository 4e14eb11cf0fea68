"""WSGI applications of any framework, by the middleware."""

from __future__ import annotations

import gc
from wsgiref.util import FileWrapper, setup_testing_defaults

import pytest
from sklearn.linear_model import LogisticRegression

import otelml.wsgi

STAGES = ["feature_extraction", "inference", "post_processing"]
MODEL = LogisticRegression().fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
ROW = [[2.5]]


def label():
    return str(MODEL.predict(ROW)[0]).encode()


def begin(app, **environ):
    """Return the body, and the list of calls of ``start_response``."""
    given = {"PATH_INFO": "/any/a", **environ}
    setup_testing_defaults(given)
    told = []
    return app(given, lambda *args: told.append(args)), told


def ask(app, **environ):
    body, told = begin(app, **environ)
    whole = b"".join(body)
    if hasattr(body, "close"):
        body.close()
    return told[-1][0], dict(told[-1][1]), whole


def servers(telemetry):
    return [span for span in telemetry.spans() if span.kind.name == "SERVER"]


def plain(_environ, start_response):
    body = label()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [body]


def late(_environ, start_response):
    """A generator: nothing happens, the status neither, before the first part is asked for."""
    body = label()
    start_response("201 Created", [])
    yield body


def streamed(_environ, start_response):
    start_response("200 OK", [])

    def parts():
        yield b""
        yield label()

    return parts()


@pytest.mark.parametrize("app", [plain, late, streamed])
@pytest.mark.parametrize("route", [None, lambda environ: "/any/{name}"])
def test_one_prediction_a_request(capture_telemetry, app, route):
    """Its span, stages, duration with the status; the id where it was known by then."""
    status, headers, body = ask(otelml.wsgi.middleware(app, route=route))
    assert body == b"1"
    (server,) = servers(capture_telemetry)
    assert server.name == ("GET /any/{name}" if route else "GET")
    assert server.attributes["http.response.status_code"] == int(status[:3])
    (prediction,) = capture_telemetry.predictions()
    assert prediction.parent.span_id == server.context.span_id
    assert [s.name for s in capture_telemetry.children(prediction)] == STAGES
    assert prediction.end_time <= server.end_time
    if app is not streamed:
        assert headers["X-Prediction-Id"] == prediction.attributes["ml.prediction.id"]
    durations = capture_telemetry.metric("http.server.request.duration")
    assert durations.where(**{"http.response.status_code": int(status[:3])}).count() == 1
    assert durations.count() == 1
    assert capture_telemetry.metric("http.server.active_requests").sum() == 0


class Closable:
    """A body that says whether it was closed."""

    closed = 0

    def __iter__(self):
        return iter([b"1", b"2"])

    def close(self):
        self.closed += 1


@pytest.mark.parametrize("taken", [0, 1, 2])
def test_close_is_honoured(capture_telemetry, taken):
    """However much was sent, the body is closed once and the span ends; not before."""
    body = Closable()

    def app(_environ, start_response):
        label()
        start_response("200 OK", [])
        return body

    sent, _ = begin(otelml.wsgi.middleware(app))
    for _ in range(taken):
        next(sent)
    assert servers(capture_telemetry) == []
    sent.close()
    assert body.closed == 1
    assert len(servers(capture_telemetry)) == len(capture_telemetry.predictions()) == 1


def test_a_server_that_does_not_close(capture_telemetry):
    """The span ends when the body is gone."""
    sent, _ = begin(otelml.wsgi.middleware(streamed))
    next(sent)
    del sent
    gc.collect()
    assert len(servers(capture_telemetry)) == 1


@pytest.mark.parametrize("where", ["app", "body", "close"])
def test_exceptions_pass(capture_telemetry, where):
    """They are the server's, and an error of span, duration and prediction."""

    def app(_environ, start_response):
        label()
        start_response("200 OK", [])
        if where == "app":
            raise KeyError(where)
        return Fails()

    class Fails:
        def __iter__(self):
            return self

        def __next__(self):
            if where == "body":
                raise KeyError(where)
            raise StopIteration

        def close(self):
            if where == "close":
                raise KeyError(where)

    def whole():
        sent, _ = begin(otelml.wsgi.middleware(app))
        try:
            list(sent)
        finally:
            sent.close()

    with pytest.raises(KeyError, match=where):
        whole()
    (server,) = servers(capture_telemetry)
    (prediction,) = capture_telemetry.predictions()
    assert capture_telemetry.metric("http.server.active_requests").sum() == 0
    assert capture_telemetry.metric("http.server.request.duration").count() == 1
    if where != "close":  # all was sent by then
        assert server.status.status_code.name == "ERROR"
        assert server.attributes["error.type"] == "KeyError"
        assert prediction.status.status_code.name == "ERROR"


def test_start_response_again(capture_telemetry):
    """The last status counts, as it is what the server sends."""

    def app(_environ, start_response):
        start_response("200 OK", [])
        try:
            raise ValueError("x")
        except ValueError as error:
            start_response("500 Oops", [], (type(error), error, error.__traceback__))
        return [b""]

    _, told = begin(otelml.wsgi.middleware(app))
    assert [args[0] for args in told] == ["200 OK", "500 Oops"]
    assert len(told[1]) == 3
    (server,) = servers(capture_telemetry)
    assert server.attributes["http.response.status_code"] == 500
    assert server.status.status_code.name == "ERROR"


def test_lists_and_files_are_left_as_they_are(capture_telemetry, tmp_path):
    """A server sends the length of a list, and may have the system send a file."""
    (tmp_path / "f").write_bytes(b"f")
    bodies = [[b"1"], FileWrapper((tmp_path / "f").open("rb"))]
    for given in bodies:

        def app(_environ, start_response, given=given):
            start_response("200 OK", [])
            return given

        sent, _ = begin(otelml.wsgi.middleware(app), **{"wsgi.file_wrapper": FileWrapper})
        assert sent is given
    bodies[1].close()
    assert len(servers(capture_telemetry)) == 2


def test_excluded_urls(capture_telemetry, monkeypatch):
    """They have no span, and their predictions all the same."""
    from otelml.instrumentors.wsgi import WsgiInstrumentor

    options = WsgiInstrumentor().options
    monkeypatch.setattr(WsgiInstrumentor(), "options", {**options, "excluded_urls": "any/.*"})
    assert ask(otelml.wsgi.middleware(plain))[1]["X-Prediction-Id"]
    assert servers(capture_telemetry) == []
    assert len(capture_telemetry.predictions()) == 1


def test_twice_is_once(capture_telemetry):
    """Middleware around middleware makes one span."""
    ask(otelml.wsgi.middleware(otelml.wsgi.middleware(plain)))
    assert len(servers(capture_telemetry)) == len(capture_telemetry.predictions()) == 1


def test_without_init_requests_pass():
    """Nothing is added."""
    assert ask(otelml.wsgi.middleware(plain))[1] == {"Content-Type": "text/plain"}


@pytest.mark.parametrize("framework", ["bottle", "falcon"])
def test_frameworks(capture_telemetry, framework):
    """Their own applications, routes and failures."""
    app, route = {"bottle": bottle_app, "falcon": falcon_app}[framework]()
    wrapped = otelml.wsgi.middleware(app, route=route)
    status, headers, body = ask(wrapped, PATH_INFO="/loan/7")
    assert (status[:3], body) == ("200", b"1")
    (prediction,) = capture_telemetry.predictions()
    assert headers["X-Prediction-Id"] == prediction.attributes["ml.prediction.id"]
    assert [s.name for s in capture_telemetry.children(prediction)] == STAGES
    assert ask(wrapped, PATH_INFO="/nothing")[0][:3] == "404"
    said = [span.attributes.get("http.route") for span in servers(capture_telemetry)]
    assert said == [{"bottle": "/loan/<n>", "falcon": "/loan/{n}"}[framework], None]


def bottle_app():
    import bottle

    app = bottle.Bottle()
    app.route("/loan/<n>", callback=lambda n: label())
    return app, lambda environ: getattr(environ.get("bottle.route"), "rule", None)


def falcon_app():
    import falcon

    class Loan:
        def on_get(self, request, response, n):
            request.env["route"] = request.uri_template
            response.data = label()

    app = falcon.App()
    app.add_route("/loan/{n}", Loan())
    return app, lambda environ: environ.get("route")
