"""What all tests share."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading

import pytest
from hypothesis import HealthCheck, settings

from otelml import _guard
from otelml._prediction.runtime import current_runtime, install_runtime
from otelml._privacy import Policy, install_policy
from otelml.config import PrivacyOptions
from tests.faults._table import lines

# A forked child inherits them; one that only sets an event would never end.
_SIGNALS = (signal.SIGINT, signal.SIGTERM)

# How long it takes to make examples tells how busy the machine is.
settings.register_profile(
    "any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any-machine")


@pytest.fixture(autouse=True)
def _clean():
    """A test leaves no runtime, no worker and no kept-away error behind."""
    _guard.errors.clear()
    handlers = [signal.getsignal(number) for number in _SIGNALS]
    yield
    assert [signal.getsignal(number) for number in _SIGNALS] == handlers, "a handler was left"
    leaked = [t.name for t in threading.enumerate() if t.name == "otelml-worker"]
    running = current_runtime()
    install_runtime(None)
    install_policy(Policy(PrivacyOptions()))
    assert running is None, "the test left otelml running"
    assert not leaked, "the test left a worker running"


@pytest.fixture
def internal(capture_telemetry):
    """Let exact feature values out, as ``init(privacy="internal")`` does."""
    install_policy(Policy(PrivacyOptions(level="internal")))
    return capture_telemetry


def pytest_terminal_summary(terminalreporter):
    """Print the fault table, so that a run shows its figures and not only its verdict."""
    if table := lines():
        terminalreporter.section("fault table")
        for line in table:
            terminalreporter.write_line(line)


def pytest_sessionfinish():
    """End what a pool has left behind: the interpreter would wait for it for ever."""
    for child in multiprocessing.active_children():  # joblib's cannot kill() themselves
        os.kill(child.pid, signal.SIGKILL)
