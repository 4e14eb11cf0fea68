"""Scenarios of the lane: shapes of applications and of their answers."""

from __future__ import annotations

import threading

from flask import (
    Response,
    copy_current_request_context,
    request,
    stream_with_context,
)
from flask.globals import request_ctx
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import Client

from tests.instrumentors.flask._scenario import hello, scenario


@scenario
def route(run):
    app = hello(run)
    run.send(app)
    run.send(app, "/users/7?b=1&a=2")


@scenario
def many_requests(run):
    app = hello(run)
    for number in range(30):
        run.send(app, f"/users/{number}")


@scenario
def not_found(run):
    app = hello(run)
    run.send(app, "/nowhere?x=1")
    run.send(app, "/users/seven")


@scenario
def not_allowed(run):
    run.send(hello(run), method="POST")


@scenario
def slash_redirect(run):
    app = run.app()
    app.add_url_rule("/folder/", view_func=lambda: "in", endpoint="folder")
    run.send(app, "/folder")
    run.send(app, "/folder/")


@scenario
def odd_methods(run):
    app = run.app()
    app.add_url_rule("/", view_func=lambda: "x", endpoint="x", methods=["BREW", "QUERY", "GET"])
    for method in ("BREW", "QUERY", "brew", "get", "PROPFIND", ""):
        run.send(app, environ={"REQUEST_METHOD": method})


@scenario(environment={"OTEL_PYTHON_INSTRUMENTATION_HTTP_CAPTURE_ALL_METHODS": "1"})
def all_methods(run):
    app = run.app()
    app.add_url_rule("/", view_func=lambda: "x", endpoint="x", methods=["BREW", "GET"])
    for method in ("BREW", "GET", "PROPFIND", "brew"):
        run.send(app, environ={"REQUEST_METHOD": method})


@scenario
def head_and_options(run):
    app = hello(run)
    run.send(app, method="HEAD")
    run.send(app, method="OPTIONS")


@scenario
def script_name(run):
    run.send(hello(run), environ={"SCRIPT_NAME": "/api"})


@scenario
def mounted(run):
    front, inner = hello(run, name="front"), hello(run, name="inner")
    site = DispatcherMiddleware(front, {"/m": inner})
    run.send(site, "/m/users/3")
    run.send(site, "/users/3")
    run.send(site, "/m/nowhere")


@scenario
def mounted_inside(run):
    front, inner = hello(run, name="front"), hello(run, name="inner")
    front.wsgi_app = DispatcherMiddleware(front.wsgi_app, {"/m": inner})
    run.send(front, "/m/users/3")
    run.send(front, "/users/3")


@scenario
def behind_proxy_fix(run):
    app = hello(run)
    app.wsgi_app = ProxyFix(app.wsgi_app, x_host=1, x_proto=1, x_for=1, x_port=1)
    forwarded = {
        "X-Forwarded-Host": "public.example:444", "X-Forwarded-Proto": "https",
        "X-Forwarded-For": "10.1.2.3", "X-Forwarded-Port": "444",
    }  # fmt: skip
    run.send(app, headers=forwarded)
    run.send(app)


@scenario
def forwarded(run):
    run.send(hello(run), headers={"X-Forwarded-Host": "public.example", "Forwarded": "host=a"})


@scenario
def middleware_of_before(run):
    run.send(run.apps[0], "/users/1")
    run.send(run.apps[0], "/nowhere")


def _early(run):
    app = hello(run)
    app.wsgi_app = ProxyFix(app.wsgi_app)


middleware_of_before.early = _early


@scenario(enters=False)
def held_by_its_function(run):
    client = run.held
    for path in ("/users/1", "/nowhere"):
        run.answers.append(client.get(path).status)


def _held(run):
    run.held = Client(hello(run).wsgi_app)


held_by_its_function.early = _held


@scenario
def served_before(run):
    run.send(run.apps[0], "/users/1")


def _served(run):
    run.send(hello(run))


served_before.early = _served


@scenario
def streaming(run):
    app = run.app()

    @app.get("/")
    def view():
        return Response(str(n) for n in range(3))

    run.send(app)
    run.send(app, buffered=False)


@scenario
def streaming_with_context(run):
    app = run.app()

    @app.get("/")
    def view():
        def lines():
            with run.tracer.start_as_current_span("line"):
                yield request.path
            yield "end"

        return Response(stream_with_context(lines()))

    run.send(app, buffered=False)
    run.send(app)


def kept(lines):
    """Keep the request's context until the last line, as older versions of Flask do."""
    own = request_ctx._get_current_object()

    def generate():
        with own:
            yield None
            yield from lines

    generator = generate()
    next(generator)
    return generator


@scenario
def streaming_in_the_kept_context(run):
    app = run.app()

    @app.get("/")
    def view():
        def lines():
            yield "one"
            run.flush()  # the request has been measured, and its span goes on
            with run.tracer.start_as_current_span("line"):
                yield "two"

        return Response(kept(lines()))

    run.send(app, buffered=False)
    run.send(app)


@scenario
def streaming_that_fails(run):
    app = run.app()

    @app.get("/")
    def view():
        def lines():
            yield "one"
            raise KeyError("two")

        return Response(stream_with_context(lines()))

    run.send(app, buffered=False)


@scenario
def preserved_context(run):
    app = hello(run)
    with app.test_client() as client:
        run.answers.append(client.get("/users/1").status)
        run.seen.append(request.path)
        run.answers.append(client.get("/").status)
    run.send(app)


@scenario
def copied_context(run):
    app = run.app()

    @app.get("/")
    def view():
        @copy_current_request_context
        def task():
            with run.tracer.start_as_current_span("task"):
                run.seen.append(request.path)

        thread = threading.Thread(target=task)
        thread.start()
        thread.join()
        task()
        return "done"

    run.send(app)


@scenario
def calls_itself(run):
    app = run.app()
    app.add_url_rule("/inner", view_func=lambda: "inner", endpoint="inner")

    @app.get("/outer")
    def outer():
        return app.test_client().get("/inner").data

    run.send(app, "/outer")
    run.send(app, "/inner")


@scenario
def pushed_context(run):
    app = hello(run)
    with app.test_request_context("/users/1"):
        run.seen.append(request.path)
    run.send(app)
