"""Keras on the backend that ``KERAS_BACKEND`` names: predict, calls, and training left alone."""

from __future__ import annotations

import flask
import keras
import numpy as np
import pytest

import otelml
from otelml.config import Config
from otelml.instrumentors import choice
from tests.instrumentors.libraries.conftest import seen, telemetry

__all__ = ["seen", "telemetry"]

X = np.random.default_rng(4).normal(size=(12, 4)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int)


def _net(units, activation=None):
    keras.utils.set_random_seed(5)
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(units, activation=activation)])


CASES = {
    "softmax": (lambda: _net(3, "softmax"), lambda o: ([str(i) for i in o.argmax(1)], o.max(1), None)),
    "sigmoid": (
        lambda: _net(1, "sigmoid"),
        lambda o: ([str(int(p > 0.5)) for p in o.ravel()], np.maximum(o, 1 - o).ravel(), None),
    ),
    "value": (lambda: _net(1), lambda o: ([], [], o.ravel())),
    "several outputs": (lambda: _net(2), lambda _: ([], [], None)),
    "several labels": (lambda: _net(2, "sigmoid"), lambda _: ([], [], None)),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("method", ["predict", "predict_on_batch"])
def test_what_predict_says(case, method, seen):
    """By the activation of the last layer; the output is what it is without otelml."""
    make, says = CASES[case]
    model = make()
    quiet = {"verbose": 0} if method == "predict" else {}
    with otelml.not_serving():
        expected = np.asarray(getattr(model, method)(X, **quiet))
    output = getattr(model, method)(X, **quiet)
    np.testing.assert_array_equal(np.asarray(output), expected)
    ((record, results),) = seen()
    labels, confidences, values = says(expected)
    assert (record.rows, record.framework, record.model) == (12, "keras", "Sequential")
    assert list(results.labels) == labels
    kept = [] if results.confidences is None else results.confidences
    np.testing.assert_allclose(kept, confidences, rtol=1e-5)
    if values is None:
        assert results.values is None
    else:
        np.testing.assert_allclose(results.values, values, rtol=1e-5)


def test_training_predicts_for_nobody(telemetry):
    """Building, fitting with validation and a callback that predicts, evaluating, calls outside."""

    class Predicts(keras.callbacks.Callback):
        def on_epoch_end(self, *_):
            self.model.predict(X, verbose=0)

    model = _net(2, "softmax")
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(X, Y, epochs=1, verbose=0, validation_split=0.5, callbacks=[Predicts()])
    model.evaluate(X, Y, verbose=0)
    model.train_on_batch(X, Y)
    model(X)
    keras.Model(model.inputs, model.outputs)
    telemetry.flush()
    assert telemetry.predictions() == []


def test_a_request_is_one_prediction(telemetry):
    """A call inside a request serves; with ``predict`` on the same rows it is one."""
    model = _net(3, "softmax")
    app = flask.Flask("served")

    @app.get("/")
    def view():
        model.predict(X[:1], verbose=0)
        model(X[:1])
        return "ok"

    choice.instrument_app(app, Config())
    app.test_client().get("/")
    telemetry.flush()
    (span,) = telemetry.predictions()
    assert span.attributes["ml.prediction.label"] in "012"


def test_a_data_set_counts_its_rows(seen):
    """What is iterated has its rows by the output."""
    model = _net(3, "softmax")
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        data = tf.data.Dataset.from_tensor_slices(X).batch(5)
    else:
        import torch

        data = torch.utils.data.DataLoader(torch.from_numpy(X), batch_size=5)
    model.predict(data, verbose=0)
    ((record, results),) = seen()
    assert (record.rows, len(results.labels)) == (12, 12)
