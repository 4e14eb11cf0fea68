"""What the tests of the Flask instrumentor share."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from opentelemetry.trace import SpanKind

from otelml._requests import begin_call, end_call
from otelml.instrumentors.flask import FlaskMLInstrumentor
from otelml.testing import capture


class Model:
    """A model whose calls are announced as a model library's instrumentor does."""

    def predict(self, rows=((1.0,),), error=None, during=None):
        call = begin_call(self, "predict", rows, "test")
        if during is not None:
            during()
        if error is not None:
            end_call(call, None, error)
            raise error
        end_call(call, [0] * len(rows))
        return [0] * len(rows)


class Seen:
    """What was captured, by the words that these tests use."""

    def __init__(self, captured):
        self.captured = captured

    def servers(self):
        return [s for s in self.captured.spans() if s.kind is SpanKind.SERVER]

    def server_names(self):
        return [s.name for s in self.servers()]

    def requests(self):
        return self.captured.metric("http.server.request.duration").count()

    def predictions(self):
        return self.captured.predictions()

    def providers(self):
        options = FlaskMLInstrumentor()._http._options
        return {key: options[key] for key in ("tracer_provider", "meter_provider")}

    def stages(self, prediction):
        return self.captured.children(prediction)


@pytest.fixture
def model():
    """A model."""
    return Model()


@pytest.fixture
def seen():
    """What the test emits."""
    with capture() as captured:
        yield Seen(captured)


@pytest.fixture
def watch():
    """Start a capture where the test wants it."""

    @contextmanager
    def start(**options):
        with capture(**options) as captured:
            yield Seen(captured)

    return start
