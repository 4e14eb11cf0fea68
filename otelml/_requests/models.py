"""What is known of a model: its name, version, framework, and the schema of its features."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any

from otelml import _guard, _threads
from otelml._records.model import ModelInfo

if TYPE_CHECKING:
    from otelml.reference import Reference

_AROUND = {"statsmodels": "_results", "torch": "_orig_mod"}
_lock = _threads.Lock()
_registered: dict[int, tuple[Any, ModelInfo]] = {}
_described: dict[int, tuple[Any, Mapping[str, Any]]] = {}
_identified: dict[int, tuple[Any, Any]] = {}
_frameworks: dict[str, Callable[[Any], Mapping[str, Any]]] = {}


def register_framework(name: str, describe: Callable[[Any], Mapping[str, Any]]) -> None:
    """Say how models of a framework describe themselves."""
    _frameworks[name] = describe


def register_model(
    model: Any,
    *,
    name: str,
    version: str | None = None,
    feature_names: list[str] | tuple[str, ...] | None = None,
    task: str | None = None,
    reference: Reference | str | PathLike[str] | None = None,
) -> None:
    """Give a model object the name under which its predictions are reported.

    Args:
        model: The model; held weakly where it allows that.
        name: ``ml.model.name``.
        version: ``ml.model.version``.
        feature_names: Names of its features, in their order.
        task: ``classification`` or ``regression``.
        reference: What its data looked like at training: a ``Reference``, or the path of one.

    Raises:
        InvalidReferenceError: The reference cannot be used.
    """
    if reference is not None:
        from otelml._monitor import register_reference

        register_reference(str(name), str(version or ""), reference)
    model = _inner(model)
    info = ModelInfo(
        str(name),
        str(version or ""),
        task=task or "",
        feature_names=tuple(map(str, feature_names)) if feature_names is not None else None,
    )
    _remember(_registered, model, info)
    _identified.pop(id(model), None)


def _inner(model: Any) -> Any:
    """Return the object whose methods are called where a library puts another one around it."""
    place = _AROUND.get(type(model).__module__.partition(".")[0])
    inner = _guard.quietly(getattr, model, place, None) if place else None
    return model if inner is None else inner


def _remember(store: dict[int, tuple[Any, Any]], model: Any, value: Any) -> None:
    key = id(model)
    try:
        reference: Any = weakref.ref(model, lambda _: store.pop(key, None))
    except TypeError:
        reference = None  # cannot be watched: a later object may get the same id, so keep nothing
        if store is _registered:
            reference = lambda: model  # noqa: E731 - registered on purpose: held for good
    if reference is not None:
        with _lock:
            store[key] = (reference, value)


def _recall(store: dict[int, tuple[Any, Any]], model: Any) -> Any:
    found = store.get(id(model))
    return found[1] if found is not None and found[0]() is model else None


def _mlflow(model: Any) -> tuple[str, str]:
    metadata = getattr(model, "metadata", None)
    name = getattr(metadata, "name", None) or getattr(metadata, "model_uuid", None)
    return (str(name), str(getattr(metadata, "run_id", "") or "")) if name else ("", "")


def describe(model: Any, framework: str) -> Mapping[str, Any]:
    """Return what the framework's instrumentor can tell of a model; asked once a model."""
    known: Mapping[str, Any] | None = _recall(_described, model)
    if known is None:
        function = _frameworks.get(framework)
        known = (_guard.call(framework, function, model) if function else None) or {}
        if (
            known.get("is_fitted") or known.get("n_features") is not None
        ):  # else it is not fitted yet: ask again
            _remember(_described, model, known)
    return known


def forget(model: Any) -> None:
    """Forget what a model told of itself: it has become another one."""
    for store in (_described, _identified):
        if _recall(store, model) is not None:
            store.pop(id(model), None)


def identify(
    model: Any, framework: str, default_name: str | None, default_version: str | None
) -> ModelInfo:
    """Return how to report a model that was called without a name.

    ``register_model`` comes first, then ``init(model=)``, then MLflow's metadata, then the class.
    """
    asked = (framework, default_name, default_version)
    found: tuple[Any, ModelInfo] | None = _recall(_identified, model)
    if found is not None and found[0] == asked:
        return found[1]
    info = _identify(model, framework, default_name, default_version)
    if _recall(_described, model) is not None:
        _remember(_identified, model, (asked, info))
    return info


def _identify(
    model: Any, framework: str, default_name: str | None, default_version: str | None
) -> ModelInfo:
    facts = describe(model, framework)
    registered: ModelInfo | None = _recall(_registered, model)
    if registered is not None:
        name, version = registered.name, registered.version
    elif default_name:
        name, version = default_name, default_version or ""
    else:
        name, version = str(facts.get("name") or ""), str(facts.get("version") or "")
        if not name:
            name, version = _guard.call("model", _mlflow, model) or ("", "")
        name = name or str(facts.get("class_name") or type(model).__name__)
        version = version or default_version or ""
    task = (registered.task if registered else "") or str(facts.get("task") or "")
    names = registered.feature_names if registered else None
    return ModelInfo(
        name,
        version,
        str(facts.get("framework") or framework),
        task,
        names or facts.get("feature_names"),
        facts.get("classes"),
        facts.get("decision"),
    )
