"""Scenarios of the lane: errors, statuses, and what is said of them."""

from __future__ import annotations

import gc

from flask import (
    Response,
    abort,
    redirect,
    request,
)
from opentelemetry import context

from tests.instrumentors.flask._scenario import (
    failing,
    hello,
    scenario,
)  # fmt: skip

# --- errors -----------------------------------------------------------------------------------------


@scenario
def view_fails(run):
    run.send(failing(run))


@scenario
def error_propagates(run):
    app = failing(run)
    app.testing = True
    run.send(app)
    run.send(app, "/nowhere")


@scenario
def exit_request(run):
    app = failing(run, SystemExit)
    for _ in range(2):
        try:
            run.send(app)
        except SystemExit as error:
            run.answers.append(repr(error))


@scenario
def error_with_cause(run):
    app = run.app()

    @app.get("/")
    def view():
        try:
            return {}["x"]
        except KeyError as error:
            raise ValueError("worse: 123-45-6789") from error

    run.send(app)


@scenario
def error_handlers(run):
    app = failing(run)
    app.register_error_handler(KeyError, lambda _: ("handled", 422))
    app.register_error_handler(404, lambda _: ("own", 404))
    run.send(app)
    run.send(app, "/nowhere")


@scenario
def error_handler_fails(run):
    app = failing(run)

    @app.errorhandler(KeyError)
    def handle(_):
        raise TypeError("worse")

    run.send(app)


@scenario
def aborts(run):
    app = run.app()
    app.add_url_rule("/<int:code>", view_func=abort, endpoint="a")
    app.add_url_rule("/own", view_func=lambda: abort(Response("own", 503)), endpoint="b")
    app.add_url_rule("/to", view_func=lambda: redirect("/own"), endpoint="c")
    for path in ("/400", "/404", "/418", "/500", "/503", "/own", "/to"):
        run.send(app, path)


@scenario
def hook_answers(run):
    app = hello(run)
    app.before_request(lambda: ("no", 403))
    run.send(app, "/users/1")


@scenario
def hook_fails(run):
    app = hello(run)

    @app.before_request
    def before():
        raise ValueError("before")

    run.send(app, "/users/1")


@scenario
def after_hook_fails(run):
    app = hello(run)

    @app.after_request
    def after(_response):
        raise ValueError("after")

    run.send(app)


@scenario
def teardown_fails(run):
    app = hello(run)

    @app.teardown_request
    def teardown(_error):
        raise ValueError("teardown")

    token = context.attach(context.Context())
    run.send(app)
    context.detach(token)
    # Neither way's own teardown is reached. Contrib's span ends when Python collects its activation.
    gc.collect()


@scenario
def teardown_fails_and_the_next_request_does_not(run):
    app, failing = hello(run), [True]

    @app.teardown_request
    def teardown(_error):
        if failing:
            failing.pop()
            raise ValueError("teardown")

    token = context.attach(context.Context())
    run.send(app)
    gc.collect()
    run.send(app)
    context.detach(token)


@scenario
def preprocessor_fails(run):
    app = hello(run)

    @app.url_value_preprocessor
    def preprocess(_endpoint, _values):
        raise ValueError("preprocess")

    run.send(app, "/users/1")


@scenario
def preprocessor_changes(run):
    app = hello(run)

    @app.url_value_preprocessor
    def preprocess(_endpoint, _values):
        request.environ["REMOTE_ADDR"] = "10.0.0.9"
        request.environ["REQUEST_METHOD"] = "PUT"

    run.send(app, "/users/1")


@scenario
def odd_statuses(run):
    for status in (
        "299 Fine", "99 Low", "600 High", "abc Odd", "200", "200  Two", "-1 Below", "0 None", "404 ",
    ):  # fmt: skip
        app = run.app()
        app.wsgi_app = app.wsgi_app

        class Own(Response):
            pass

        def view(status=status):
            response = Response("x")
            response.status = "200 OK"
            response._status = status
            return response

        app.add_url_rule("/", view_func=view, endpoint="x")
        run.send(app)


@scenario
def starts_twice(run):
    app = run.app()

    class Twice(Response):
        def __call__(self, environ, start_response):
            start_response("500 Wrong", [])
            return super().__call__(environ, start_response)

    app.add_url_rule("/", view_func=lambda: Twice("x"), endpoint="x")
    run.send(app)
    run.send(app)


@scenario
def starts_twice_otherwise(run):
    app = run.app()

    class Twice(Response):
        def __call__(self, environ, start_response):
            start_response("200 OK", [])
            return super().__call__(environ, start_response)

    app.add_url_rule("/", view_func=lambda: Twice("x", status=503), endpoint="x")
    run.send(app)
    run.send(app)


@scenario(level="private")
def private(run):
    app = failing(run, ValueError, "card 4111")
    app.add_url_rule("/users/<name>", view_func=lambda name: name, endpoint="user")
    run.send(app, environ={"REQUEST_URI": "/?ssn=1", "QUERY_STRING": "ssn=1"})
    run.send(app, "/users/ann?ssn=1")
    run.send(app, "/nowhere/ann?ssn=1")


@scenario(level="internal")
def internal(run):
    app = hello(run)
    run.send(app, "/users/1?ssn=1")
    run.send(app, "/nowhere/ann?ssn=1")
