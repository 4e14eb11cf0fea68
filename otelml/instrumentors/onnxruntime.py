"""ONNX Runtime: runs of an ``InferenceSession`` are predictions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Any, Final

import numpy as np

from otelml import _guard
from otelml._records.model import ModelInfo
from otelml._records.results import Answer
from otelml.instrumentors import scores
from otelml.instrumentors.arrays import Shape, readable
from otelml.instrumentors.library import Arguments, Asked, ModelLibrary

__all__ = ["OnnxRuntimeInstrumentor"]

_MODULE: Final = "onnxruntime.capi.onnxruntime_inference_collection"
_LARGEST_VERSION: Final = 2**31  # converters write nonsense where nobody gave one
_MOST_CELLS: Final = 100_000
_LABELS: Final = ("tensor(int64)", "tensor(int32)", "tensor(string)", "tensor(bool)")


class OnnxRuntimeInstrumentor(ModelLibrary):
    """Reports ``run``, ``run_with_ort_values`` and ``run_with_iobinding``.

    A model is named after its file. What a binding holds is not read, nor what is on a device.
    """

    framework = "onnxruntime"
    requirement = "onnxruntime >= 1.14"

    def _conflict(self) -> str:
        return ""  # several distributions bring it: onnxruntime, onnxruntime-gpu and others

    def modules(self) -> dict[str, Callable[[Any], None]]:
        """Return what to do with each module."""
        return {_MODULE: self._sessions}

    def _sessions(self, module: Any) -> None:
        session = module.Session
        self.predicts(session, "run", self._ask, self.read)
        self.predicts(session, "run_with_ort_values", self._ask, self.read)
        self.predicts(session, "run_with_iobinding", _ask_bound, _unread)

    def _ask(self, _model: Any, given: Arguments) -> Asked | None:
        feed = given.get("input_feed", given.get("input_dict_ort_values"))
        names = given.get("output_names")
        return Asked(_rows(feed), "\n".join(names) if names else "")

    def read(self, model: Any, asked: Asked, result: Any, info: ModelInfo) -> Answer:
        """Return what the outputs say, whatever a converter of models has named them."""
        facts = self.facts(model)
        names = asked.form.split("\n") if asked.form else facts["outputs"]
        outputs = dict(zip(names, result, strict=False))
        return read_outputs(outputs, info, has_labels=facts["has_labels"])

    def describe(self, model: Any) -> Mapping[str, Any]:
        """Return what telemetry says of a session."""
        facts = model.get_modelmeta()
        path = getattr(model, "_model_path", None)
        stem = PurePath(path).stem if path else ""
        version, outputs = int(facts.version), model.get_outputs()
        return {
            "class_name": type(model).__name__,
            "name": stem or facts.graph_name,
            "version": str(version) if 0 < version < _LARGEST_VERSION else "",
            "is_fitted": True,
            "outputs": [output.name for output in outputs],
            "has_labels": any(output.type in _LABELS for output in outputs),
        }


def _ask_bound(_model: Any, _given: Arguments) -> Asked:
    return Asked(None)


def _unread(*_: Any) -> Answer:
    return Answer(left_out="outputs that are bound to memory are not read; left out")


def _rows(feed: Any) -> Any:
    if not isinstance(feed, Mapping) or not feed:
        return None
    arrays = {name: readable(value) for name, value in feed.items()}
    first = next(iter(arrays.values()))
    if len(arrays) == 1:
        return first
    return _guard.quietly(_columns, arrays) or (
        None if not getattr(first, "shape", None) else Shape(first, (first.shape[0], len(arrays)))
    )


def _columns(arrays: dict[str, Any]) -> list[dict[str, Any]] | None:
    """Return the rows of inputs that are one column each; None where some are not."""
    shapes = {tuple(array.shape) for array in arrays.values()}
    rows = next(iter(shapes))[0]
    one = all(isinstance(a, np.ndarray) and a.size == rows for a in arrays.values())
    if not one or rows * len(arrays) > _MOST_CELLS:
        return None
    columns = {name: array.ravel().tolist() for name, array in arrays.items()}
    return [{name: column[i] for name, column in columns.items()} for i in range(rows)]


def read_outputs(outputs: Mapping[str, Any], info: ModelInfo, *, has_labels: bool) -> Answer:
    """Return what the outputs of a session say.

    Args:
        outputs: By name: arrays, or a list of one mapping of label to probability a row.
        info: Of the model.
        has_labels: Whether the model can give labels, whose names nothing else tells.
    """
    labels = numbers = chances = classes = None
    for output in map(readable, outputs.values()):
        if isinstance(output, list) and output and isinstance(output[0], Mapping):
            classes = tuple(output[0])
            chances = np.array([[row[name] for name in classes] for row in output], np.float64)
        elif _is_label(output):
            labels = output if labels is None else labels
        elif isinstance(output, np.ndarray) and output.ndim and output.dtype.kind == "f":
            numbers = output if numbers is None else numbers
    if labels is not None:
        flat = np.asarray(labels).reshape(-1)
        if chances is None and numbers is not None and _are_chances(numbers, flat):
            chances = numbers
        return Answer(label=flat, probabilities=chances, classes=classes or info.classes)
    if chances is not None:
        return Answer(probabilities=chances, classes=classes)
    if numbers is None:
        return Answer(left_out="outputs that are no arrays in memory are left out")
    if has_labels and info.classes is None and numbers.ndim == 2:  # noqa: PLR2004 - a matrix
        return Answer(probabilities=numbers) if scores.are_probabilities(numbers) else _NAMELESS
    return scores.of_network(numbers, info, "")


_NAMELESS: Final = Answer(left_out="scores whose labels were not asked for are left out")


def _is_label(output: Any) -> bool:
    one = isinstance(output, np.ndarray) and output.ndim and output.size == len(output)
    return bool(one) and output.dtype.kind in "iubOUS"


def _are_chances(numbers: Any, labels: Any) -> bool:
    return numbers.ndim == 2 and len(numbers) == len(labels) and scores.are_probabilities(numbers)  # noqa: PLR2004 - a matrix
