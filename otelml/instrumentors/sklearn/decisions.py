"""How a classifier comes from probabilities to labels: not always by the largest one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from otelml.instrumentors.sklearn.identity import derives, describe, final_estimator

_Columns = npt.NDArray[np.intp]
Decision = str | Callable[[Any, Any], _Columns | str] | None

# Whose own classes take the class of the largest probability, but for the ones below.
_PACKAGES = frozenset(("sklearn", "imblearn", "xgboost", "lightgbm", "catboost"))
_OWN_SCORES = frozenset(("SVC", "NuSVC", "NearestCentroid", "RadiusNeighborsClassifier"))
_RANDOM = frozenset(("stratified", "uniform"))
_INNER = ("estimator_", "final_estimator_")  # self-training, feature elimination; stacking
_DELEGATES = frozenset(("SelfTrainingClassifier", "RFE", "RFECV", "StackingClassifier"))
_THRESHOLD = "BaseThresholdClassifier"
_THRESHOLD_MODULE = "sklearn.model_selection._classification_threshold"
_SEVERAL = "probabilities are of several labels a row; they are left out"


def decision_of(model: Any) -> Decision:
    """Return how the labels of a fitted model follow from its probabilities.

    Returns:
        None where the largest wins; a function of the model and its probabilities, shape (rows,
        classes), that returns a column a row, or why it cannot; or only why they do not follow.
    """
    return _decision(final_estimator(model), 0)


def _decision(final: Any, depth: int) -> Decision:
    name = type(final).__name__
    if _is_multilabel(final):
        return _SEVERAL
    if derives(type(final), _THRESHOLD, _THRESHOLD_MODULE):
        return by_threshold
    if describe(final)["task"] not in ("classification", None):
        return None
    owner = next((base for base in type(final).__mro__ if "predict" in vars(base)), None)
    if owner is not None and owner.__module__.partition(".")[0] not in _PACKAGES:
        return _reason(name)
    random = name == "DummyClassifier" and getattr(final, "strategy", None) in _RANDOM
    # this loss may give all classes the same probability, whose margins differ
    clipped = name == "SGDClassifier" and getattr(final, "loss", None) == "modified_huber"
    if name in _OWN_SCORES or random or clipped:
        return _reason(name)
    inside = _inside(final, name)
    if inside is not None and depth < 8:  # noqa: PLR2004 - deep enough
        # A threshold inside cuts one column of its own, not those of the whole.
        found = _decision(final_estimator(inside), depth + 1)
        return found if found is None or isinstance(found, str) else _reason(name)
    return None


def _reason(name: str) -> str:
    return f"probabilities of {name} do not tell its labels; they are left out without predict"


def _inside(final: Any, name: str) -> Any:
    if name == "OneVsRestClassifier":
        estimators = getattr(final, "estimators_", None)
        return estimators[0] if estimators else None
    if name not in _DELEGATES:
        return None
    return next((getattr(final, place) for place in _INNER if hasattr(final, place)), None)


def _is_multilabel(final: Any) -> bool:
    binarizer = getattr(final, "_label_binarizer", None)  # of networks, which have no public word
    kind = getattr(binarizer, "y_type_", "")
    several = isinstance(getattr(final, "classes_", None), list)
    return several or getattr(final, "multilabel_", False) is True or kind.startswith("multilabel")


def by_threshold(model: Any, probabilities: Any) -> _Columns | str:
    """Return the columns that a ``FixedThresholdClassifier`` or a tuned one decides for."""
    final = final_estimator(model)
    methods = final._get_response_method()  # noqa: SLF001 - how it resolves "auto" is told nowhere else
    if methods != "predict_proba" and "predict_proba" not in methods[:1]:
        return f"{type(final).__name__} cuts {methods}, not probabilities; they are left out"
    if hasattr(final, "best_threshold_"):
        threshold = final.best_threshold_
        wanted = final._curve_scorer._get_pos_label()  # noqa: SLF001 - as above
    else:
        threshold = 0.5 if final.threshold == "auto" else final.threshold
        wanted = final.pos_label
    classes = list(final.classes_)
    positive = 1 if wanted is None else classes.index(wanted)
    return np.where(probabilities[:, positive] >= threshold, positive, 1 - positive)
