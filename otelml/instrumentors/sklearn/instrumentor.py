"""scikit-learn: every top-level call of a model is a prediction."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from otelml import _guard
from otelml._requests import register_framework
from otelml.instrumentors.base import Instrumentor
from otelml.instrumentors.sklearn.decisions import decision_of
from otelml.instrumentors.sklearn.identity import FRAMEWORK, describe
from otelml.instrumentors.sklearn.modules import SklearnPatches
from otelml.instrumentors.threads import instrument_threads, uninstrument_threads

__all__ = ["SklearnInstrumentor"]

_patches = SklearnPatches()


class SklearnInstrumentor(Instrumentor):
    """Reports calls of estimators, those defined later included; instances are not touched.

    ``predict``, ``predict_proba``, ``predict_log_proba``, ``decision_function`` and
    ``score_samples`` called by the application are predictions. What they call in turn is not,
    nor is anything called while an estimator fits, scores or transforms, in worker threads and
    processes too. scikit-learn itself is not imported by this.
    """

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return what must be installed."""
        return ("scikit-learn >= 1.3",)

    def _instrument(self, **_: Any) -> None:
        register_framework(FRAMEWORK, _describe)
        _patches.apply()
        _guard.call("threads", instrument_threads)

    def _uninstrument(self, **_: Any) -> None:
        _guard.call("threads", uninstrument_threads)
        _patches.undo()


def _describe(model: Any) -> dict[str, Any]:
    return {**describe(model), "decision": decision_of(model)}
