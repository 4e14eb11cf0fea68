"""``OTEL_LOG_LEVEL``: how much OpenTelemetry and otelml say of themselves."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

from otelml._providers.environment import one_of

__all__ = ["log_level", "set_log_level"]

_LOG_LEVELS: Final[Mapping[str, int]] = {
    "none": logging.CRITICAL + 1,
    "off": logging.CRITICAL + 1,
    "fatal": logging.CRITICAL,
    "critical": logging.CRITICAL,
    "error": logging.ERROR,
    "warn": logging.WARNING,
    "warning": logging.WARNING,
    "info": logging.INFO,
    "debug": logging.DEBUG,
    "verbose": logging.DEBUG,
    "trace": logging.DEBUG,
    "all": logging.DEBUG,
}
_LOGGERS: Final = ("opentelemetry", "otelml")


def log_level() -> int | None:
    """Return how much OpenTelemetry and otelml may say of themselves; None where it is not set.

    Raises:
        ConfigurationError: ``OTEL_LOG_LEVEL`` is no level.
    """
    name = one_of("OTEL_LOG_LEVEL", tuple(_LOG_LEVELS), "")
    return _LOG_LEVELS.get(name)


def set_log_level() -> None:
    """Give the loggers the level that is asked for, if one is.

    Raises:
        ConfigurationError: ``OTEL_LOG_LEVEL`` is no level.
    """
    level = log_level()
    if level is not None:
        for name in _LOGGERS:
            logging.getLogger(name).setLevel(level)
