"""Which conventions contrib's HTTP instrumentations follow."""

from __future__ import annotations

import importlib
import os
from typing import Any

__all__ = ["prefer_stable_conventions"]

_STABILITY = "OTEL_SEMCONV_STABILITY_OPT_IN"


def prefer_stable_conventions() -> None:
    """Make contrib emit the stable HTTP conventions, unless the user chose which.

    Contrib reads the variable once in a process, when its first instrumentor starts, which may have
    happened; so what it keeps is changed, and the variable left to the user.
    """
    if os.environ.get(_STABILITY):
        return
    module: Any = importlib.import_module("opentelemetry.instrumentation._semconv")
    stability = module._OpenTelemetrySemanticConventionStability  # noqa: SLF001 - there is no public way
    signal = module._OpenTelemetryStabilitySignalType.HTTP  # noqa: SLF001 - as above
    stability._initialize()  # noqa: SLF001 - as above
    stability._OTEL_SEMCONV_STABILITY_SIGNAL_MAPPING[signal] = module._StabilityMode.HTTP  # noqa: SLF001 - as above
