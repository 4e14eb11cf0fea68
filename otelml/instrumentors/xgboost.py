"""XGBoost: calls of ``Booster`` are predictions.

Those of its scikit-learn API are seen by the instrumentor of scikit-learn, whose estimators they
are, and what they call here is inside of them.
"""

from __future__ import annotations

import json
import sys
import weakref
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from otelml import _guard
from otelml._records.results import Answer
from otelml._requests import forget
from otelml.instrumentors import scores
from otelml.instrumentors.arrays import Shape, readable
from otelml.instrumentors.library import Arguments, Asked, ModelLibrary
from otelml.instrumentors.patch import Function, as_wrapper

__all__ = ["XGBoostInstrumentor"]

_MOST_CELLS = 100_000  # of a DMatrix, whose rows can only be had as a copy of all of them
_EXPLANATIONS = ("pred_leaf", "pred_contribs", "approx_contribs", "pred_interactions")
KINDS = {
    "binary:logistic": scores.BINARY,
    "multi:softprob": scores.MULTICLASS,
    "multi:softmax": scores.LABELS,
    "binary:hinge": scores.LABELS,
    "reg:squarederror": scores.VALUES,
    "reg:absoluteerror": scores.VALUES,
    "reg:pseudohubererror": scores.VALUES,
    "reg:quantileerror": scores.VALUES,
    "reg:expectileerror": scores.VALUES,
    "rank:ndcg": scores.VALUES,
    "rank:map": scores.VALUES,
    "rank:pairwise": scores.VALUES,
}
_MARGINS_ONLY = "binary:logitraw"
_CLASSIFIES = (scores.BINARY, scores.MULTICLASS, scores.LABELS)
_ON_DEVICE = ("cupy", "cudf", "torch", "numba")


class XGBoostInstrumentor(ModelLibrary):
    """Reports ``Booster.predict`` and ``Booster.inplace_predict``.

    Leaf indices, contributions, interactions and what training asks for are no predictions.
    """

    framework = "xgboost"
    requirement = "xgboost >= 1.7"

    def __init__(self) -> None:
        super().__init__()
        self._hosted: weakref.WeakSet[Any] = getattr(self, "_hosted", None) or weakref.WeakSet()

    def _conflict(self) -> str:
        # xgboost-cpu is another distribution of the same package
        return "" if "xgboost" in sys.modules else super()._conflict()

    def modules(self) -> dict[str, Callable[[Any], None]]:
        """Return what to do with each module."""
        return {
            "xgboost.core": self._core,
            "xgboost.callback": self._callbacks,
            **dict.fromkeys(("xgboost.training", "xgboost.sklearn", "xgboost"), self._training),
        }

    def _core(self, module: Any) -> None:
        booster = module.Booster
        self.predicts(booster, "predict", self._ask, self.read)
        self.predicts(booster, "inplace_predict", self._ask, self.read)
        self.silences(booster, "update", "boost", "eval", "eval_set")
        self.patches.wrap(booster, "load_model", _forgetting)
        self.patches.wrap(module.DMatrix, "__init__", self._noting)

    def _callbacks(self, module: Any) -> None:
        for name in ("before_training", "after_training", "before_iteration", "after_iteration"):
            self.silences(getattr(module, "CallbackContainer", None), name)

    def _training(self, module: Any) -> None:
        self.silences(module, "cv")

    def _noting(self, original: Function) -> Function:
        """Remember which matrices were made of data in this process's memory."""

        def wrapper(self_: Any, *args: Any, **kwargs: Any) -> Any:
            done = original(self_, *args, **kwargs)
            data = args[0] if args else kwargs.get("data")
            if self.on and type(data).__module__.partition(".")[0] not in _ON_DEVICE:
                _guard.call(self.framework, self._hosted.add, self_)
            return done

        return as_wrapper(wrapper, original)

    # --- calls ------------------------------------------------------------------------------

    def _ask(self, _model: Any, given: Arguments) -> Asked | None:
        if given.get("training") or any(given.get(name) for name in _EXPLANATIONS):
            return None
        margin = given.get("output_margin") or given.get("predict_type") == "margin"
        return Asked(self._rows(given.get("data")), "margin" if margin else "")

    def _rows(self, data: Any) -> Any:
        if not hasattr(data, "num_row"):
            return readable(data)
        shape = int(data.num_row()), int(data.num_col())
        if shape[0] * shape[1] > _MOST_CELLS or data not in self._hosted:
            return Shape(data, shape)
        dense = _guard.quietly(_dense, data, shape)
        return Shape(data, shape) if dense is None else dense

    def read(self, model: Any, asked: Asked, result: Any, _info: Any) -> Answer:
        """Return what an output says."""
        output = readable(result)
        if output is None or isinstance(output, Shape):
            return Answer(left_out="the output is not in memory; it is left out")
        facts = self.facts(model)
        objective, classes = facts["objective"], facts["classes"]
        if objective == _MARGINS_ONLY:
            return scores.answer_of_margins(scores.BINARY, output, (0, 1))
        kind = KINDS.get(objective, scores.LINKED_VALUES)
        if asked.form != "margin":
            return scores.answer(kind, output, classes)
        if kind == scores.LABELS and len(classes or ()) > 2:  # noqa: PLR2004 - softmax
            kind = scores.MULTICLASS
        return scores.answer_of_margins(kind, output, classes)

    def describe(self, model: Any) -> Mapping[str, Any]:
        """Return what telemetry says of a ``Booster``."""
        learner = json.loads(model.save_config())["learner"]
        objective = learner["objective"]["name"]
        classified = KINDS.get(objective) in _CLASSIFIES or objective == _MARGINS_ONLY
        number = max(2, int(learner["learner_model_param"].get("num_class", 0)))
        return {
            "class_name": type(model).__name__,
            "task": "classification" if classified else _task(objective),
            "classes": tuple(range(number)) if classified else None,
            "feature_names": tuple(model.feature_names) if model.feature_names else None,
            "n_features": int(model.num_features()),
            "objective": objective,
        }


def _task(objective: str) -> str | None:
    return None if objective.startswith("rank:") else "regression"


def _dense(matrix: Any, shape: tuple[int, int]) -> Any:
    """Return the rows of a ``DMatrix``; what is missing in it is NaN."""
    sparse = matrix.get_data()
    rows = np.full(shape, np.nan)
    counts = np.diff(sparse.indptr)
    rows[np.repeat(np.arange(shape[0]), counts), sparse.indices] = sparse.data
    return rows


def _forgetting(original: Function) -> Function:
    """Ask a model anew for its facts, which are those of another file now."""

    def wrapper(self_: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return original(self_, *args, **kwargs)
        finally:
            forget(self_)

    return as_wrapper(wrapper, original)
