"""Our own loggers: a configuration that does not name them does not silence them.

``dictConfig`` and ``fileConfig`` disable every logger that exists and that they do not name,
whichever way they are called. Ours are there before the application's configuration is. What the
application sets on them itself, ``disabled`` included, holds.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

from otelml import _guard

__all__ = ["OwnLoggers", "is_own"]

_NAME = "otelml"


def is_own(logger: logging.Logger) -> bool:
    """Return whether a logger is one of otelml's."""
    return logger.name == _NAME or logger.name.startswith(f"{_NAME}.")


class _Enabled:
    """What a logger of ours is besides its own class."""

    @property
    def disabled(self) -> Any:
        return self.__dict__["disabled"]

    @disabled.setter
    def disabled(self, value: Any) -> None:
        if value and sys._getframe(1).f_globals.get("__name__") == "logging.config":  # noqa: SLF001 - who asks decides
            return
        self.__dict__["disabled"] = value


class OwnLoggers:
    """Keeps our loggers enabled between ``take`` and ``give_back``."""

    def __init__(self) -> None:
        self._taken: list[tuple[logging.Logger, type[logging.Logger], Any]] = []

    def take(self) -> None:
        """Enable every logger of ours that exists, and keep it so."""
        for logger in tuple(logging.getLogger().manager.loggerDict.values()):
            if isinstance(logger, logging.Logger) and is_own(logger):
                _guard.call("own loggers", self._take, logger)

    def _take(self, logger: logging.Logger) -> None:
        kind, disabled = type(logger), logger.disabled
        logger.disabled = False
        self._taken.append((logger, kind, disabled))
        logger.__class__ = type(kind.__name__, (_Enabled, kind), {"__module__": kind.__module__})

    def give_back(self) -> None:
        """Leave them as they were."""
        for logger, kind, disabled in self._taken:
            logger.__class__ = kind
            logger.disabled = logger.disabled or disabled
        self._taken.clear()
