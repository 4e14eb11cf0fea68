"""What else of scikit-learn and its companions is touched, module by module."""

from __future__ import annotations

from typing import Any

from otelml.instrumentors.inside import quiet
from otelml.instrumentors.patch import Function, ModulePatches, as_wrapper, unwrapped
from otelml.instrumentors.sklearn.calls import Switch
from otelml.instrumentors.sklearn.classes import EstimatorPatches
from otelml.instrumentors.sklearn.identity import FRAMEWORK
from otelml.instrumentors.sklearn.parallel import patch_joblib, patch_tasks

# Evaluation is not serving. Only functions that no other module holds by name as a task are
# here: pickling looks a function up by its name and must find the same object.
_EVALUATION = {
    "sklearn.model_selection._validation": ("_fit_and_predict", "_score"),
    "sklearn.inspection._partial_dependence": ("_partial_dependence_brute",),
    "sklearn.inspection._permutation_importance": ("_weights_scorer",),
}
_SCORERS = ("_BaseScorer", "_MultimetricScorer", "_PassthroughScorer")
_PICKLERS = (
    "cloudpickle.cloudpickle",
    "joblib.externals.cloudpickle.cloudpickle",
    "pyspark.cloudpickle.cloudpickle",
    "ray.cloudpickle.cloudpickle",
)


class SklearnPatches:
    """Everything that the instrumentation of scikit-learn changes."""

    def __init__(self) -> None:
        self._modules = ModulePatches(
            FRAMEWORK,
            {
                "sklearn.base": self._classes,
                "sklearn.metrics._scorer": self._scorers,
                "sklearn.utils.parallel": lambda module: patch_tasks(self._modules, module),
                "joblib.parallel": lambda module: patch_joblib(self._modules, module),
                **dict.fromkeys(_EVALUATION, self._evaluation),
                **dict.fromkeys(_PICKLERS, self._pickler),
            },
        )
        self._estimators = EstimatorPatches(self._modules)

    def apply(self) -> None:
        """Change what is imported, and the rest when it is."""
        Switch.on = True
        self._modules.apply()

    def undo(self) -> None:
        """Put everything back."""
        Switch.on = False
        self._modules.undo()
        self._estimators.restore()

    def _classes(self, module: Any) -> None:
        self._estimators.install(module)

    def _scorers(self, module: Any) -> None:
        for name in _SCORERS:
            scorer = getattr(module, name, None)
            if scorer is not None:
                self._modules.wrap(scorer, "__call__", quiet)

    def _evaluation(self, module: Any) -> None:
        for name in _EVALUATION[module.__name__]:
            self._modules.wrap(module, name, quiet)

    def _pickler(self, module: Any) -> None:
        for name in ("Pickler", "CloudPickler"):  # one of them, by version
            pickler = getattr(module, name, None)
            if pickler is not None:
                self._modules.wrap(pickler, "_dynamic_function_reduce", _pickling)


def _pickling(original: Function) -> Function:
    """Make cloudpickle write a class of ``__main__`` as it was defined, without our wrappers."""

    def wrapper(self: Any, func: Any) -> Any:
        return original(self, unwrapped(func))

    return as_wrapper(wrapper, original)
