"""What an application behind the middleware hands to threads is part of its request."""

from __future__ import annotations

import asyncio

import pytest
from starlette.testclient import TestClient

import otelml.asgi
from otelml.config import Config
from otelml.testing import capture
from tests.instrumentors.asgi._apps import model


@pytest.mark.parametrize("way", ["to_thread", "executor"])
def test_a_model_on_a_thread(way):
    """With no other web framework instrumented."""

    async def app(_scope, _receive, send):
        if way == "to_thread":
            await asyncio.to_thread(model.predict, [[2.0]])
        else:
            await asyncio.get_running_loop().run_in_executor(None, model.predict, [[2.0]])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    with capture(Config(instrument=("asgi",))) as captured:
        answer = TestClient(otelml.asgi.middleware(app)).get("/")
        (prediction,) = captured.predictions()
        (server,) = [span for span in captured.spans() if span.kind.name == "SERVER"]
        assert prediction.parent is not None
        assert prediction.parent.span_id == server.context.span_id
        assert answer.headers["x-prediction-id"] == prediction.attributes["ml.prediction.id"]
