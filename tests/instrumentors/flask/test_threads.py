"""A view that works on other threads: every model call is a prediction of its request."""

from __future__ import annotations

import asyncio
import pickle
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, wait
from multiprocessing import dummy
from multiprocessing.pool import ThreadPool

import pytest
from flask import Flask, abort, copy_current_request_context, has_request_context, request

import otelml
from otelml import _guard, semconv

_HEADER = "X-Prediction-Id"
_PAUSE_S = 0.02
_LIMIT_S = 10
_EARLY = ThreadPoolExecutor(2)  # made when the module is imported, as a service's pool is
_EARLY_POOL = ThreadPool(2)


@pytest.fixture(scope="module", autouse=True)
def _pools():
    yield
    _EARLY.shutdown()
    _EARLY_POOL.terminate()


def ns(span):
    return span.end_time - span.start_time


@pytest.fixture
def app():
    """An application."""
    return Flask("app")


def check(seen, n=1):
    """Return the predictions: ``n`` in the trace of the one request, with stages that add up."""
    (server,) = seen.servers()
    predictions = seen.predictions()
    assert len(predictions) == n
    for prediction in predictions:
        assert prediction.parent.span_id == server.context.span_id
        stages = seen.stages(prediction)
        assert [s.name for s in stages] == list(semconv.STAGES)
        assert stages[0].start_time == prediction.start_time >= server.start_time
        assert stages[-1].end_time == prediction.end_time
        for one, other in zip(stages, stages[1:], strict=False):
            assert one.end_time == other.start_time
        assert sum(map(ns, stages)) == ns(prediction)
    assert not _guard.errors
    return predictions


def ids(predictions):
    return {p.attributes[semconv.ML_PREDICTION_ID] for p in predictions}


# --- ways to a thread ---------------------------------------------------------------------------


def by_submit(predict):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(predict).result()


def by_early_pool(predict):
    return _EARLY.submit(predict).result()


def by_map(predict):
    with ThreadPoolExecutor(2) as pool:
        return next(pool.map(lambda _: predict(), [0]))


def by_nested_pools(predict):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(by_submit, predict).result()


def by_thread(predict, cls=threading.Thread, **options):
    found = []
    thread = cls(target=lambda: found.append(predict()), **options)
    thread.start()
    thread.join()
    return found[0]


def by_daemon(predict):
    return by_thread(predict, daemon=True)


def by_dummy_process(predict):
    return by_thread(predict, dummy.Process)


def by_subclass(predict):
    class Job(threading.Thread):
        def run(self):
            self.found = predict()

    job = Job()
    job.start()
    job.join()
    assert "run" not in vars(job)
    return job.found


def by_timer(predict):
    found = []
    timer = threading.Timer(0.001, lambda: found.append(predict()))
    timer.start()
    timer.join()
    return found[0]


def by_pool_of_threads(predict):
    with ThreadPool(2) as pool:
        return pool.apply(predict)


def by_early_pool_of_threads(predict):
    return _EARLY_POOL.apply_async(predict).get(_LIMIT_S)


def by_pool_map(predict):
    return _EARLY_POOL.map(lambda _: predict(), [0])[0]


def by_pool_starmap(predict):
    return _EARLY_POOL.starmap_async(lambda *_: predict(), [(0, 1)]).get(_LIMIT_S)[0]


def by_pool_imap(predict):
    return next(_EARLY_POOL.imap(func=lambda _: predict(), iterable=[0]))


def by_pool_imap_unordered(predict):
    return next(_EARLY_POOL.imap_unordered(lambda _: predict(), [0], chunksize=2))


def by_joblib(predict):
    joblib = pytest.importorskip("joblib")
    return joblib.Parallel(2, backend="threading")([joblib.delayed(predict)()])[0]


def by_callback(predict):
    found, done = [], threading.Event()
    future = _EARLY.submit(time.sleep, _PAUSE_S)
    future.add_done_callback(lambda _: (found.append(predict()), done.set()))
    assert done.wait(_LIMIT_S)
    return found[0]


def by_pool_callback(predict):
    found, done = [], threading.Event()
    _EARLY_POOL.apply_async(int, callback=lambda _: (found.append(predict()), done.set()))
    assert done.wait(_LIMIT_S)
    return found[0]


def by_asyncio_run(predict):
    async def main():
        return predict()

    return asyncio.run(main())


def by_to_thread(predict):
    async def main():
        return await asyncio.to_thread(predict)

    return asyncio.run(main())


def by_run_in_executor(predict):
    async def main():
        return await asyncio.get_running_loop().run_in_executor(None, predict)

    return asyncio.run(main())


def by_loop_on_a_thread(predict):
    return by_submit(lambda: by_to_thread(predict))


def by_copied_request_context(predict):
    @copy_current_request_context
    def task():
        assert request.path == "/"
        return predict()

    return by_submit(task)


WAYS = [value for name, value in list(globals().items()) if name.startswith("by_")]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__[3:])
def test_one_call(seen, app, model, way):
    """However the call gets to a thread, the request has its prediction, stages and header."""

    @app.get("/")
    def view():
        time.sleep(_PAUSE_S)
        y = way(model.predict)
        time.sleep(_PAUSE_S)
        return {"y": y}

    response = app.test_client().get("/")
    assert response.json == {"y": [0]}
    (prediction,) = check(seen)
    assert {response.headers[_HEADER]} == ids([prediction])
    first, _, last = seen.stages(prediction)
    assert min(ns(first), ns(last)) >= _PAUSE_S * 0.9e9
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
    assert {response.headers[_HEADER]} == ids(check(seen))


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
    assert response.headers[_HEADER] in ids(predictions[2:3])  # the view's own last


def test_header_without_a_call_of_the_view(seen, app, model):
    """Where only threads predicted, the header has the id of the last that was ready."""

    @app.get("/")
    def view():
        slow = _EARLY.submit(lambda: (time.sleep(_PAUSE_S * 3), model.predict([[1]])))
        by_submit(lambda: model.predict([[2]]))
        slow.result()
        return {}

    response = app.test_client().get("/")
    predictions = check(seen, 2)
    last = max(predictions, key=lambda p: seen.stages(p)[1].end_time)
    assert {response.headers[_HEADER]} == ids([last])


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
        return {"y": _EARLY_POOL.map(lambda row: model.predict([[row]]), range(9))}

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
        barrier.wait(_LIMIT_S)
        return model.predict([[1.0]])

    @app.get("/")
    def view():
        wait([_EARLY.submit(task), _EARLY.submit(task)])
        return {}

    app.test_client().get("/")
    check(seen)


def test_two_models_at_once(seen, app, model):
    """Two models that run at the same time are two predictions, which overlap."""
    other = type(model)()
    barrier = threading.Barrier(2)

    @app.get("/")
    def view():
        during = lambda: barrier.wait(_LIMIT_S)  # noqa: E731 - only inside both
        tasks = [_EARLY.submit(m.predict, during=during) for m in (model, other)]
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
    assert {response.headers[_HEADER]} == ids([prediction])


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
    assert response.headers[_HEADER] == response.json["id"]


def test_the_view_can_ask_for_the_prediction(seen, app, model):
    """``current_prediction`` finds what a thread of the request predicted."""

    @app.get("/")
    def view():
        by_submit(model.predict)
        return {"id": otelml.current_prediction().id}

    response = app.test_client().get("/")
    assert response.json["id"] == response.headers[_HEADER]


def test_stages_after_calls_in_parallel(seen, app, model):
    """The model runs until the last of an explicit prediction's calls has ended."""

    def during():
        time.sleep(_PAUSE_S * 2)

    @app.get("/")
    def view():
        with otelml.prediction("loan"):
            slow = _EARLY.submit(model.predict, [[1]], during=during)
            time.sleep(_PAUSE_S / 2)
            model.predict([[2]])
            slow.result()
        return {}

    app.test_client().get("/")
    (prediction,) = check(seen)
    _, inference, _ = seen.stages(prediction)
    assert ns(inference) >= _PAUSE_S * 1.8e9


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
        future = _EARLY.submit(model.predict, error=ValueError("bad"))
        return {"error": repr(future.exception())}

    app.test_client().get("/")
    (prediction,) = check(seen)
    assert prediction.attributes["error.type"] == "ValueError"


def test_inside_the_model_at_the_end(seen, app, model):
    """A call that goes on after the view is part of the request, to the end of the call."""
    inside, go_on = threading.Event(), threading.Event()

    def during():
        inside.set()
        assert go_on.wait(_LIMIT_S)

    futures = []

    @app.get("/")
    def view():
        futures.append(_EARLY.submit(model.predict, during=during))
        assert inside.wait(_LIMIT_S)
        return {}

    app.test_client().get("/")
    assert not seen.predictions()
    time.sleep(_PAUSE_S)
    go_on.set()
    futures[0].result(_LIMIT_S)
    (prediction,) = check(seen)
    assert ns(seen.stages(prediction)[1]) >= _PAUSE_S * 0.9e9


@pytest.mark.parametrize("kind", ["inferred", "explicit"])
@pytest.mark.parametrize("way", ["executor", "thread"])
def test_after_the_end(seen, app, model, way, kind):
    """What is predicted after the request is a trace of its own, linked to the request."""
    go_on = threading.Event()
    jobs = []

    def task():
        assert go_on.wait(_LIMIT_S)
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
            jobs.append(_EARLY.submit(task).result)
        else:
            thread = threading.Thread(target=task)
            thread.start()
            jobs.append(thread.join)
        return {}

    response = app.test_client().get("/")
    go_on.set()
    jobs[0](_LIMIT_S)
    (server,) = seen.servers()
    first, *late = seen.predictions()
    assert {response.headers[_HEADER]} == ids([first])
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
        assert go_on.wait(_LIMIT_S)
        with tracer.start_as_current_span("job") as span:
            model.predict()
        return span.get_span_context()

    @app.get("/")
    def view():
        jobs.append(_EARLY.submit(task))
        return {}

    app.test_client().get("/")
    go_on.set()
    own = jobs[0].result(_LIMIT_S)
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
        while (item := waiting.get(timeout=_LIMIT_S)) is not None:
            model.predict([[item[0]]])
            item[1].set()

    @app.get("/<int:row>")
    def view(row):
        if not worker:
            worker.append(threading.Thread(target=serve))
            worker[0].start()
        done = threading.Event()
        waiting.put((row, done))
        assert done.wait(_LIMIT_S)
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
        return {"error": type(_EARLY.submit(task).exception()).__name__}

    gc.disable()
    try:
        assert app.test_client().get("/").json == {"error": "KeyError"}
        check(seen)
        deadline = time.monotonic() + _LIMIT_S
        while gone[0]() is not None and time.monotonic() < deadline:
            time.sleep(0.001)  # the pool's thread lets go of the task after its result
        assert gone[0]() is None
    finally:
        gc.enable()
