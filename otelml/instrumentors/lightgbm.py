"""LightGBM: calls of ``Booster.predict`` are predictions.

Those of its scikit-learn API are seen by the instrumentor of scikit-learn, whose estimators they
are, and what they call here is inside of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from os import PathLike
from typing import Any

from otelml._records.results import Answer
from otelml.instrumentors import scores
from otelml.instrumentors.arrays import readable
from otelml.instrumentors.library import Arguments, Asked, ModelLibrary

__all__ = ["LightGBMInstrumentor"]

_EXPLANATIONS = ("pred_leaf", "pred_contrib")
KINDS = {
    "binary": scores.BINARY,
    "multiclass": scores.MULTICLASS,
    "multiclassova": scores.EACH_CLASS,
    "regression": scores.VALUES,
    "regression_l1": scores.VALUES,
    "huber": scores.VALUES,
    "fair": scores.VALUES,
    "quantile": scores.VALUES,
    "mape": scores.VALUES,
    "lambdarank": scores.VALUES,
    "rank_xendcg": scores.VALUES,
}
_CLASSIFIES = (scores.BINARY, scores.MULTICLASS, scores.EACH_CLASS)
_OBJECTIVE = re.compile(r"^objective=(\w+)(.*)$", re.MULTILINE)
_SIGMOID = re.compile(r"sigmoid:([\d.e+-]+)")


class LightGBMInstrumentor(ModelLibrary):
    """Reports ``Booster.predict``. Leaf indices and contributions are no predictions."""

    framework = "lightgbm"
    requirement = "lightgbm >= 3.3"

    def modules(self) -> dict[str, Callable[[Any], None]]:
        """Return what to do with each module."""
        return {
            "lightgbm.basic": self._basic,
            **dict.fromkeys(("lightgbm.engine", "lightgbm.sklearn", "lightgbm"), self._training),
        }

    def _basic(self, module: Any) -> None:
        self.predicts(module.Booster, "predict", _ask, self.read)
        self.silences(module.Booster, "update", "eval", "eval_train", "eval_valid", "refit")

    def _training(self, module: Any) -> None:
        self.silences(module, "train", "cv")

    def read(self, model: Any, asked: Asked, result: Any, _info: Any) -> Answer:
        """Return what an output says."""
        facts = self.facts(model)
        kind = KINDS.get(facts["objective"], scores.LINKED_VALUES)
        if asked.form != "raw_score":
            return scores.answer(kind, result, facts["classes"])
        scaled = result * facts["sigmoid"] if kind in (scores.BINARY, scores.EACH_CLASS) else result
        return scores.answer_of_margins(kind, scaled, facts["classes"])

    def describe(self, model: Any) -> Mapping[str, Any]:
        """Return what telemetry says of a ``Booster``."""
        found = _OBJECTIVE.search(model.model_to_string(num_iteration=1))
        objective, rest = (found[1], found[2]) if found else ("", "")
        kind = KINDS.get(objective)
        classified = kind in _CLASSIFIES
        number = 2 if kind == scores.BINARY else int(model.num_model_per_iteration())
        sigmoid = _SIGMOID.search(rest)
        return {
            "class_name": type(model).__name__,
            "task": "classification" if classified else _task(objective),
            "classes": tuple(range(number)) if classified else None,
            "feature_names": tuple(model.feature_name()),
            "n_features": int(model.num_feature()),
            "objective": objective,
            "sigmoid": float(sigmoid[1]) if sigmoid else 1.0,
        }


def _task(objective: str) -> str | None:
    return None if objective in ("lambdarank", "rank_xendcg") else "regression"


def _ask(_model: Any, given: Arguments) -> Asked | None:
    if any(given.get(name) for name in _EXPLANATIONS):
        return None
    data = given.get("data")
    rows = None if isinstance(data, (str, PathLike)) else readable(data)  # a file: rows unknown
    return Asked(rows, "raw_score" if given.get("raw_score") else "")
