"""What ``opentelemetry-instrument`` starts in place of its default: needs contrib's packages."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any

from opentelemetry.instrumentation.distro import BaseDistro

from otelml._startup.zero_code import started

__all__ = ["OtelmlDistro"]

# Frameworks that init() chooses and instruments itself, by their entry points.
_OF_INIT = frozenset((
    "flask", "fastapi", "starlette", "asgi", "django", "logging", "system_metrics", "requests",
    "httpx", "urllib3", "otelml_flask", "otelml_starlette", "otelml_django",
    "otelml_sklearn", "otelml_xgboost", "otelml_lightgbm", "otelml_catboost",
    "otelml_onnxruntime", "otelml_statsmodels", "otelml_mlflow", "otelml_keras", "otelml_torch",
))  # fmt: skip


class OtelmlDistro(BaseDistro):  # type: ignore[misc] # upstream has no types
    """Leaves to otelml what it instruments itself, and starts everything else."""

    def _configure(self, **_kwargs: Any) -> None:
        """Do nothing: the configurator does it all."""

    def load_instrumentor(self, entry_point: EntryPoint, **kwargs: Any) -> None:
        """Start the instrumentor of an entry point, unless ``init`` has seen to it."""
        if not (started.value and entry_point.name in _OF_INIT):
            super().load_instrumentor(entry_point, **kwargs)
