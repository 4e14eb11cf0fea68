"""Names and errors as text."""

from __future__ import annotations

from typing import Any

from otelml import _guard


def error_type(error: BaseException) -> str:
    """Return the value of ``error.type``: the qualified class name."""
    cls = type(error)
    module = cls.__module__
    return cls.__qualname__ if module == "builtins" else f"{module}.{cls.__qualname__}"


def as_text(value: Any) -> str:
    """Return a name as text, whatever was given for it."""
    if type(value) is str:
        return value
    return _guard.quietly(str, value) or "unnamed"
