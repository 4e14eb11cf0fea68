"""CatBoost: calls of its models are predictions; they are no estimators of scikit-learn's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from otelml import _guard
from otelml._records.results import Answer
from otelml.instrumentors import scores
from otelml.instrumentors.arrays import Shape
from otelml.instrumentors.library import Arguments, Asked, ModelLibrary

__all__ = ["CatBoostInstrumentor"]

_MOST_CELLS = 100_000  # of a Pool, whose rows can only be had as a copy of all of them
_CLASSES = ("CatBoost", "CatBoostClassifier", "CatBoostRegressor", "CatBoostRanker")
_SILENT = ("fit", "score", "eval_metrics", "calc_feature_statistics", "plot_predictions",
           "select_features", "get_feature_importance", "grid_search", "randomized_search",
           "staged_predict", "staged_predict_proba", "staged_predict_log_proba")  # fmt: skip
_RAW, _LABELS, _CHANCES, _LOGS = "RawFormulaVal", "Class", "Probability", "LogProbability"
_UNCERTAIN = "RMSEWithUncertainty"
_FORMS = {"predict_proba": _CHANCES, "predict_log_proba": _LOGS}
# Whose raw values are logarithms of what they predict.
_LINKED = ("Poisson", "Tweedie", "LogLinQuantile", "Cox", "SurvivalAft")


class CatBoostInstrumentor(ModelLibrary):
    """Reports ``predict``, ``predict_proba``, ``predict_log_proba`` and
    ``virtual_ensembles_predict`` of ``CatBoost`` and its classes.

    Leaf indices, feature importances and staged predictions are no predictions.
    """  # noqa: D205 - the names do not fit one line

    framework = "catboost"
    requirement = "catboost >= 1.0"

    def modules(self) -> dict[str, Callable[[Any], None]]:
        """Return what to do with each module."""
        return {"catboost.core": self._core}

    def _core(self, module: Any) -> None:
        for name in _CLASSES:
            owner = getattr(module, name, None)
            if owner is None:
                continue
            for method in ("predict", *_FORMS):
                self.predicts(owner, method, self._asking(owner, method), self.read)
            self.predicts(owner, "virtual_ensembles_predict", _ask_ensembles, _read_ensembles)
            self.silences(owner, *_SILENT)
        self.silences(module, "cv")

    @staticmethod
    def _asking(owner: Any, method: str) -> Callable[[Any, Arguments], Asked | None]:
        usual = _FORMS.get(method)
        if usual is None:
            usual = _LABELS if owner.__name__ == "CatBoostClassifier" else _RAW

        def ask(model: Any, given: Arguments) -> Asked | None:
            form = given.get("prediction_type") or _guard.quietly(_usual, model) or usual
            return Asked(_rows(given), usual if method in _FORMS else form)

        return ask

    def read(self, model: Any, asked: Asked, result: Any, _info: Any) -> Answer:
        """Return what an output says."""
        facts = self.facts(model)
        classes, loss, form = facts["classes"], facts["loss"], asked.form
        if form == _LABELS:
            return scores.answer(scores.LABELS, result, classes)
        if form in (_CHANCES, _LOGS):
            chances = np.exp(result) if form == _LOGS else result
            if loss.startswith(("MultiLogloss", "MultiCrossEntropy")):
                return Answer(left_out="probabilities of several labels a row; they are left out")
            return scores.answer(scores.MULTICLASS, chances, classes)
        if form == _UNCERTAIN:
            return Answer(value=np.atleast_2d(result)[:, 0])
        if classes is not None and form == _RAW:
            kind = scores.BINARY if len(classes) == 2 else scores.MULTICLASS  # noqa: PLR2004 - two
            if loss.startswith("MultiClassOneVsAll"):
                kind = scores.EACH_CLASS
            return scores.answer_of_margins(kind, result, classes)
        if form == _RAW and loss.startswith(_LINKED):
            return Answer(left_out="raw values of this loss are no predictions; left out")
        return scores.answer(scores.VALUES, result, None)

    def describe(self, model: Any) -> Mapping[str, Any]:
        """Return what telemetry says of a model."""
        fitted = bool(model.is_fitted())
        classes = tuple(np.asarray(model.classes_).tolist()) if fitted else ()
        parameters = model.get_all_params() if fitted else {}
        names = model.feature_names_ if fitted else None
        loss = str(parameters.get("loss_function", ""))
        ranks = type(model).__name__ == "CatBoostRanker"
        task = "classification" if classes else None if ranks else "regression"
        return {
            "class_name": type(model).__name__,
            "task": task,
            "classes": classes or None,
            "feature_names": tuple(map(str, names)) if names else None,
            "n_features": len(names) if names else None,
            "loss": loss,
        }


def _usual(model: Any) -> str | None:
    return model._get_default_prediction_type()  # type: ignore[no-any-return] # noqa: SLF001 - of regressors, told nowhere else


def _rows(given: Arguments) -> Any:
    data = given.get("data", given.get("X"))
    if hasattr(data, "num_row"):
        shape = int(data.num_row()), int(data.num_col())
        small = shape[0] * shape[1] <= _MOST_CELLS
        found = _guard.quietly(data.get_features) if small else None  # refused with categories
        return Shape(data, shape) if found is None else np.asarray(found)
    if isinstance(data, np.ndarray) and data.ndim == 1:
        return data.reshape(1, -1)
    if isinstance(data, list) and data and not hasattr(data[0], "__len__"):
        return [data]
    return data if not isinstance(data, str) else None


def _ask_ensembles(_model: Any, given: Arguments) -> Asked | None:
    return Asked(_rows(given))


def _read_ensembles(*_: Any) -> Answer:
    return Answer(left_out="outputs of virtual ensembles are left out")
