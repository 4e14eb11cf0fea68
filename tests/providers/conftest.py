"""Providers against an endpoint on loopback."""

from __future__ import annotations

import os
from time import monotonic

import pytest

from otelml._providers import create_providers
from otelml.config import Config
from tests._otlp_server import OtlpServer


@pytest.fixture(autouse=True)
def _no_otel_variables(monkeypatch):
    """The variables of whoever runs the tests are not the test's."""
    for name in list(os.environ):
        if name.startswith(("OTEL_", "OTELML_")):
            monkeypatch.delenv(name)


@pytest.fixture
def server(monkeypatch):
    with OtlpServer() as one:
        for name, value in one.environment().items():
            monkeypatch.setenv(name, value)
        yield one


@pytest.fixture
def make():
    """Make providers that touch no global and are shut down after the test."""
    made = []

    def create(**options):
        providers = create_providers(Config(**options))
        made.append(providers)
        providers.start()
        return providers

    yield create
    for providers in made:
        providers.shutdown(monotonic())


@pytest.fixture
def quick(monkeypatch):
    """Backoff in hundredths of seconds."""
    monkeypatch.setattr("otelml._providers.delivery._FIRST_BACKOFF_S", 0.01)
    monkeypatch.setattr("otelml._providers.delivery._LONGEST_PAUSE_S", 0.05)


@pytest.fixture
def emit():
    """End one span a name."""

    def end(providers, *names):
        tracer = providers.tracer_provider.get_tracer("test")
        for name in names:
            tracer.start_span(name).end()

    return end


@pytest.fixture
def soon():
    """A deadline that is far enough."""
    return lambda seconds=10.0: monotonic() + seconds
