"""Keras 3: ``predict`` of a model, and inside a request its call, are predictions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from otelml._records.model import ModelInfo
from otelml._records.results import Answer
from otelml._requests import is_in_request
from otelml.instrumentors import scores
from otelml.instrumentors.arrays import Shape, readable
from otelml.instrumentors.library import Arguments, Asked, ModelLibrary

__all__ = ["KerasInstrumentor"]

_SILENT = ("fit", "evaluate", "train_on_batch", "test_on_batch")
_KNOWN = ("softmax", "log_softmax", "sigmoid", "linear")
_ITERATED = ("Dataset", "PyDataset", "DataLoader", "generator")


class KerasInstrumentor(ModelLibrary):
    """Reports ``predict`` and ``predict_on_batch``, on any backend, and calls inside a request.

    Outside a request a call builds another model, or trains one: it is no prediction there.
    """

    framework = "keras"
    requirement = "keras >= 3.0"

    def modules(self) -> dict[str, Callable[[Any], None]]:
        """Return what to do with each module."""
        return {"keras.src.models.model": self._models}

    def _models(self, module: Any) -> None:
        model = module.Model
        for name in ("predict", "predict_on_batch"):
            self.predicts(_owner(model, name), name, _ask, self.read)
        for name in _SILENT:
            self.silences(_owner(model, name), name)
        if "__call__" not in vars(model):
            original = model.__call__
            wrapper = self.model_call(original, "__call__", _ask_call, self.read, ("x",))
            self.patches.replace(model, "__call__", wrapper)

    def read(self, model: Any, _asked: Asked, result: Any, info: ModelInfo) -> Answer:
        """Return what an output says."""
        output = readable(result)
        if isinstance(output, Shape):
            return Answer(left_out="outputs on a device are not copied; set_result can say them")
        if getattr(output, "ndim", 0) < 1:
            return Answer(left_out=f"a {type(result).__name__} is no output a row; left out")
        return scores.of_network(output, info, self.facts(model)["last"])

    def describe(self, model: Any) -> Mapping[str, Any]:
        """Return what telemetry says of a model: ``name`` is what Keras made up for it."""
        layers = getattr(model, "layers", None) or [None]
        activation = getattr(getattr(layers[-1], "activation", None), "__name__", "")
        activation = activation or type(layers[-1]).__name__.lower()
        last = activation if activation in _KNOWN else ""
        units = (getattr(model, "output_shape", None) or (None,))[-1]
        task, classes = None, None
        if last in ("softmax", "log_softmax") and isinstance(units, int):
            task, classes = "classification", tuple(range(units))
        elif last == "sigmoid" and units == 1:
            task, classes = "classification", (0, 1)
        return {
            "class_name": type(model).__name__,
            "task": task,
            "classes": classes,
            "is_fitted": bool(getattr(model, "built", True)),
            "last": last,
        }


def _owner(model: type, name: str) -> type | None:
    return next((base for base in model.__mro__ if name in vars(base)), None)


def _ask(_model: Any, given: Arguments) -> Asked | None:
    data = given.get("x")
    if type(data).__name__ in _ITERATED or hasattr(data, "__next__"):
        return Asked(None)
    return Asked(_rows(data))


def _ask_call(_model: Any, given: Arguments) -> Asked | None:
    data = next(iter(given.values()), None)
    if not is_in_request() or given.get("training") or _is_symbolic(data):
        return None
    return Asked(_rows(data))


def _is_symbolic(data: Any) -> bool:
    name = type(data).__name__
    return name == "KerasTensor" or (
        name in ("Tensor", "SymbolicTensor") and not hasattr(data, "numpy")
    )


def _rows(data: Any) -> Any:
    if isinstance(data, Mapping):
        data = next(iter(data.values()), None)
    elif isinstance(data, (list, tuple)) and data and hasattr(data[0], "shape"):
        data = data[0]  # several inputs
    return readable(data)
