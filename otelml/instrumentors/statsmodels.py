"""statsmodels: ``predict`` of results, for rows that were not in the fit, is a prediction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from otelml import _guard
from otelml._records.model import ModelInfo
from otelml._records.results import Answer
from otelml.instrumentors import scores
from otelml.instrumentors.library import Arguments, Asked, ModelLibrary

__all__ = ["StatsmodelsInstrumentor"]

# Where classes of results define predict(exog) themselves.
_RESULTS = {
    "statsmodels.base.model": ("Results",),
    "statsmodels.gam.generalized_additive_model": ("GLMGamResults",),
    "statsmodels.genmod.bayes_mixed_glm": ("BayesMixedGLMResults",),
    "statsmodels.regression.process_regression": ("ProcessMLEResults",),
}
_USUAL = ("mean", "prob", "response")
_LINEAR = "linear"


class StatsmodelsInstrumentor(ModelLibrary):
    """Reports ``predict(exog)`` of results.

    Without rows of its own, ``predict()`` repeats the fit and is none. Time series forecast steps,
    not rows: those are left to ``otelml.predict``.
    """

    framework = "statsmodels"
    requirement = "statsmodels >= 0.13"

    def modules(self) -> dict[str, Callable[[Any], None]]:
        """Return what to do with each module."""
        return dict.fromkeys(_RESULTS, self._results)

    def _results(self, module: Any) -> None:
        for name in _RESULTS[module.__name__]:
            self.predicts(getattr(module, name, None), "predict", _ask, self.read)

    def read(self, model: Any, asked: Asked, result: Any, _info: ModelInfo) -> Answer:
        """Return what an output says."""
        facts = self.facts(model)
        kind, classes = facts["kind"], facts["classes"]
        if asked.form == _LINEAR:
            if facts["link"] == "Logit" or kind == scores.VALUES:
                return scores.answer_of_margins(kind, np.asarray(result), classes)
            return Answer(left_out="linear predictors of this model are left out")
        if asked.form not in _USUAL:
            return Answer(left_out="this form of predict(which=) is left out")
        return scores.answer(kind, np.asarray(result), classes)

    def describe(self, model: Any) -> Mapping[str, Any]:
        """Return what telemetry says of results: they are named after their model."""
        inner = model.model
        kind, link, classes = _kind(inner)
        formula = getattr(inner, "formula", None) is not None
        names = None if formula else getattr(inner, "exog_names", None)
        return {
            "class_name": type(inner).__name__,
            "task": "regression"
            if kind in (scores.VALUES, scores.LINKED_VALUES)
            else "classification",
            "classes": classes,
            "feature_names": tuple(map(str, names)) if isinstance(names, list) else None,
            "is_fitted": True,
            "kind": kind,
            "link": link,
        }


def _kind(model: Any) -> tuple[str, str, tuple[Any, ...] | None]:
    """Return the kind of output, the link, and the classes of a classifier."""
    names = {base.__name__ for base in type(model).__mro__}
    if "MultinomialModel" in names:
        found = _guard.quietly(lambda: model._ynames_map)  # noqa: SLF001 - told nowhere else
        classes = tuple(found[key] for key in sorted(found)) if found else None
        return scores.MULTICLASS, "", classes
    if "BinaryModel" in names:
        return scores.BINARY, type(model).__name__, (0, 1)
    if "OrderedModel" in names:
        return scores.MULTICLASS, "", tuple(np.asarray(model.labels).tolist())
    family = getattr(model, "family", None)
    if family is not None:
        link = type(getattr(family, "link", None)).__name__
        two = type(family).__name__ == "Binomial" and np.ndim(getattr(model, "endog", 0)) == 1
        if two:
            return scores.BINARY, link, (0, 1)
        return (scores.VALUES if link == "Identity" else scores.LINKED_VALUES), link, None
    counts = "CountModel" in names or "PHReg" in names
    return (scores.LINKED_VALUES if counts else scores.VALUES), "", None


def _ask(_model: Any, given: Arguments) -> Asked | None:
    exog = given.get("exog")
    if exog is None:
        return None
    form = "linear" if given.get("linear") else str(given.get("which") or "mean")
    if isinstance(exog, Mapping):
        exog = _guard.quietly(_frame, exog)
    return Asked(exog, form)


def _frame(columns: Mapping[str, Any]) -> Any:
    import pandas as pd

    frame = pd.DataFrame({name: np.atleast_1d(column) for name, column in columns.items()})
    return frame if len(frame) else None
