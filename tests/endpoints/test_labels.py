"""Labels that come over HTTP, where a store keeps them."""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import replace

import pytest

import otelml
from otelml._endpoints import answer_async, read_request, route_of
from otelml._endpoints.answer import as_json
from otelml.config import Config, FeedbackOptions
from otelml.testing import capture
from tests._ids import SECRET
from tests.endpoints._services import FRAMEWORKS, service_of


def _config(url):
    return Config(feedback=FeedbackOptions(store=url, secret=SECRET))


def _predict():
    with otelml.prediction("loan") as p:
        p.set_result(label="yes", confidence=0.9)
    return p.id


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_label_that_cannot_be_stored_is_sent_again(tmp_path, framework):
    """503 says so, in each framework; a forged one stays the sender's fault."""
    with capture(_config(f"sqlite:///{tmp_path}/none/labels.db")):
        ask = service_of(framework)
        body = json.dumps({"prediction_id": _predict(), "actual": "yes"}).encode()
        assert ask("POST", "/feedback", body).status == 503
        assert ask("POST", "/feedback", b'{"prediction_id": "no", "actual": "yes"}').status == 400


def test_a_label_that_waits_holds_up_no_event_loop():
    """Where a store is slow, other requests of an ASGI service go on."""
    order = []

    async def ask(route, path):
        async def receive():
            return {"type": "http.request", "body": b"{}"}

        request = await read_request(route, path, [], {}, receive)
        await answer_async(route, request)
        order.append(path)

    def slow(_):
        go_on.wait(5)
        return as_json({})

    async def both():
        slow_one = asyncio.ensure_future(ask(replace(feedback, handle=slow), "/feedback"))
        await asyncio.sleep(0.05)
        await ask(status, "/monitor/status")
        go_on.set()
        await slow_one

    go_on = threading.Event()
    (feedback,) = route_of("/feedback")[0]
    (status,) = route_of("/monitor/status")[0]
    asyncio.run(both())
    assert order == ["/monitor/status", "/feedback"]
