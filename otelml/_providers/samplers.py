"""``OTEL_TRACES_SAMPLER`` and its argument."""

from __future__ import annotations

from typing import Final

from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    DEFAULT_OFF,
    DEFAULT_ON,
    ParentBasedTraceIdRatio,
    Sampler,
    TraceIdRatioBased,
)

from otelml._options import text
from otelml._providers import environment as _environment
from otelml._providers.entry_points import load
from otelml._shown import shown
from otelml.exceptions import ConfigurationError

_NAME: Final = "OTEL_TRACES_SAMPLER"
_ARGUMENT: Final = "OTEL_TRACES_SAMPLER_ARG"
_PLAIN: Final = {
    "always_on": ALWAYS_ON,
    "always_off": ALWAYS_OFF,
    "parentbased_always_on": DEFAULT_ON,
    "parentbased_always_off": DEFAULT_OFF,
}
_RATIO: Final = {
    "traceidratio": TraceIdRatioBased,
    "parentbased_traceidratio": ParentBasedTraceIdRatio,
}


def create_sampler() -> Sampler:
    """Return the sampler that the environment asks for; the parent's decision by default.

    Raises:
        ConfigurationError: There is no such sampler, or its argument is wrong.
    """
    name = text(_NAME, "parentbased_always_on")
    known = name.lower()
    if known in _PLAIN:
        return _PLAIN[known]
    if known in _RATIO:
        return _RATIO[known](_environment.number(_ARGUMENT, 1.0, 0.0, 1.0))
    group = "opentelemetry_traces_sampler"
    factory = load(group, name, _NAME, (*_PLAIN, *_RATIO))
    sampler = factory(text(_ARGUMENT) or None)
    if not isinstance(sampler, Sampler):
        raise ConfigurationError(
            f"{_NAME} is {shown(name, (name,))}, which is not a usable sampler"
        )
    return sampler
