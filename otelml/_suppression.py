"""OpenTelemetry's ``suppress_instrumentation``, read and set without its contrib packages.

It is a value in the current context, under the key that the API keeps for it and under the plain
name that older instrumentations look at.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from opentelemetry import context

_PLAIN = "suppress_instrumentation"
_KEYS = tuple(dict.fromkeys((_PLAIN, getattr(context, "_SUPPRESS_INSTRUMENTATION_KEY", _PLAIN))))


def is_suppressed(current: context.Context) -> bool:
    """Whether instrumentation is switched off in a context."""
    for key in _KEYS:  # noqa: SIM110 - each model call asks, and a generator costs more
        if current.get(key):
            return True
    return False


@contextmanager
def suppressed() -> Generator[None]:
    """Switch instrumentation off for what is called inside."""
    current = context.get_current()
    for key in _KEYS:
        current = context.set_value(key, True, current)
    token = context.attach(current)
    try:
        yield
    finally:
        context.detach(token)
