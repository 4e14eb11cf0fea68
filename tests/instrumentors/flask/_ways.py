"""Ways of a view's call to another thread, and what such a request must give."""

from __future__ import annotations

import asyncio
import atexit
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import dummy
from multiprocessing.pool import ThreadPool

import pytest
from flask import copy_current_request_context, request

from otelml import _guard, semconv

HEADER = "X-Prediction-Id"
PAUSE_S = 0.02
LIMIT_S = 10
# Made when the module is imported, as a service's pools are.
EARLY = ThreadPoolExecutor(2)
EARLY_POOL = ThreadPool(2)
atexit.register(EARLY_POOL.terminate)


def ns(span):
    return span.end_time - span.start_time


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
    return EARLY.submit(predict).result()


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
    return EARLY_POOL.apply_async(predict).get(LIMIT_S)


def by_pool_map(predict):
    return EARLY_POOL.map(lambda _: predict(), [0])[0]


def by_pool_starmap(predict):
    return EARLY_POOL.starmap_async(lambda *_: predict(), [(0, 1)]).get(LIMIT_S)[0]


def by_pool_imap(predict):
    return next(EARLY_POOL.imap(func=lambda _: predict(), iterable=[0]))


def by_pool_imap_unordered(predict):
    return next(EARLY_POOL.imap_unordered(lambda _: predict(), [0], chunksize=2))


def by_joblib(predict):
    joblib = pytest.importorskip("joblib")
    return joblib.Parallel(2, backend="threading")([joblib.delayed(predict)()])[0]


def by_callback(predict):
    found, done = [], threading.Event()
    future = EARLY.submit(time.sleep, PAUSE_S)
    future.add_done_callback(lambda _: (found.append(predict()), done.set()))
    assert done.wait(LIMIT_S)
    return found[0]


def by_pool_callback(predict):
    found, done = [], threading.Event()
    EARLY_POOL.apply_async(int, callback=lambda _: (found.append(predict()), done.set()))
    assert done.wait(LIMIT_S)
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
