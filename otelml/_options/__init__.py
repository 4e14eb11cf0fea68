"""Values of options, whatever they come from: read the same way, refused in the same words."""

from __future__ import annotations

from otelml._options.environment import from_environment, text
from otelml._options.values import Given, boolean, check_keys, number, one_of, parse, whole

__all__ = [
    "Given",
    "boolean",
    "check_keys",
    "from_environment",
    "number",
    "one_of",
    "parse",
    "text",
    "whole",
]
