"""One service a framework, asked in one way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import fastapi
import flask
from starlette.applications import Starlette
from starlette.testclient import TestClient

import otelml.asgi
import otelml.fastapi
import otelml.flask

FRAMEWORKS = ("flask", "fastapi", "asgi")
PREFIX = "/ml"


@dataclass
class Told:
    """What a service answered."""

    status: int
    body: bytes
    headers: Any

    @property
    def media(self):
        return self.headers["content-type"]


def _flask(prefix, **chosen):
    service = flask.Flask(__name__)
    mounted = otelml.flask.blueprint(url_prefix=prefix or None, **chosen)
    service.register_blueprint(mounted)
    client = service.test_client()

    def ask(method, path, body=None, headers=None):
        told = client.open(path, method=method, data=body, headers=headers or {})
        return Told(told.status_code, told.data, told.headers)

    return ask


def application(framework, prefix="", **chosen):
    """Return an ASGI service with the endpoints."""
    if framework == "fastapi":
        service = fastapi.FastAPI()
        service.include_router(otelml.fastapi.router(prefix=prefix, **chosen))
        return service
    service = Starlette()
    service.mount(prefix, otelml.asgi.app(**chosen))
    return service


def service_of(framework, prefix="", **chosen):
    """Return a function that asks a service: method, path, body, headers."""
    if framework == "flask":
        return _flask(prefix, **chosen)
    client = TestClient(application(framework, prefix, **chosen), follow_redirects=False)

    def ask(method, path, body=None, headers=None):
        told = client.request(method, path, content=body, headers=headers or {})
        return Told(told.status_code, told.content, told.headers)

    return ask
