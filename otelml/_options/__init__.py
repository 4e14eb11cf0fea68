"""Values of options, whatever they come from: read the same way, refused in the same words."""

from __future__ import annotations

from otelml._options.environment import forget_empty, from_environment, text
from otelml._options.propagators import check_propagators, settle_propagators
from otelml._options.unknown import unknown_variables
from otelml._options.values import Given, boolean, check_keys, number, one_of, parse, whole

__all__ = [
    "Given",
    "boolean",
    "check_keys",
    "check_propagators",
    "forget_empty",
    "from_environment",
    "number",
    "one_of",
    "parse",
    "settle_propagators",
    "text",
    "unknown_variables",
    "whole",
]
