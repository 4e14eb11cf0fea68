"""A running viewer, requests to it, and the seeded sender."""

from __future__ import annotations

import importlib.util
import json
import sys
import urllib.error
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import pytest

from otelml.viewer import Viewer


def _load(name):
    spec = importlib.util.spec_from_file_location(
        f"otelml_viewer_{name}", Path(__file__).with_name(f"{name}.py")
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def seed():
    return _load("seed")


@pytest.fixture(scope="session")
def scene():
    return _load("scene")


@pytest.fixture
def viewer():
    running = Viewer(grpc_port=0, http_port=0, web_port=0)
    running.start()
    yield running
    running.stop()


def fetch(url, body=None, headers=None, method=None):
    """Return status, headers and body of a request, errors included."""
    request = urllib.request.Request(url, body, headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return SimpleNamespace(
                status=response.status, headers=response.headers, body=response.read()
            )
    except urllib.error.HTTPError as error:
        return SimpleNamespace(status=error.code, headers=error.headers, body=error.read())


@pytest.fixture
def api(viewer):
    """Ask the viewer's API; returns the decoded answer."""

    def ask(path, status=200):
        answer = fetch(f"http://127.0.0.1:{viewer.ports.web}{path}")
        assert answer.status == status, answer.body
        return json.loads(answer.body)

    return ask


@pytest.fixture
def post(viewer):
    """Send a body to the OTLP/HTTP port."""

    def send(path, body, kind="application/x-protobuf", encoding=None, method="POST"):
        headers = {"Content-Type": kind} | ({"Content-Encoding": encoding} if encoding else {})
        return fetch(f"http://127.0.0.1:{viewer.ports.http}{path}", body, headers, method)

    return send


@pytest.fixture
def get(viewer):
    return lambda path, headers=None: fetch(
        f"http://127.0.0.1:{viewer.ports.web}{path}", headers=headers
    )


@pytest.fixture
def upload(viewer):
    """Send a file to the web port, as a page does."""

    def send(body, kind="application/json", **headers):
        url = f"http://127.0.0.1:{viewer.ports.web}/api/import"
        return fetch(url, body, {"Content-Type": kind, **headers})

    return send
