"""Cost of each model library's wrapper: a call of one row with otelml, over the same without.

The call is the library's fastest of one row, so the ratio is the worst there is: the wrapper costs
the same for a large model. PyTorch and Keras are measured where they are installed:
they are no part of the environment of the tests (``tests/deep`` makes one).
"""

from __future__ import annotations

import importlib.util
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.harness import Figure, compare
from benchmarks.sides import Ours
from otelml.instrumentors import choice

_PER_RUN = 200
_X = np.random.default_rng(0).normal(size=(200, 8)).astype(np.float32)
_Y = (_X[:, 0] > 0).astype(int)
_ROW = _X[:1]
_TARGET = 3.0
# A call of theirs takes less than otelml's part of any.
_SHORT = {"onnxruntime": 15.0, "statsmodels": 12.0}


def _sklearn() -> Callable[[], Any]:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression().fit(_X, _Y)
    return lambda: model.predict(_ROW)


def _xgboost() -> Callable[[], Any]:
    import xgboost

    matrix = xgboost.DMatrix(_X, _Y)
    model = xgboost.train({"objective": "binary:logistic", "nthread": 1}, matrix, 20)
    return lambda: model.inplace_predict(_ROW)


def _lightgbm() -> Callable[[], Any]:
    import lightgbm

    parameters = {"objective": "binary", "verbose": -1, "num_threads": 1}
    model = lightgbm.train(parameters, lightgbm.Dataset(_X, _Y), 20)
    return lambda: model.predict(_ROW)


def _catboost() -> Callable[[], Any]:
    from catboost import CatBoostClassifier

    model = CatBoostClassifier(iterations=20, verbose=0, allow_writing_files=False, thread_count=1)
    model.fit(_X, _Y)
    return lambda: model.predict_proba(_ROW)


def _onnxruntime() -> Callable[[], Any]:
    import onnxruntime
    from skl2onnx import to_onnx
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression().fit(_X, _Y)
    proto = to_onnx(model, _X[:1], options={id(model): {"zipmap": False}})
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    return lambda: session.run(None, {"X": _ROW})


def _statsmodels() -> Callable[[], Any]:
    import statsmodels.api as sm

    results = sm.Logit(_Y, _X[:, 1:]).fit(disp=0)
    return lambda: results.predict(_ROW[:, 1:])


def _torch() -> Callable[[], Any]:
    import torch

    torch.set_num_threads(1)
    net = torch.nn.Sequential(
        torch.nn.Linear(8, 64), torch.nn.ReLU(), torch.nn.Linear(64, 2), torch.nn.Softmax(1)
    ).eval()
    row = torch.from_numpy(_ROW)

    def call() -> None:
        with torch.inference_mode():
            net(row)

    return call


def _keras() -> Callable[[], Any]:
    import keras

    net = keras.Sequential([
        keras.Input((8,)), keras.layers.Dense(64, "relu"), keras.layers.Dense(2, "softmax"),
    ])  # fmt: skip
    return lambda: net.predict_on_batch(_ROW)


def _mlflow() -> Callable[[], Any]:
    import mlflow
    from mlflow.pyfunc import PythonModel
    from mlflow.types import Schema, TensorSpec

    class Sum(PythonModel):
        # No hints: MLflow takes them for a schema.
        def predict(self, context, model_input, params=None):  # noqa: ARG002 - MLflow's names
            return model_input.sum(axis=1) > 0

    signature = mlflow.models.ModelSignature(Schema([TensorSpec(np.dtype("float32"), (-1, 8))]))
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/model"
        # No requirements: to find them, the model is run in a process of its own.
        mlflow.pyfunc.save_model(path, python_model=Sum(), signature=signature, pip_requirements=[])
        model = mlflow.pyfunc.load_model(path)
    return lambda: model.predict(_ROW)


_CALLS: dict[str, Callable[[], Callable[[], Any]]] = {
    "sklearn": _sklearn,
    "xgboost": _xgboost,
    "lightgbm": _lightgbm,
    "catboost": _catboost,
    "onnxruntime": _onnxruntime,
    "statsmodels": _statsmodels,
    "torch": _torch,
    "keras": _keras,
    "mlflow": _mlflow,
}


def figures(*, quick: bool) -> Iterator[Figure]:
    """Measure the figures of this file.

    Args:
        quick: Whether fewer repeats will do.
    """
    ours = Ours()
    for name, make in _CALLS.items():
        if importlib.util.find_spec(name) is not None:
            yield _figure(name, make(), ours, 3 if quick else 9)
    ours.pipeline.stop(time.monotonic() + 5)


def _figure(name: str, call: Callable[[], Any], ours: Ours, runs: int) -> Figure:
    instrumentor = choice._load(choice.FRAMEWORKS[name].path)

    def work() -> None:
        for _ in range(_PER_RUN):
            call()

    def off() -> None:
        if instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.uninstrument()

    def on() -> None:
        off()
        instrumentor.instrument(skip_dep_check=True)

    figure = compare(
        f"library_{name}",
        work,
        work,
        target=_SHORT.get(name, _TARGET),
        runs=runs,
        per_run=_PER_RUN,
        clock=time.thread_time,
        before_ours=on,
        before_theirs=off,
        after_each=ours.drain,
        note="CPU of the request thread, one row",
    )
    off()
    return figure
