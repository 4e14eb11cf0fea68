"""What is patched for threads and pools: what it costs outside a request, and that it goes away."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.pool import Pool, ThreadPool

import pytest
import wrapt
from opentelemetry.context import attach, detach, get_current

from otelml._requests import Task, begin_request, end_request, is_enclosed, nothing
from otelml.instrumentors.threads import instrument_threads, uninstrument_threads

_LIMIT_S = 10
_PATCHED = [
    (threading.Thread, "start"), (ThreadPoolExecutor, "submit"), (Future, "add_done_callback"),
    *((cls, name) for cls in (Pool, ThreadPool) for name in (
        "apply_async", "_map_async", "map_async", "starmap_async", "imap", "imap_unordered")),
]  # fmt: skip


def state():
    return [vars(owner).get(name) for owner, name in _PATCHED]


@pytest.fixture
def patched():
    """The patches in place."""
    instrument_threads()
    yield
    uninstrument_threads()


@pytest.fixture
def scope(capture_telemetry):
    """A request under way."""
    scope = begin_request()
    yield scope
    end_request(scope)


def test_all_is_put_back():
    """What was there before is there afterwards, the very objects, for as many users as there were."""
    before = state()
    instrument_threads()
    first = state()
    instrument_threads()
    assert state() == first != before
    uninstrument_threads()
    assert state() == first
    uninstrument_threads()
    assert state() == before
    uninstrument_threads()
    assert state() == before


def test_shutdown_puts_all_back():
    """``init`` and ``shutdown`` leave threads as they were."""
    pytest.importorskip("flask")
    from otelml.testing import capture

    before = state()
    with capture():
        assert state() != before
    assert state() == before


def test_outside_a_request_the_callable_is_the_callers(patched):
    """Nothing is wrapped where nothing encloses the caller."""
    seen = []

    class Pool(ThreadPoolExecutor):
        def _adjust_thread_count(self):
            seen.append(self._work_queue.get_nowait())

    pool = Pool(1)
    pool.submit(abs, -1)
    (item,) = seen
    assert abs in [getattr(item, "fn", None), *(getattr(item, "task", None) or ())]
    thread = threading.Thread(target=abs, args=(1,))
    thread.start()
    assert "run" not in vars(thread)
    thread.join()


@pytest.mark.parametrize("outer", [False, True], ids=["beneath", "around"])
def test_with_another_instrumentation(scope, outer):
    """Another library may carry OpenTelemetry's context as well: the task has the right one."""
    from opentelemetry.context import set_value

    def wrapped(call, _instance, args, kwargs):
        context = get_current()

        def task(*a):
            token = attach(context)
            try:
                return args[0](*a)
            finally:
                detach(token)

        return call(task, *args[1:], **kwargs)

    own = vars(ThreadPoolExecutor)["submit"]
    if outer:
        instrument_threads()
    ours = vars(ThreadPoolExecutor)["submit"]
    wrapt.wrap_function_wrapper(ThreadPoolExecutor, "submit", wrapped)
    if not outer:
        instrument_threads()
    try:
        token = attach(set_value("mine", 1))
        with ThreadPoolExecutor(1) as pool:
            value, enclosed = pool.submit(
                lambda: (get_current().get("mine"), is_enclosed())
            ).result()
            detach(token)
        assert (value, enclosed) == (1, True)
    finally:
        if not outer:
            uninstrument_threads()
        ThreadPoolExecutor.submit = ours
        if outer:
            uninstrument_threads()
    assert vars(ThreadPoolExecutor)["submit"] is own


def test_a_thread_that_cannot_start(scope, patched, monkeypatch):
    """Where no thread can be started, the error is the system's, and the thread is as it was."""
    thread = threading.Thread(target=abs)

    def fails(*_args, **_kwargs):
        raise RuntimeError("can't start new thread")

    name = "_start_joinable_thread" if hasattr(threading, "_start_joinable_thread") else ""
    monkeypatch.setattr(threading, name or "_start_new_thread", fails)
    with pytest.raises(RuntimeError, match="can't start"):
        thread.start()
    assert "run" not in vars(thread)


def test_a_thread_is_started_twice(scope, patched):
    """A second start is refused as before."""
    thread = threading.Thread(target=int)
    thread.start()
    with pytest.raises(RuntimeError, match="once"):
        thread.start()
    thread.join()
    assert "run" not in vars(thread)


def test_a_thread_with_a_run_of_its_own(scope, patched):
    """A ``run`` that was set on the thread itself runs, and stays there."""
    seen = []
    thread = threading.Thread()
    thread.run = run = lambda: seen.append(is_enclosed())
    thread.start()
    thread.join()
    assert seen == [True]
    assert thread.run is run


def test_what_cannot_be_called(scope, patched):
    """A mistake of the caller's has the same error."""
    with ThreadPoolExecutor(1) as pool:
        with pytest.raises(TypeError):
            pool.submit()
        assert "not callable" in str(pool.submit(3).exception())


def test_threads_of_a_pool_start_inside_of_nothing(scope, patched):
    """A pool that is made in a request keeps nothing of it."""
    seen = []
    with ThreadPoolExecutor(
        1, initializer=lambda: seen.append((is_enclosed(), get_current()))
    ) as p:
        assert p.submit(is_enclosed).result()
    with ThreadPool(1, initializer=lambda: seen.append((is_enclosed(), get_current()))) as p:
        assert p.apply(is_enclosed)
    assert seen == [(False, {})] * 2


def test_a_task_leaves_its_thread_as_it_was(scope):
    """After a task, failed or not, its thread is where it was before."""
    good, bad = Task(is_enclosed), Task(lambda: 1 / 0)
    seen = []

    def other():
        seen.extend((is_enclosed(), good(), is_enclosed()))
        with pytest.raises(ZeroDivisionError):
            bad()
        seen.append(is_enclosed())

    thread = threading.Thread(target=other)
    with nothing():
        thread.start()
    thread.join()
    assert seen == [False, True, False, False]


def test_cost_outside_a_request(patched):
    """Outside a request the wrapper is one look."""

    class Pool(ThreadPoolExecutor):
        def _adjust_thread_count(self):
            """Start none."""

    wrapper, calls = ThreadPoolExecutor.submit, 100
    functions = (wrapper, wrapper.__wrapped__)

    def seconds(function):
        pool = Pool(1)
        start = time.thread_time()
        for _ in range(calls):
            function(pool, int)
        return time.thread_time() - start

    turns = [[seconds(function) for function in functions] for _ in range(100)]
    ours, plain = map(min, zip(*turns, strict=True))
    assert (ours - plain) / calls < 5e-6


def test_under_gevent():
    """With gevent's threads and a pool of greenlets, calls are part of their request."""
    pytest.importorskip("gevent")
    code = """
        from gevent import monkey
        monkey.patch_all()
        import threading
        from concurrent.futures import ThreadPoolExecutor
        import gevent
        from flask import Flask, Response
        from otelml._requests import begin_call, end_call
        from otelml.testing import capture

        class Model:
            def predict(self, rows):
                call = begin_call(self, "predict", rows, "test")
                gevent.sleep(0.01)
                end_call(call, [0])
                return [0]

        app, model, pool = Flask("app"), Model(), ThreadPoolExecutor(2)

        @app.get("/<int:base>")
        def view(base):
            list(pool.map(lambda row: model.predict([[base + row]]), range(4)))
            thread = threading.Thread(target=model.predict, args=([[base + 5]],))
            thread.start()
            thread.join()
            return Response(str(model.predict([[base + 6 + row]])) for row in range(2))

        with capture() as captured:
            clients = [gevent.spawn(app.test_client().get, f"/{n}00") for n in range(4)]
            for client in clients:
                assert client.get(timeout=10).data == b"[0][0]"
            pool.submit(model.predict, [[-1]]).result(10)
            *found, alone = captured.predictions()
            assert len(found) == 28, len(found)
            servers = [s for s in captured.spans() if s.name.startswith("GET")]
            per = [sum(p.parent.span_id == s.context.span_id for p in found) for s in servers]
            assert per == [7] * 4, per
            assert alone.parent is None and not alone.links
            for p in found:
                captured.assert_stages_fill(p)
        print("done")
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert result.stdout.strip() == "done", result.stderr


def test_a_forked_child(scope, patched):
    """A child that is forked in a request predicts on its own, and waits for no lock of a parent."""
    import os

    from otelml._prediction import current_runtime
    from otelml._requests import begin_call, end_call

    if not hasattr(os, "fork"):
        pytest.skip("no fork here")
    held, go_on = threading.Event(), threading.Event()

    def hold():
        with scope.lock():
            held.set()
            go_on.wait(_LIMIT_S)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(_LIMIT_S)
    child = os.fork()
    if not child:
        call = begin_call(object(), "predict", [[1]], "test")
        end_call(call, [1])
        os._exit(0 if call is not None and call.prediction.end_ns and current_runtime() else 1)
    deadline = time.monotonic() + _LIMIT_S
    while (ended := os.waitpid(child, os.WNOHANG))[0] == 0 and time.monotonic() < deadline:
        time.sleep(0.01)
    if ended[0] == 0:
        os.kill(child, 9)
        os.waitpid(child, 0)
    go_on.set()
    thread.join()
    assert ended == (child, 0)
