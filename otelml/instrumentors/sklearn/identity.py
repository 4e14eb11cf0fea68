"""What an estimator can tell of itself."""

from __future__ import annotations

import sys
from typing import Any

from otelml import _guard

FRAMEWORK = "scikit-learn"
_COMPANIONS = frozenset(("xgboost", "lightgbm", "catboost"))
_DEPTH = 8
_TASKS = (
    ("ClassifierMixin", "classification"),
    ("RegressorMixin", "regression"),
    ("ClusterMixin", "clustering"),
    ("OutlierMixin", "outlier_detection"),
)
_TASK_OF_TYPE = {
    "classifier": "classification",
    "regressor": "regression",
    "clusterer": "clustering",
    "outlier_detector": "outlier_detection",
}


def fitted_inside(estimator: Any) -> Any:
    """Return the estimator that a search, a target transformer or a frozen one hands calls to."""
    for _ in range(_DEPTH):
        attributes = getattr(estimator, "__dict__", {})
        inner = attributes.get("best_estimator_")
        if inner is None:
            inner = attributes.get("regressor_")
        if inner is None and type(estimator).__name__ == "FrozenEstimator":
            inner = attributes.get("estimator")
        if inner is None:
            break
        estimator = inner
    return estimator


def describe(model: Any) -> dict[str, Any]:
    """Return what telemetry says of a model.

    Args:
        model: An estimator, fitted or not.

    Returns:
        ``framework``, that of XGBoost and LightGBM for their estimators; ``class_name`` of the
        final estimator; ``task``, None where unknown; ``classes`` in the order of the probability
        columns, ``feature_names`` and ``n_features``, each None where the model does not say.
    """
    final = final_estimator(model)
    features = _read(model, "n_features_in_")
    return {
        "framework": _framework(model),
        "class_name": type(final).__name__,
        "task": _task(final),
        "classes": _classes(model, final),
        "feature_names": _names(model),
        "n_features": int(features) if hasattr(features, "__index__") else None,
    }


def _framework(model: Any) -> str:
    for base in type(model).__mro__:
        package = base.__module__.partition(".")[0]
        if package in _COMPANIONS:
            return package
    return FRAMEWORK


def _read(model: Any, name: str) -> Any:
    return _guard.call(FRAMEWORK, getattr, model, name, None)  # properties may raise anything


def final_estimator(model: Any) -> Any:
    """Return the estimator that a model, a pipeline or a search, hands its rows to in the end."""
    for _ in range(_DEPTH):
        inner = fitted_inside(model)
        pipeline = derives(type(inner), "Pipeline", "sklearn.pipeline")
        steps = _read(inner, "steps") if pipeline else None
        if not isinstance(steps, (list, tuple)) or not steps:
            return inner
        last = steps[-1]
        if not isinstance(last, (list, tuple)) or len(last) < 2:  # noqa: PLR2004 - a pair
            return inner
        if last[-1] is None or isinstance(last[-1], str):
            return inner
        model = last[-1]
    return model


def derives(cls: type, name: str, module: str) -> bool:
    """Whether a class is, or derives from, one whose module need not be imported."""
    return any(base.__name__ == name and base.__module__ == module for base in cls.__mro__)


def _task(final: Any) -> str | None:
    base = sys.modules.get("sklearn.base")
    for mixin, task in _TASKS:
        if base is not None and isinstance(final, getattr(base, mixin, ())):
            return task
    kind = _read(final, "_estimator_type")
    if not isinstance(kind, str):
        tags = _read(final, "__sklearn_tags__")
        kind = getattr(_guard.call(FRAMEWORK, tags), "estimator_type", None) if tags else None
    return _TASK_OF_TYPE.get(kind) if isinstance(kind, str) else None


def _classes(model: Any, final: Any) -> tuple[Any, ...] | None:
    for source in (model, final):
        if _read(source, "multilabel_") is True:
            return None  # each column is a label of its own
        found = _read(source, "classes_")
        if getattr(found, "ndim", None) == 1:
            return tuple(found.tolist())
    if derives(type(final), "BaseMixture", "sklearn.mixture._base"):
        components = _read(final, "weights_")
        return None if components is None else tuple(range(len(components)))
    return None


def _names(model: Any) -> tuple[str, ...] | None:
    found = _read(model, "feature_names_in_")
    if found is None:
        found = _read(fitted_inside(model), "feature_names_in_")
    if getattr(found, "ndim", None) != 1:
        return None
    return tuple(str(name) for name in found)
