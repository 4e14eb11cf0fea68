"""Blocks whose model calls are no predictions."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from opentelemetry.instrumentation.utils import suppress_instrumentation

import otelml
from otelml._requests import begin_call, begin_request, end_call, end_request


class Model:
    """A model as an instrumentor sees it."""


MODEL = Model()


def _call(rows=1):
    data = np.ones((rows, 2))
    call = begin_call(MODEL, "predict", data, "test")
    end_call(call, np.array(["yes"] * rows))
    return call is not None


def _count(captured):
    return captured.metric("ml.predictions").sum()


@pytest.mark.parametrize("block", [otelml.not_serving, suppress_instrumentation])
def test_an_explanation_in_a_request_counts_once(block, capture_telemetry):
    """A thousand perturbed rows add nothing to the one prediction that was served."""
    scope = begin_request()
    _call()
    with block():
        assert not any(_call(1000) for _ in range(3))
    end_request(scope)
    assert _count(capture_telemetry) == 1
    assert len(capture_telemetry.predictions()) == 1


def test_an_enclosing_prediction_keeps_its_result(capture_telemetry):
    """Calls inside the block are no part of the prediction around it; later ones are."""
    with otelml.prediction("m"):
        with otelml.not_serving():
            assert not _call(7)
        assert _call(2)
    assert _count(capture_telemetry) == 2


def test_predictions_said_inside_are_none(capture_telemetry):
    """Neither the context manager nor the decorator records, and both work."""

    @otelml.predict(model="said")
    def said():
        return otelml.current_prediction()

    with otelml.not_serving(), otelml.prediction("m") as p:
        p.set_result(label="a")
        with p.stage("inference"):
            assert said() is None
        assert p.id == ""
    capture_telemetry.flush()
    assert capture_telemetry.predictions() == []


def _plain():
    return _call()


def _items():
    yield _call()
    got = yield "more"
    yield got, _call()
    return "end"


async def _later():
    await asyncio.sleep(0)
    return _call()


async def _items_later():
    yield _call()
    await asyncio.sleep(0)
    got = yield "more"
    yield got, _call()


@pytest.mark.parametrize("decorate", [otelml.not_serving, otelml.not_serving()])
def test_functions_of_every_kind_are_decorated(decorate, capture_telemetry):
    """Sync, async, generators: none predicts inside, each gives what it gave, callers predict."""
    assert decorate(_plain)() is False
    assert asyncio.run(decorate(_later)()) is False
    items = decorate(_items)()
    assert next(items) is False
    assert _call()  # between two items the caller serves
    assert next(items) == "more"
    assert items.send("sent") == ("sent", False)
    with pytest.raises(StopIteration) as end:
        next(items)
    assert end.value.value == "end"

    async def read():
        later = decorate(_items_later)()
        first, served = await anext(later), _call()
        return first, served, await anext(later), await later.asend("sent")

    assert asyncio.run(read()) == (False, True, "more", ("sent", False))
    assert _count(capture_telemetry) == 2


def test_an_error_leaves_the_block(capture_telemetry):
    """After an error inside, the next call is a prediction."""
    with pytest.raises(ZeroDivisionError), otelml.not_serving():
        _ = 1 / 0
    assert _call()
    assert _count(capture_telemetry) == 1
