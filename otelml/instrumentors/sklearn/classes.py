"""Which classes are wrapped: every estimator there is, and every one that is defined later.

A hook in ``BaseEstimator.__init_subclass__`` sees later classes, wherever they come from: modules
imported late, classes of the application, classes made in functions. An import hook would see
the first kind only.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

from otelml import _guard
from otelml.instrumentors.inside import quiet, quiet_generator
from otelml.instrumentors.patch import MethodPatches, ModulePatches, Wrap
from otelml.instrumentors.sklearn.calls import (
    delegating_call,
    inner,
    last_step,
    model_call,
)
from otelml.instrumentors.sklearn.identity import FRAMEWORK, derives

_PREDICTIONS = (
    "predict",
    "predict_proba",
    "predict_log_proba",
    "decision_function",
    "score_samples",
)
_TRANSFORMS = ("transform", "fit_transform")
_QUIET = ("fit", "partial_fit", "fit_predict", "score")
_STAGED = ("staged_predict", "staged_predict_proba", "staged_decision_function", "staged_score")
_DELEGATING = {
    ("Pipeline", "sklearn.pipeline"): last_step,
    ("BaseSearchCV", "sklearn.model_selection._search"): inner("best_estimator_"),
    ("TransformedTargetRegressor", "sklearn.compose._target"): inner("regressor_"),
}
_BUT_TRANSFORMS = (*_PREDICTIONS, *_QUIET, *_STAGED)
METHODS = (*_BUT_TRANSFORMS, *_TRANSFORMS)


class EstimatorPatches:
    """The methods of all estimators.

    Args:
        modules: Where the hooks on base classes are kept.
    """

    def __init__(self, modules: ModulePatches) -> None:
        self._modules = modules
        self._methods = MethodPatches()

    def install(self, module: Any) -> None:
        """Wrap what there is and hook in for what comes.

        Args:
            module: ``sklearn.base``.
        """
        root: type = module.BaseEstimator
        output: type | None = getattr(module, "_SetOutputMixin", None)

        def wrap_class(cls: type) -> None:
            # _SetOutputMixin wraps these two itself, after this: ours come outermost, by its hook
            late = output is not None and issubclass(cls, output)
            self._wrap(cls, root, _BUT_TRANSFORMS if late else METHODS)

        def wrap_transforms(cls: type) -> None:
            if issubclass(cls, root):
                self._wrap(cls, root, _TRANSFORMS)

        for cls in _descendants(root):
            _guard.call(FRAMEWORK, self._wrap, cls, root, METHODS)
        self._hook(root, wrap_class)
        if output is not None:
            self._hook(output, wrap_transforms)

    def restore(self) -> None:
        """Put the methods back."""
        self._methods.restore(METHODS)

    def _hook(self, owner: type, action: Callable[[type], None]) -> None:
        plain = vars(owner).get("__init_subclass__")

        def __init_subclass__(cls: Any, /, **kwargs: Any) -> None:  # noqa: N807 - it becomes that
            if plain is None:
                super(owner, cls).__init_subclass__(**kwargs)  # type: ignore[arg-type]  # a type it is
            else:
                plain.__get__(None, cls)(**kwargs)
            _guard.call(FRAMEWORK, action, cls)

        if plain is not None:
            functools.update_wrapper(__init_subclass__, plain.__func__)
        self._modules.replace(owner, "__init_subclass__", classmethod(__init_subclass__))

    def _wrap(self, cls: type, root: type, names: tuple[str, ...]) -> None:
        packages = ("sklearn", _package(cls))
        for base in cls.__mro__:
            # a foreign mixin, say of another framework, has users that are no estimators
            if not issubclass(base, root) and _package(base) not in packages:
                continue
            for name in names if base is cls else METHODS:
                if name in vars(base):
                    self._methods.replace(base, name, _wrap_for(base, name))


def _package(cls: type) -> str:
    return str(cls.__module__).partition(".")[0]


def _descendants(root: type) -> Iterator[type]:
    seen = {root}
    waiting = [root]
    while waiting:
        below: list[type] = type.__subclasses__(waiting.pop())
        for cls in below:
            if cls not in seen:
                seen.add(cls)
                waiting.append(cls)
                yield cls


def _wrap_for(cls: type, name: str) -> Wrap:
    def wrap(function: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            return function  # its work is done after it returns
        if inspect.isgeneratorfunction(function):
            return quiet_generator(function)
        if name in _PREDICTIONS:
            for (base, module), final_of in _DELEGATING.items():
                if derives(cls, base, module):
                    return delegating_call(function, name, final_of)
            return model_call(function, name)
        return quiet(function)

    return wrap
