"""What all tests share."""

from __future__ import annotations

import multiprocessing
import threading

import pytest

from otelml import _guard, _runtime


@pytest.fixture(autouse=True)
def _clean():
    """A test leaves no runtime, no worker and no kept-away error behind."""
    _guard.errors.clear()
    yield
    leaked = [t.name for t in threading.enumerate() if t.name == "otelml-worker"]
    running = _runtime.current()
    _runtime.install(None)
    assert running is None, "the test left otelml running"
    assert not leaked, "the test left a worker running"


def pytest_sessionfinish():
    """End what a pool has left behind: the interpreter would wait for it for ever."""
    for child in multiprocessing.active_children():
        child.kill()
