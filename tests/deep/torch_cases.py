"""PyTorch: which forwards are predictions, what they say, and that training is left alone."""

from __future__ import annotations

import copy
import pickle

import flask
import numpy as np
import pytest
import torch
from torch import nn

import otelml
from otelml.config import Config
from otelml.instrumentors import choice
from tests.instrumentors.libraries.conftest import seen, telemetry

__all__ = ["seen", "telemetry"]

X = torch.randn(6, 4, generator=torch.Generator().manual_seed(1))
STAGES = ["feature_extraction", "inference", "post_processing"]


def _net(*last, outputs=3):
    torch.manual_seed(2)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, outputs), *last).eval()


def _registered(model):
    otelml.register_model(model, name="loan", version="3", task="classification")
    return model


class Two(nn.Module):
    """A module of an application's, whose end nothing tells."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(4, 1)

    def forward(self, rows, *, scale=1.0):
        return self.inner(rows) * scale


def _likeliest(chances):
    return [str(i) for i in chances.argmax(1).tolist()], chances.max(1).values.tolist(), None


def _second(margins):
    p = torch.sigmoid(margins).ravel()
    return (
        [str(int(v > 0.5)) for v in p.tolist()], torch.maximum(p, 1 - p).tolist(), None,
    )  # fmt: skip


CASES = {
    "softmax": (lambda: _net(nn.Softmax(1)), _likeliest),
    "log softmax": (lambda: _net(nn.LogSoftmax(1)), lambda out: _likeliest(out.exp())),
    "sigmoid": (lambda: _net(nn.Sigmoid(), outputs=1), lambda out: _second(torch.logit(out))),
    "logits": (lambda: _registered(_net()), lambda out: _likeliest(out.softmax(1))),
    "one logit": (lambda: _registered(_net(outputs=1)), _second),
    "values": (lambda: _net(outputs=1), lambda out: ([], [], out.ravel().tolist())),
    "values of an own module": (Two, lambda out: ([], [], out.ravel().tolist())),
    "several outputs": (_net, lambda _: ([], [], None)),
    "several labels": (lambda: _net(nn.Sigmoid()), lambda _: ([], [], None)),
    "scripted": (lambda: torch.jit.script(_net(nn.Softmax(1))), _likeliest),
    "compiled": (
        lambda: torch.compile(_net(nn.Softmax(1)), backend="eager"), _likeliest,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_what_a_forward_says(case, mode, seen):
    """Labels, values and confidences by the definition of the last function; outputs as they are."""
    make, says = CASES[case]
    model = make()
    with mode():
        output = model(X)
        with otelml.not_serving():
            assert torch.equal(output, model(X))
    ((record, results),) = seen()
    labels, confidences, values = says(output)
    assert (record.rows, record.framework) == (6, "torch")
    assert list(results.labels) == labels
    kept = [] if results.confidences is None else results.confidences
    np.testing.assert_allclose(kept, confidences, rtol=1e-5)
    if values is None:
        assert results.values is None
    else:
        np.testing.assert_allclose(results.values, values, rtol=1e-5)


def test_one_row_without_a_batch(seen):
    """A vector is one row of features."""
    with torch.no_grad():
        _registered(nn.Linear(4, 3))(X[0])
    ((record, results),) = seen()
    assert (record.rows, len(results.labels)) == (1, 1)


def test_training_predicts_for_nobody(telemetry):
    """Steps, validation of what an optimizer trains, a frozen part, tracing and export."""
    model, part = _net(), _net(outputs=4)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for _ in range(2):
        model.train()
        with torch.no_grad():
            optimizer.zero_grad()
        model(part(X)).sum().backward()
        optimizer.step()
        model.eval()
        with torch.no_grad():
            model(X)
    del optimizer
    with torch.no_grad():
        torch.jit.trace(part, X[:1])
        torch.export.export(part, (X[:1],))
    telemetry.flush()
    assert telemetry.predictions() == []


def test_a_request_is_one_prediction_of_three_stages(telemetry):
    """Without ``no_grad`` too, where the module is in evaluation mode."""
    model = _registered(_net())
    app = flask.Flask("served")

    @app.get("/")
    def view():
        with torch.inference_mode():
            model(X[:1])
        model(X[:1])
        return "ok"

    choice.instrument_app(app, Config())
    app.test_client().get("/")
    telemetry.flush()
    (span,) = telemetry.predictions()
    spans = telemetry.spans()
    below = [s for s in spans if s.parent and s.parent.span_id == span.context.span_id]
    assert [s.name for s in sorted(below, key=lambda s: s.start_time)] == STAGES
    assert span.attributes["ml.model.version"] == "3"


def test_tensors_of_a_device_are_not_copied(seen):
    """Tensors without memory here stand for those of a GPU: rows, and no values."""
    model = nn.Linear(4, 3, device="meta")
    with torch.no_grad():
        model(torch.empty(5, 4, device="meta"))
    ((record, results),) = seen()
    assert (record.rows, list(results.labels), results.values) == (5, [], None)
    assert "outputs on a device are not copied; set_result can say them" in results.problems


def test_tokens_are_no_features(seen):
    """Whole numbers of a tensor mean nothing by their size."""
    with torch.no_grad():
        nn.Embedding(10, 2)(torch.tensor([[1, 2], [3, 4]]))
    ((record, _),) = seen()
    assert record.rows == 2


def test_modules_are_copied_and_pickled_as_ever(telemetry):
    """Nothing is added to a module."""
    model = Two()
    with torch.no_grad():
        output = model(X)
        for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
            assert vars(twin).keys() == vars(model).keys()
            assert torch.equal(twin(X), output)
    telemetry.flush()
    assert len(telemetry.predictions()) == 3


def test_all_is_put_back():
    """Afterwards a call is PyTorch's own again."""
    from otelml.testing import capture

    before = nn.Module.__call__
    with capture(Config(system=False)):
        assert nn.Module.__call__ is not before
    assert nn.Module.__call__ is before


def test_a_generated_text_is_one_prediction(telemetry):
    """One forward a token is not one prediction a token."""
    from otelml.instrumentors.torch import TorchInstrumentor

    class GenerationMixin:
        def generate(self, inputs):
            with torch.no_grad():
                return [self(inputs) for _ in range(3)]

    class Text(Two, GenerationMixin):
        pass

    module = type("transformers.generation.utils", (), {"GenerationMixin": GenerationMixin})
    TorchInstrumentor()._generation(module)
    Text()(X)
    Text().generate(X)
    telemetry.flush()
    assert [s.name for s in telemetry.predictions()] == ["predict Text"]
