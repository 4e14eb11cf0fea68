"""A view that works on other threads: what fails, what outlives it, and what stays as it is."""

from __future__ import annotations

import pickle
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import pytest
from flask import Flask, abort, has_request_context

import otelml
from otelml import _guard, semconv
from tests.instrumentors.flask._ways import (
    EARLY,
    HEADER,
    LIMIT_S,
    PAUSE_S,
    by_nested_pools,
    by_pool_of_threads,
    by_submit,
    check,
    ids,
    ns,
)


@pytest.fixture
def app():
    """An application."""
    return Flask("app")


# --- what goes wrong ----------------------------------------------------------------------------


@pytest.mark.parametrize("way", [by_submit, by_pool_of_threads, by_nested_pools])
def test_error_of_a_task(seen, app, model, way):
    """An error of a task that ends the view is an error of its prediction alone."""

    def task():
        model.predict([[1]])
        raise KeyError("oops")

    @app.get("/")
    def view():
        model.predict([[2]])
        way(task)

    assert app.test_client().get("/").status_code == 500
    good, bad = check(seen, 2)
    assert bad.attributes["error.type"] == "KeyError"
    assert "error.type" not in good.attributes


def test_abort_in_a_task(seen, app, model):
    """A task that answers the client is no error."""

    def task():
        model.predict()
        abort(404)

    app.get("/")(lambda: by_submit(task))
    assert app.test_client().get("/").status_code == 404
    (prediction,) = check(seen)
    assert "error.type" not in prediction.attributes


def test_error_of_the_model_on_a_thread(seen, app, model):
    """An error of the model is the prediction's, whatever the view does with it."""

    @app.get("/")
    def view():
        future = EARLY.submit(model.predict, error=ValueError("bad"))
        return {"error": repr(future.exception())}

    app.test_client().get("/")
    (prediction,) = check(seen)
    assert prediction.attributes["error.type"] == "ValueError"


def test_inside_the_model_at_the_end(seen, app, model):
    """A call that goes on after the view is part of the request, to the end of the call."""
    inside, go_on = threading.Event(), threading.Event()

    def during():
        inside.set()
        assert go_on.wait(LIMIT_S)

    futures = []

    @app.get("/")
    def view():
        futures.append(EARLY.submit(model.predict, during=during))
        assert inside.wait(LIMIT_S)
        return {}

    app.test_client().get("/")
    assert not seen.predictions()
    time.sleep(PAUSE_S)
    go_on.set()
    futures[0].result(LIMIT_S)
    (prediction,) = check(seen)
    assert ns(seen.stages(prediction)[1]) >= PAUSE_S * 0.9e9


@pytest.mark.parametrize("kind", ["inferred", "explicit"])
@pytest.mark.parametrize("way", ["executor", "thread"])
def test_after_the_end(seen, app, model, way, kind):
    """What is predicted after the request is a trace of its own, linked to the request."""
    go_on = threading.Event()
    jobs = []

    def task():
        assert go_on.wait(LIMIT_S)
        for row in range(2):
            if kind == "explicit":
                with otelml.prediction("late"):
                    pass
            else:
                model.predict([[row]])

    @app.get("/")
    def view():
        by_submit(model.predict)
        if way == "executor":
            jobs.append(EARLY.submit(task).result)
        else:
            thread = threading.Thread(target=task)
            thread.start()
            jobs.append(thread.join)
        return {}

    response = app.test_client().get("/")
    go_on.set()
    jobs[0](LIMIT_S)
    (server,) = seen.servers()
    first, *late = seen.predictions()
    assert {response.headers[HEADER]} == ids([first])
    assert len({p.context.trace_id for p in (first, *late)}) == 3
    for prediction in late:
        assert prediction.parent is None
        assert [link.context.span_id for link in prediction.links] == [server.context.span_id]
        assert prediction.attributes[semconv.ML_PREDICTION_ID]
    assert not _guard.errors


def test_after_the_end_below_a_span_of_ones_own(seen, app, model):
    """A span that the task opens itself keeps its predictions."""
    tracer = seen.providers()["tracer_provider"].get_tracer("job")
    go_on = threading.Event()
    jobs = []

    def task():
        assert go_on.wait(LIMIT_S)
        with tracer.start_as_current_span("job") as span:
            model.predict()
        return span.get_span_context()

    @app.get("/")
    def view():
        jobs.append(EARLY.submit(task))
        return {}

    app.test_client().get("/")
    go_on.set()
    own = jobs[0].result(LIMIT_S)
    (prediction,) = seen.predictions()
    assert prediction.parent.span_id == own.span_id


# --- what stays as it is ------------------------------------------------------------------------


def test_threads_of_a_pool_keep_nothing(seen, app, model):
    """A pool's threads that start in a request are in none when they are done with its task."""
    with ThreadPoolExecutor(1) as pool:
        app.get("/")(lambda: {"y": pool.submit(model.predict, [[1]]).result()})
        app.get("/plain")(dict)
        client = app.test_client()
        client.get("/")
        pool.submit(model.predict, [[2]]).result()
        client.get("/")
        client.get("/plain")
    one, background, two = seen.predictions()
    first, second, _ = seen.servers()
    assert one.parent.span_id == first.context.span_id
    assert two.parent.span_id == second.context.span_id
    assert background.parent is None
    assert not background.links


def test_a_thread_started_on_first_use_serves_later_requests(seen, app, model):
    """Its predictions are not all in the trace of the request that happened to start it."""
    import queue

    waiting = queue.Queue()
    worker = []

    def serve():
        while (item := waiting.get(timeout=LIMIT_S)) is not None:
            model.predict([[item[0]]])
            item[1].set()

    @app.get("/<int:row>")
    def view(row):
        if not worker:
            worker.append(threading.Thread(target=serve))
            worker[0].start()
        done = threading.Event()
        waiting.put((row, done))
        assert done.wait(LIMIT_S)
        return {}

    client = app.test_client()
    for row in range(4):
        client.get(f"/{row}")
    waiting.put(None)
    worker[0].join()
    predictions = seen.predictions()
    assert len(predictions) == 4
    assert len({p.context.trace_id for p in predictions}) == 4
    assert not _guard.errors


def test_only_what_is_otelmls_is_carried(seen, app):
    """A task finds no request of Flask's that it would not find without otelml."""
    app.get("/")(lambda: {"found": by_submit(has_request_context)})
    assert app.test_client().get("/").json == {"found": False}


def test_processes_are_not_touched(seen, app):
    """A pool of processes gets the function as it is."""

    @app.get("/")
    def view():
        with ProcessPoolExecutor(1) as pool:
            return {"y": pool.submit(abs, -3).result()}

    assert app.test_client().get("/").json == {"y": 3}
    assert not _guard.errors


def test_a_task_is_pickled_as_its_function(seen, app):
    """Whoever sends a task to another process or interpreter sends the function."""
    from otelml._requests import Task

    sent = pickle.dumps(Task(abs))
    assert b"otelml" not in sent
    assert pickle.loads(sent)(-3) == 3


def test_no_inputs_are_kept(seen, app, model):
    """With the request, its tasks' rows and errors are let go, and nothing waits for a collection."""
    import gc
    import weakref

    class Rows(list):
        pass

    gone = []

    def task():
        rows = Rows([[1]])
        gone.append(weakref.ref(rows))
        model.predict(rows)
        raise KeyError("oops")

    @app.get("/")
    def view():
        return {"error": type(EARLY.submit(task).exception()).__name__}

    gc.disable()
    try:
        assert app.test_client().get("/").json == {"error": "KeyError"}
        check(seen)
        deadline = time.monotonic() + LIMIT_S
        while gone[0]() is not None and time.monotonic() < deadline:
            time.sleep(0.001)  # the pool's thread lets go of the task after its result
        assert gone[0]() is None
    finally:
        gc.enable()
