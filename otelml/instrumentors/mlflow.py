"""MLflow: ``predict`` of a ``pyfunc`` model is a prediction, named as the registry names it."""

from __future__ import annotations

import re
import weakref
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from otelml import _guard
from otelml._records.model import ModelInfo
from otelml._records.results import Answer
from otelml.instrumentors.inside import quiet
from otelml.instrumentors.library import Arguments, Asked, ModelLibrary
from otelml.instrumentors.patch import Function, as_wrapper
from otelml.instrumentors.sklearn.identity import describe as describe_estimator

__all__ = ["MLflowInstrumentor"]

_path: ContextVar[str] = ContextVar("otelml-mlflow-path", default="")

_REGISTERED = re.compile(r"models:/+([^/@]+)[/@]([^/]+)$")
_META_FILE = "registered_model_meta"
_META = re.compile(r"^(model_name|model_version): *'?\"?([^'\"\n]+)", re.MULTILINE)
_MATRIX = 2


class MLflowInstrumentor(ModelLibrary):
    """Reports ``PyFuncModel.predict``.

    Name and version are those under which the registry gave the model (``models:/loan/3``), else
    what MLflow's own metadata say. The model inside is part of the call; it says which are its
    classes, and where inference starts.
    """

    framework = "mlflow"
    requirement = "mlflow >= 2.9"

    def __init__(self) -> None:
        super().__init__()
        if "loaded" not in self.__dict__:
            # by id(), as such models cannot be hashed
            self.loaded: dict[int, tuple[weakref.ref[Any], str, str]] = {}

    def _conflict(self) -> str:
        return ""  # mlflow-skinny is another distribution of the same package

    def modules(self) -> dict[str, Callable[[Any], None]]:
        """Return what to do with each module."""
        return {"mlflow.pyfunc": self._pyfunc, "mlflow.models.model": self._models}

    def _models(self, module: Any) -> None:
        log = vars(module.Model).get("log")
        if isinstance(log, classmethod):  # it tries the model on its example
            self.patches.replace(module.Model, "log", classmethod(quiet(log.__func__)))

    def _pyfunc(self, module: Any) -> None:
        self.predicts(module.PyFuncModel, "predict", _ask, self.read)
        self.patches.wrap(module, "_download_artifact_from_uri", self._finding)
        self.patches.wrap(module, "load_model", self._loading)

    def _finding(self, original: Function) -> Function:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            path = original(*args, **kwargs)
            _path.set(str(path))
            return path

        return as_wrapper(wrapper, original)

    def _loading(self, original: Function) -> Function:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            token = _path.set("")
            try:
                model = original(*args, **kwargs)
                uri = args[0] if args else kwargs.get("model_uri", "")
                _guard.call(self.framework, self._note, model, str(uri), _path.get())
            finally:
                _path.reset(token)
            return model

        return as_wrapper(wrapper, original)

    def _note(self, model: Any, uri: str, path: str) -> None:
        match = _REGISTERED.match(uri)
        if match is None:
            return
        written = Path(path, _META_FILE)
        told: dict[str, str] = (
            dict(_META.findall(written.read_text("utf-8"))) if path and written.is_file() else {}
        )
        name = told.get("model_name", match[1])
        version = told.get("model_version", match[2]).strip()
        key = id(model)
        self.loaded[key] = (
            weakref.ref(model, lambda _: self.loaded.pop(key, None)), name.strip(), version,
        )  # fmt: skip

    def read(self, _model: Any, _asked: Asked, result: Any, info: ModelInfo) -> Any:
        """Return what an output says."""
        to_numpy = getattr(result, "to_numpy", None)
        output = result if to_numpy is None else to_numpy()
        shape: tuple[int, ...] = getattr(output, "shape", ())
        if len(shape) == _MATRIX and shape[1] == len(info.classes or ()) > 1:
            return Answer(probabilities=output, classes=info.classes)
        return output

    def describe(self, model: Any) -> Mapping[str, Any]:
        """Return what telemetry says of a loaded model."""
        found = self.loaded.get(id(model))
        _, name, version = found if found and found[0]() is model else (None, "", "")
        raw = _guard.quietly(_raw, model)
        facts = describe_estimator(raw) if hasattr(raw, "predict") else {}
        names = _guard.quietly(lambda: model.metadata.get_input_schema().input_names())
        return {
            "class_name": type(model).__name__,
            "name": name,
            "version": version,
            "task": facts.get("task"),
            "classes": facts.get("classes"),
            "feature_names": tuple(map(str, names)) if names else facts.get("feature_names"),
            "is_fitted": True,
        }


def _raw(model: Any) -> Any:
    return model.get_raw_model()


def _ask(_model: Any, given: Arguments) -> Asked | None:
    return Asked(given.get("data"))
