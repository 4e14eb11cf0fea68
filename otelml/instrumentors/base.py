"""What instrumentors have in common, without OpenTelemetry's contrib packages.

It answers to the same calls as ``BaseInstrumentor`` of ``opentelemetry-instrumentation``, so that
``opentelemetry-instrument`` starts our instrumentors by their entry points like any other.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Instrumentor"]

_logger = logging.getLogger("otelml")
_REQUIREMENT = re.compile(r"\s*([\w.-]+)\s*(?:>=\s*([\d.]+))?")


class Instrumentor:
    """One framework's instrumentation: one instance a class, on or off.

    ``instrument()`` takes ``skip_dep_check`` and ``raise_exception_on_conflict`` beside the options
    of the framework's own.
    """

    _instance: ClassVar[Any] = None
    _is_on = False

    def __new__(cls, *_args: Any, **_kwargs: Any) -> Self:
        """Return the one instance of the class."""
        if cls.__dict__.get("_instance") is None:
            cls._instance = object.__new__(cls)
        instance: Self = cls._instance
        return instance

    @property
    def is_instrumented_by_opentelemetry(self) -> bool:
        """Whether the instrumentation is in place."""
        return self._is_on

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return the distributions that are instrumented, each as ``name >= version``."""
        return ()

    def _instrument(self, **_kwargs: Any) -> None:
        """Put the instrumentation in place."""

    def _uninstrument(self, **_kwargs: Any) -> None:
        """Take it away."""

    def instrument(self, **kwargs: Any) -> None:
        """Put the instrumentation in place; a second call only warns.

        Args:
            **kwargs: Options of the framework's instrumentation.
        """
        if self._is_on:
            _logger.warning("otelml: %s is instrumented already", type(self).__name__)
            return
        skip = kwargs.pop("skip_dep_check", False)
        raise_conflict = kwargs.pop("raise_exception_on_conflict", False)
        conflict = "" if skip else self._conflict()
        if conflict and raise_conflict:
            raise ModuleNotFoundError(conflict)  # which contrib's loader passes over
        if conflict:
            _logger.error("otelml: %s: %s", type(self).__name__, conflict)
            return
        self._instrument(**kwargs)
        self._is_on = True

    def uninstrument(self, **kwargs: Any) -> None:
        """Take the instrumentation away; where there is none only warn."""
        if not self._is_on:
            _logger.warning("otelml: %s is not instrumented", type(self).__name__)
            return
        self._uninstrument(**kwargs)
        self._is_on = False

    def _conflict(self) -> str:
        for requirement in self.instrumentation_dependencies():
            name, least = _parts(requirement)
            try:
                found = version(name)
            except PackageNotFoundError:
                return f"{requirement} is not installed"
            if _numbers(found) < _numbers(least):
                return f"{name} {found} is installed, needed is {requirement}"
        return ""


def _parts(requirement: str) -> tuple[str, str]:
    match = _REQUIREMENT.match(requirement)
    if match is None:
        raise ValueError(f"{requirement!r} is no requirement")
    return match[1], match[2] or "0"


def _numbers(text: str) -> tuple[int, ...]:
    match = re.match(r"\d+(\.\d+)*", text)
    return tuple(map(int, match[0].split("."))) if match else ()
