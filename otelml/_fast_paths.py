"""Shortcuts past the API of OpenTelemetry's SDK: which of them are off in this process, and why.

Each does what the API does, with fewer steps, by names that the SDK does not promise to keep. Where
one is off, everything goes through the API: the same telemetry, at a higher price.
"""

from __future__ import annotations

import logging
from typing import Final

METRICS: Final = "metrics"
HISTOGRAMS: Final = "histograms"
SPANS: Final = "spans"
ENCODING: Final = "encoding"
TEMPLATES: Final = "templates"
SERVERS: Final = "servers"

_logger = logging.getLogger("otelml")
_off: dict[str, str] = {}


def is_off(name: str) -> bool:
    """Whether a shortcut must not be taken."""
    return name in _off


def turn_off(name: str, reason: str) -> None:
    """Take a shortcut no more in this process; said once.

    Args:
        name: One of the names above.
        reason: What is wrong with it.
    """
    if name in _off:
        return
    _off[name] = reason
    _logger.warning(
        "otelml: %s take the way of OpenTelemetry's API, which gives the same and costs more: %s; "
        "this SDK is newer or older than what this otelml was tested with",
        name,
        reason,
    )


def all_off() -> dict[str, str]:
    """Return the shortcuts that are off, and why."""
    return dict(_off)


def reset() -> None:
    """Take all of them again."""
    _off.clear()
