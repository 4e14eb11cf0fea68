"""What option objects share: fields with their meaning, checked on creation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from otelml._shown import HIDDEN, shown
from otelml.exceptions import ConfigurationError


def option_field(default: Any, doc: str, variable: str | None = None, **bounds: Any) -> Any:
    """Return a field with its meaning, its variable and its bounds; ``secret=True`` of a secret."""
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
    "Mapping[str, str] | None": (Mapping, type(None)),
    "tuple[LabelsFrom, ...]": (tuple,),
}


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the option objects share: validation on creation."""

    def __post_init__(self) -> None:
        for option in fields(self):
            value = getattr(self, option.name)
            key = f"{type(self).__name__}.{option.name}"
            accepted = _ACCEPTS.get(str(option.type), (type(option.default),))
            is_bool = isinstance(value, bool)
            if not isinstance(value, accepted) or (is_bool and bool not in accepted):
                raise ConfigurationError(
                    f"{key} is {shown(value, secret=option.metadata.get('secret', False))}; "
                    f"it must be {_type_name(str(option.type))}"
                )
            if str(option.type) == "tuple[str, ...]" and not _are_texts(value):
                raise ConfigurationError(f"{key} has {shown(value)}; each item must be text")
            _check_bounds(key, value, option.metadata)

    def __repr__(self) -> str:
        """Keep secrets out of logs."""
        parts = (
            f"{one.name}={HIDDEN if one.metadata.get('secret') and value else repr(value)}"
            for one, value in ((one, getattr(self, one.name)) for one in fields(self))
        )
        return f"{type(self).__name__}({', '.join(parts)})"


def _are_texts(value: Any) -> bool:
    return all(isinstance(one, str) for one in value)


def _check_bounds(key: str, value: Any, bounds: Any) -> None:
    low, high, choices = bounds.get("low"), bounds.get("high"), bounds.get("choices")
    if isinstance(value, float) and math.isnan(value):
        raise ConfigurationError(f"{key} is {shown(value)}; it must be a number")
    if low is not None and value is not None and value < low:
        raise ConfigurationError(f"{key} is {shown(value)}; it must be at least {low}")
    if high is not None and value is not None and value > high:
        raise ConfigurationError(f"{key} is {shown(value)}; it must be at most {high}")
    if choices is not None and value not in choices:
        raise ConfigurationError(
            f"{key} is {shown(value, choices)}; it must be one of {', '.join(choices)}"
        )
