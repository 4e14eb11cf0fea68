"""Scenarios of the lane: what servers hand over, and other ways to serve."""

from __future__ import annotations

import threading

from flask import (
    Blueprint,
    Flask,
    request,
)
from opentelemetry import trace

from tests.instrumentors.flask._scenario import (
    hello,
    scenario,
)  # fmt: skip

# --- what servers hand over ---------------------------------------------------------------------------


@scenario
def odd_hosts(run):
    app = hello(run)
    for host in (
        "a.example", "a.example:8443", "[::1]:5000", "[2001:db8::7]", "::1", "a:b:c", ":80", "[::1",
        "a.example:0", "a.example:99999", " a.example ", "",
    ):  # fmt: skip
        run.send(app, environ={"HTTP_HOST": host})
        run.send(app, environ={"HTTP_HOST": host, "SERVER_PORT": ""})
    run.send(app, without=("HTTP_HOST",))


@scenario
def odd_ports(run):
    app = hello(run)
    for port in ("0", "", "65536", "http", "8000"):
        run.send(app, environ={"SERVER_PORT": port})
    for port in ("0", "", "x", "12"):
        run.send(app, environ={"REMOTE_PORT": port})
    run.send(app, without=("SERVER_PORT", "REMOTE_PORT"))


@scenario
def odd_clients(run):
    app = hello(run)
    run.send(app, environ={"REMOTE_HOST": "client.example"})
    run.send(app, environ={"REMOTE_HOST": "127.0.0.1"})
    run.send(app, environ={"REMOTE_HOST": "client.example"}, without=("REMOTE_ADDR",))
    run.send(app, without=("REMOTE_ADDR",))


@scenario
def agents(run):
    app = hello(run)
    for agent in ("curl/8", "Googlebot/2.1", "alwayson test", "", "Mozilla/5.0 \xe9"):
        run.send(app, environ={"HTTP_USER_AGENT": agent})
    run.send(app, without=("HTTP_USER_AGENT",))


@scenario
def targets(run):
    app = hello(run)
    for more in (
        {"RAW_URI": "/users/1?a=1"}, {"REQUEST_URI": "/users/1?a=1"}, {"RAW_URI": ""},
        {"RAW_URI": "", "REQUEST_URI": "/x"}, {"QUERY_STRING": "", "REQUEST_URI": "/"},
        {"PATH_INFO": "", "REQUEST_URI": "/"},
    ):  # fmt: skip
        run.send(
            app, "/users/1", environ=more, without=() if "REQUEST_URI" in more else ("REQUEST_URI",)
        )


@scenario
def long_url(run):
    run.send(hello(run), "/" + "x" * 9000 + "?" + "y" * 9000)


@scenario
def not_utf8(run):
    app = run.app()
    app.add_url_rule("/<path:name>", view_func=lambda name: "x", endpoint="x")
    run.send(app, environ={"PATH_INFO": "/\xff\xfe", "QUERY_STRING": "a=\xff"})
    run.send(app, "/é/ü?ö=ß")


@scenario
def protocols(run):
    app = hello(run)
    for protocol in ("HTTP/1.0", "HTTP/2", "http/1.1", "", "QUIC"):
        run.send(app, environ={"SERVER_PROTOCOL": protocol})
    run.send(app, environ={"wsgi.url_scheme": "https"})
    run.send(app, without=("SERVER_PROTOCOL",))


@scenario
def upgrade(run):
    run.send(hello(run), headers={"Upgrade": "websocket", "Connection": "Upgrade"})


# --- shapes of applications ---------------------------------------------------------------------------


@scenario
def blueprints(run):
    app = run.app()
    blueprint = Blueprint("b", "b", url_prefix="/b")
    blueprint.before_request(lambda: trace.get_current_span().set_attribute("blueprint", 1))
    blueprint.teardown_request(lambda _: trace.get_current_span().set_attribute("ended", 1))
    blueprint.add_url_rule("/<x>", view_func=lambda x: x, endpoint="x")
    app.register_blueprint(blueprint)
    run.send(app, "/b/1")
    run.send(app, "/b/1/2")


@scenario
def async_view(run):
    app = run.app()

    @app.get("/")
    async def view():
        with run.tracer.start_as_current_span("child"):
            return "x"

    @app.get("/bad")
    async def bad():
        raise ValueError("x")

    run.send(app)
    run.send(app, "/bad")


@scenario
def subclass(run):
    class Own(Flask):
        def wsgi_app(self, environ, start_response):
            environ["own"] = "yes"
            return super().wsgi_app(environ, start_response)

    app = run.app(cls=Own)
    app.add_url_rule("/", view_func=lambda: request.environ["own"], endpoint="x")
    run.send(app)


@scenario
def threads(run):
    app = hello(run)
    barrier = threading.Barrier(8)

    def ask():
        barrier.wait()
        for _ in range(5):
            run.send(app)

    workers = [threading.Thread(target=ask) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    run.at_once = True


@scenario
def under_way(run):
    app = run.app()

    @app.get("/<name>")
    def view(name):
        points = next(m for m in run.metrics() if m.name == "http.server.active_requests").data
        run.seen.append([(p.value, list(p.attributes.items())) for p in points.data_points])
        return name

    run.send(app, "/a")
    run.send(app, "/b")
