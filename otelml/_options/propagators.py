"""``OTEL_PROPAGATORS``, which OpenTelemetry reads while it is imported, and fails there.

So it is read here first. A wrong value is an error like any other; until that is told, the import
finds the default.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from otelml._hints import hint
from otelml._options.environment import text
from otelml._shown import scrubbed, shown
from otelml.exceptions import ConfigurationError

__all__ = ["check_propagators", "settle_propagators"]

_VARIABLE: Final = "OTEL_PROPAGATORS"
_MODULE: Final = "opentelemetry.propagate"
_NONE: Final = "none"
_DEFAULT: Final = "tracecontext,baggage"
_PACKAGES: Final[Mapping[str, str]] = {
    "b3": "opentelemetry-propagator-b3",
    "b3multi": "opentelemetry-propagator-b3",
    "jaeger": "opentelemetry-propagator-jaeger",
    "xray": "opentelemetry-propagator-aws-xray",
    "xray-lambda": "opentelemetry-propagator-aws-xray",
    "ottrace": "opentelemetry-propagator-ot-trace",
}


def _installed() -> dict[str, EntryPoint]:
    return {point.name.lower(): point for point in entry_points(group="opentelemetry_propagator")}


def _named() -> tuple[str, ...]:
    """Return the names of the entry points that are asked for.

    Raises:
        ConfigurationError: One is unknown, not installed, or cannot be loaded.
    """
    listed = [name.strip() for name in text(_VARIABLE).split(",") if name.strip()]
    names = tuple(dict.fromkeys(name.lower() for name in listed or _DEFAULT.split(",")))
    found = _installed()
    for name, written in zip(names, dict.fromkeys(listed or names), strict=False):
        if name == _NONE:
            continue
        if name in found:
            _load(found[name], written)
        elif name in _PACKAGES:
            raise ConfigurationError(
                f"{_VARIABLE} names {shown(written, _PACKAGES)}, which is not installed: "
                f"pip install {_PACKAGES[name]}"
            )
        else:
            known = tuple(dict.fromkeys((*found, *_PACKAGES, _NONE)))
            meant = hint(name, known)
            raise ConfigurationError(
                f"{_VARIABLE} names {shown(written, known)}, which is not known; {meant}"
            )
    return (_NONE,) if _NONE in names else tuple(found[name].name for name in names)


def _load(point: EntryPoint, written: str) -> None:
    try:
        point.load()
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"{_VARIABLE} names {shown(written, (point.name,))}, which cannot be loaded: "
            f"{scrubbed(str(error))}"
        ) from error


def check_propagators() -> None:
    """Refuse what ``OTEL_PROPAGATORS`` cannot mean.

    Raises:
        ConfigurationError: A name is unknown, not installed, or cannot be loaded.
    """
    settle_propagators()
    if text(_VARIABLE):
        _named()


def settle_propagators() -> None:
    """Have OpenTelemetry read ``OTEL_PROPAGATORS`` as the specification does, and not fail."""
    raw = os.environ.get(_VARIABLE)
    if raw is None or _MODULE in sys.modules:
        return
    try:
        names = ",".join(_named())
    except ConfigurationError:
        names = _DEFAULT
    os.environ[_VARIABLE] = names
    try:
        import_module(_MODULE)
    finally:
        os.environ[_VARIABLE] = raw
