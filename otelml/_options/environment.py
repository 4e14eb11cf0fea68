"""Environment variables, ``OTEL_*`` and ``OTELML_*`` alike; one that is empty is not set."""

from __future__ import annotations

import os
from collections.abc import Mapping

from otelml._options.values import Given


def text(name: str, default: str = "", environ: Mapping[str, str] | None = None) -> str:
    """Return a variable, without the space around it."""
    found = (os.environ if environ is None else environ).get(name, "")
    return found.strip() or default


def forget_empty() -> None:
    """Take out ``OTEL_*`` variables that are empty, which libraries read as if they were set."""
    for name, value in list(os.environ.items()):
        if name.startswith("OTEL_") and not value.strip():
            del os.environ[name]


def from_environment(name: str, environ: Mapping[str, str] | None = None) -> Given | None:
    """Return what a variable is set to; None where it is not."""
    value = text(name, "", environ)
    return Given(name, value, "") if value else None
