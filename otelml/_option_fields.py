"""What option objects share: fields with their meaning, checked on creation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from otelml.exceptions import ConfigurationError


def option_field(default: Any, doc: str, variable: str | None = None, **bounds: Any) -> Any:
    """Return a field with its meaning, its variable and its bounds."""
    return field(default=default, metadata={"doc": doc, "env": variable, **bounds})


def _type_name(annotation: str) -> str:
    return annotation.replace(" | None", " or None")


_ACCEPTS: dict[str, tuple[type, ...]] = {
    "bool": (bool,),
    "int": (int,),
    "float": (float, int),
    "str": (str,),
    "str | None": (str, type(None)),
    "float | None": (float, int, type(None)),
    "tuple[str, ...]": (tuple,),
    "str | float": (str, float, int),
    "Mapping[str, tuple[float, float]] | None": (Mapping, type(None)),
}


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the option objects share: validation on creation."""

    def __post_init__(self) -> None:
        for option in fields(self):
            value = getattr(self, option.name)
            key = f"{type(self).__name__}.{option.name}"
            accepted = _ACCEPTS[str(option.type)]
            is_bool = isinstance(value, bool)
            if not isinstance(value, accepted) or (is_bool and bool not in accepted):
                raise ConfigurationError(
                    f"{key} is {value!r}; it must be {_type_name(str(option.type))}"
                )
            _check_bounds(key, value, option.metadata)


def _check_bounds(key: str, value: Any, bounds: Any) -> None:
    low, high, choices = bounds.get("low"), bounds.get("high"), bounds.get("choices")
    if isinstance(value, float) and math.isnan(value):
        raise ConfigurationError(f"{key} is {value!r}; it must be a number")
    if low is not None and value is not None and value < low:
        raise ConfigurationError(f"{key} is {value!r}; it must be at least {low}")
    if high is not None and value is not None and value > high:
        raise ConfigurationError(f"{key} is {value!r}; it must be at most {high}")
    if choices is not None and value not in choices:
        raise ConfigurationError(f"{key} is {value!r}; it must be one of {', '.join(choices)}")
