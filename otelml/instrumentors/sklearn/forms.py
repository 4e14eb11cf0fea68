"""Arguments by which estimators of XGBoost and LightGBM put out something else than predictions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otelml._records.results import Answer
from otelml.instrumentors import scores
from otelml.instrumentors.lightgbm import KINDS as LIGHTGBM
from otelml.instrumentors.patch import Function
from otelml.instrumentors.sklearn.identity import final_estimator
from otelml.instrumentors.xgboost import KINDS as XGBOOST

_EXPLANATIONS = ("pred_contrib", "pred_contribs", "pred_interactions", "pred_leaf")
_MARGINS = ("output_margin", "raw_score")
_OTHERS = ("prediction_type",)
_NONE: Mapping[str, Any] = {}


def arguments(
    original: Function, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Mapping[str, Any]:
    """Return the arguments of a call by name, but for the first, which is the rows."""
    if len(args) < 2:  # noqa: PLR2004 - the rows alone: nearly every call
        return kwargs or _NONE
    names = original.__code__.co_varnames[2 : original.__code__.co_argcount]
    return {**dict(zip(names, args[1:], strict=False)), **kwargs}


def explains(given: Mapping[str, Any]) -> bool:
    """Whether a call asks why, not what: for contributions, interactions or leaves."""
    return bool(given) and any(given.get(name) is True for name in _EXPLANATIONS)


def other_output(given: Mapping[str, Any]) -> str:
    """Return the argument by which a call gives something else; empty where it does not."""
    if not given:
        return ""
    return next((name for name in (*_MARGINS, *_OTHERS) if given.get(name)), "")


def read(call: Any, name: str, result: Any) -> Answer:
    """Return what the other output says.

    Args:
        call: The call of the model.
        name: The argument that asked for it.
        result: What was returned.
    """
    final = final_estimator(call.model)
    kind = _kind(final) if name in _MARGINS else None
    if kind is None:
        return Answer(left_out=f"{call.method}({name}=...) returns no predictions; left out")
    classes = call.info.classes
    if kind == scores.LABELS and classes is not None:
        kind = scores.BINARY if len(classes) == 2 else scores.MULTICLASS  # noqa: PLR2004 - two
    scale = float(getattr(final, "sigmoid", 1.0)) if kind != scores.VALUES else 1.0
    return scores.answer_of_margins(kind, result * scale if scale != 1.0 else result, classes)


def _kind(final: Any) -> str | None:
    for base in type(final).__mro__:
        package = base.__module__.partition(".")[0]
        if package == "xgboost":
            return XGBOOST.get(str(getattr(final, "objective", None)))
        if package == "lightgbm":
            return LIGHTGBM.get(str(getattr(final, "objective_", None)))
    return None
