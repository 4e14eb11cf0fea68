"""A prediction that is said in a coroutine of no known framework: its tasks, threads and pools."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from tornado.ioloop import IOLoop

import otelml
from otelml._requests import begin_call, end_call
from otelml.config import Config
from otelml.instrumentors.sklearn import SklearnInstrumentor
from otelml.testing import capture

STAGES = ["feature_extraction", "inference", "post_processing"]


class Model:
    def predict(self, value):
        call = begin_call(self, "predict", [[value]], "sklearn")
        end_call(call, [str(value)])
        return str(value)


model = Model()
pool = ThreadPoolExecutor(2)


async def by_thread(value):
    thread = threading.Thread(target=model.predict, args=(value,))
    thread.start()
    await asyncio.to_thread(thread.join)


WAYS = {
    "to_thread": lambda value: asyncio.to_thread(model.predict, value),
    "executor of the loop": lambda value: asyncio.get_running_loop().run_in_executor(
        None, model.predict, value
    ),
    "own executor": lambda value: asyncio.get_running_loop().run_in_executor(
        pool, model.predict, value
    ),
    "tornado": lambda value: IOLoop.current().run_in_executor(None, model.predict, value),
    "submit": lambda value: asyncio.wrap_future(pool.submit(model.predict, value)),
    "task": lambda value: asyncio.create_task(asyncio.to_thread(model.predict, value)),
    "thread": by_thread,
}


@pytest.fixture
def captured():
    """No web framework is instrumented, only a library of models."""
    with capture(Config(instrument=("sklearn",))) as captured:
        yield captured


@pytest.mark.parametrize("way", WAYS)
def test_many_at_once(captured, way):
    """Each call is part of the prediction that it was made for, and of no other."""

    async def handler(value):
        with otelml.prediction("loan") as p:
            await asyncio.sleep(0.001 * (value % 3))
            await WAYS[way](value)
            await asyncio.sleep(0)
            assert otelml.current_prediction() is p
        assert otelml.current_prediction() is None
        return p.id

    async def serve():
        return await asyncio.gather(*map(handler, range(20)))

    ids = asyncio.run(serve())
    predictions = captured.predictions()
    assert [p.name for p in predictions] == ["predict loan"] * 20
    said = {p.attributes["ml.prediction.id"]: p.attributes for p in predictions}
    assert [said[one]["ml.prediction.label"] for one in ids] == [str(n) for n in range(20)]
    for prediction in predictions:
        assert [s.name for s in captured.children(prediction)] == STAGES


def test_a_background_task_outlives_its_prediction(captured):
    """What it predicts afterwards is a prediction of its own."""
    ended = asyncio.Event()

    async def background():
        await ended.wait()
        await asyncio.get_running_loop().run_in_executor(pool, model.predict, 7)

    async def serve():
        with otelml.prediction("loan") as p:
            task = asyncio.create_task(background())
            model.predict(1)
        ended.set()
        await task
        return p

    asyncio.run(serve())
    found = {p.name: p.attributes["ml.prediction.label"] for p in captured.predictions()}
    assert found == {"predict loan": "1", "predict Model": "7"}
    first, second = captured.predictions()
    assert second.parent is None
    assert first.context.trace_id != second.context.trace_id


def test_a_model_library_turns_it_on_and_off():
    """Where no web framework does."""
    before = vars(ThreadPoolExecutor)["submit"]
    SklearnInstrumentor().instrument()
    try:
        assert vars(ThreadPoolExecutor)["submit"] is not before
    finally:
        SklearnInstrumentor().uninstrument()
    assert vars(ThreadPoolExecutor)["submit"] is before
