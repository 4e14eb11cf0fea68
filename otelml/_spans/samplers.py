"""What a sampler of the SDK will say, as far as that is known without asking it."""

from __future__ import annotations

from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    ParentBased,
    StaticSampler,
    TraceIdRatioBased,
)


def keeps(sampler: object, name: str) -> bool:
    """Whether a sampler keeps all: itself, or the one it asks for spans of a kind."""
    asked = getattr(sampler, name, None) if type(sampler) is ParentBased else sampler
    return asked is ALWAYS_ON


def is_plain(sampler: object) -> bool:
    """Whether a sampler looks at ids and parents alone, neither at names nor at attributes."""
    if type(sampler) is ParentBased:
        return all(map(is_plain, vars(sampler).values()))
    return type(sampler) in (StaticSampler, TraceIdRatioBased)


def inherits(sampler: object) -> bool:
    """Whether a span below a local one does what that does."""
    return sampler is ALWAYS_ON or (
        type(sampler) is ParentBased
        and sampler._local_parent_sampled is ALWAYS_ON  # noqa: SLF001 - no public way
        and sampler._local_parent_not_sampled is ALWAYS_OFF  # noqa: SLF001 - no public way
    )
