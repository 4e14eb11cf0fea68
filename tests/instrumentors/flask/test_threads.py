"""A view that works on other threads: every model call is a prediction of its request."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from flask import Flask

import otelml
from tests.instrumentors.flask._ways import (
    EARLY,
    EARLY_POOL,
    HEADER,
    LIMIT_S,
    PAUSE_S,
    WAYS,
    by_asyncio_run,
    by_copied_request_context,
    by_run_in_executor,
    by_submit,
    by_to_thread,
    check,
    ids,
    ns,
)


@pytest.fixture
def app():
    """An application."""
    return Flask("app")


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__[3:])
def test_one_call(seen, app, model, way):
    """However the call gets to a thread, the request has its prediction, stages and header."""

    @app.get("/")
    def view():
        time.sleep(PAUSE_S)
        y = way(model.predict)
        time.sleep(PAUSE_S)
        return {"y": y}

    response = app.test_client().get("/")
    assert response.json == {"y": [0]}
    (prediction,) = check(seen)
    assert {response.headers[HEADER]} == ids([prediction])
    first, _, last = seen.stages(prediction)
    assert min(ns(first), ns(last)) >= PAUSE_S * 0.9e9
    assert otelml.current_prediction() is None


@pytest.mark.parametrize(
    "way",
    [way for way in WAYS if way is not by_copied_request_context],
    ids=lambda way: way.__name__[3:],
)
def test_without_a_request(seen, model, way):
    """Where no request is, nothing changes: a trace of its own, and the model's stage alone."""
    way(model.predict)
    (prediction,) = seen.predictions()
    assert prediction.parent is None
    assert not prediction.links
    assert [s.name for s in seen.stages(prediction)] == ["inference"]


@pytest.mark.parametrize("way", [by_to_thread, by_run_in_executor, by_asyncio_run, by_submit])
def test_async_view(seen, app, model, way):
    """An async view hands its calls to threads as another does."""

    @app.get("/")
    async def view():
        if way is by_asyncio_run:
            y = model.predict()
        elif way is by_to_thread:
            y = await asyncio.to_thread(model.predict)
        elif way is by_submit:
            y = by_submit(model.predict)
        else:
            y = await asyncio.get_running_loop().run_in_executor(None, model.predict)
        return {"y": y}

    response = app.test_client().get("/")
    assert {response.headers[HEADER]} == ids(check(seen))


# --- several calls ------------------------------------------------------------------------------


def test_one_after_the_other(seen, app, model):
    """Calls that wait for each other fill the request without a gap, as on one thread."""
    other = type(model)()

    @app.get("/")
    def view():
        by_submit(model.predict)
        by_submit(other.predict)
        model.predict()
        by_submit(other.predict)
        return {}

    response = app.test_client().get("/")
    predictions = check(seen, 4)
    for one, following in zip(predictions, predictions[1:], strict=False):
        assert one.end_time == following.start_time
    assert response.headers[HEADER] in ids(predictions[2:3])  # the view's own last


def test_header_without_a_call_of_the_view(seen, app, model):
    """Where only threads predicted, the header has the id of the last that was ready."""

    @app.get("/")
    def view():
        slow = EARLY.submit(lambda: (time.sleep(PAUSE_S * 3), model.predict([[1]])))
        by_submit(lambda: model.predict([[2]]))
        slow.result()
        return {}

    response = app.test_client().get("/")
    predictions = check(seen, 2)
    last = max(predictions, key=lambda p: seen.stages(p)[1].end_time)
    assert {response.headers[HEADER]} == ids([last])


def test_many_at_once(seen, app, model):
    """Rows that a pool predicts in parallel are a prediction each, with both calls for them."""

    def task(row):
        time.sleep(0.001)
        model.predict([[row]])
        time.sleep(0.002)
        model.predict([[row]])

    @app.get("/")
    def view():
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(task, range(24)))
        return {}

    app.test_client().get("/")
    predictions = check(seen, 24)
    assert len(ids(predictions)) == 24


def test_pool_of_threads_map(seen, app, model):
    """So are those of a multiprocessing pool of threads."""

    @app.get("/")
    def view():
        return {"y": EARLY_POOL.map(lambda row: model.predict([[row]]), range(9))}

    app.test_client().get("/")
    check(seen, 9)


def test_joblib_beyond_what_it_sends_first(seen, app, model):
    """Later tasks, which joblib sends from a callback, are part of the request as well."""
    joblib = pytest.importorskip("joblib")

    @app.get("/")
    def view():
        parallel = joblib.Parallel(2, backend="threading", pre_dispatch=2, batch_size=1)
        parallel(joblib.delayed(model.predict)([[row]]) for row in range(12))
        return {}

    app.test_client().get("/")
    check(seen, 12)


def test_same_rows_on_two_threads(seen, app, model):
    """Two threads that ask one model about the same rows are one prediction."""
    barrier = threading.Barrier(2)

    def task():
        barrier.wait(LIMIT_S)
        return model.predict([[1.0]])

    @app.get("/")
    def view():
        wait([EARLY.submit(task), EARLY.submit(task)])
        return {}

    app.test_client().get("/")
    check(seen)


def test_two_models_at_once(seen, app, model):
    """Two models that run at the same time are two predictions, which overlap."""
    other = type(model)()
    barrier = threading.Barrier(2)

    @app.get("/")
    def view():
        during = lambda: barrier.wait(LIMIT_S)  # noqa: E731 - only inside both
        tasks = [EARLY.submit(m.predict, during=during) for m in (model, other)]
        return {"y": [task.result() for task in tasks]}

    app.test_client().get("/")
    one, two = check(seen, 2)
    assert max(one.start_time, two.start_time) < min(one.end_time, two.end_time)


def test_an_explicit_prediction_takes_its_threads(seen, app, model):
    """Model calls that an explicit prediction hands to threads are its own."""

    @app.get("/")
    def view():
        with otelml.prediction("loan"), ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda row: model.predict([[row]]), range(9)))
        return {}

    response = app.test_client().get("/")
    (prediction,) = check(seen)
    assert prediction.name == "predict loan"
    assert {response.headers[HEADER]} == ids([prediction])


def test_explicit_predictions_on_threads(seen, app):
    """An explicit prediction on a thread is in the request's trace, and gives the header."""

    def task():
        with otelml.prediction("loan") as p:
            p.set_result(label="yes")
        return p.id

    app.get("/")(lambda: {"id": by_submit(task)})
    response = app.test_client().get("/")
    (server,), (prediction,) = seen.servers(), seen.predictions()
    assert prediction.parent.span_id == server.context.span_id
    assert response.headers[HEADER] == response.json["id"]


def test_the_view_can_ask_for_the_prediction(seen, app, model):
    """``current_prediction`` finds what a thread of the request predicted."""

    @app.get("/")
    def view():
        by_submit(model.predict)
        return {"id": otelml.current_prediction().id}

    response = app.test_client().get("/")
    assert response.json["id"] == response.headers[HEADER]


def test_stages_after_calls_in_parallel(seen, app, model):
    """The model runs until the last of an explicit prediction's calls has ended."""

    def during():
        time.sleep(PAUSE_S * 2)

    @app.get("/")
    def view():
        with otelml.prediction("loan"):
            slow = EARLY.submit(model.predict, [[1]], during=during)
            time.sleep(PAUSE_S / 2)
            model.predict([[2]])
            slow.result()
        return {}

    app.test_client().get("/")
    (prediction,) = check(seen)
    _, inference, _ = seen.stages(prediction)
    assert ns(inference) >= PAUSE_S * 1.8e9
