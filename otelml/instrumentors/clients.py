"""Outgoing calls by ``requests``, ``httpx`` and ``urllib3``: spans, durations, ``traceparent``.

They are contrib's, put in place when the library is there or imported later, so that none is loaded
for it. A call of ``requests`` goes through ``urllib3``, and is one span: contrib's instrumentations
keep each other quiet. What exporters of otelml and OpenTelemetry send is suppressed.

URLs leave by the privacy policy, as all spans do: without user, password and fragment, and with
those parameters alone that are allowed.
"""

from __future__ import annotations

import importlib
from collections.abc import Collection
from typing import Any

from otelml import _guard
from otelml.instrumentors.base import Instrumentor
from otelml.instrumentors.conventions import prefer_stable_conventions
from otelml.instrumentors.patch import ModulePatches

__all__ = ["HttpxInstrumentor", "RequestsInstrumentor", "Urllib3Instrumentor"]


class _Client(Instrumentor):
    """One library, by contrib's instrumentor."""

    library = ""
    contrib = ""

    _on_import: ModulePatches | None = None
    _options: dict[str, Any]
    _started: Any = None

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return the distributions that are instrumented."""
        return (self.library,)

    def _instrument(self, **kwargs: Any) -> None:
        prefer_stable_conventions()
        self._options = kwargs
        if self._on_import is None:  # its hook of the import system stays for good
            patches = {self.library: self._start, self._contrib_module: self._start}
            self._on_import = ModulePatches("clients", patches)
        self._on_import.apply()

    @property
    def _contrib_module(self) -> str:
        return f"opentelemetry.instrumentation.{self.library}"

    def _start(self, _module: Any) -> None:
        module = importlib.import_module(self._contrib_module)
        made = getattr(module, self.contrib, None)
        if made is None:
            return  # somebody imports it, and it the library: this is called again when it is done
        instrumentor: Any = made()
        if instrumentor.is_instrumented_by_opentelemetry:
            return  # somebody else's, who will undo it; or begun by the import above
        instrumentor.instrument(skip_dep_check=True, **self._options)
        self._started = instrumentor

    def _uninstrument(self, **_: Any) -> None:
        if self._on_import is not None:
            self._on_import.undo()
        started, self._started = self._started, None
        if started is not None:
            _guard.call("clients", started.uninstrument)


class RequestsInstrumentor(_Client):
    """Calls by ``requests``."""

    library = "requests"
    contrib = "RequestsInstrumentor"


class HttpxInstrumentor(_Client):
    """Calls by ``httpx``, awaited or not."""

    library = "httpx"
    contrib = "HTTPXClientInstrumentor"


class Urllib3Instrumentor(_Client):
    """Calls by ``urllib3``."""

    library = "urllib3"
    contrib = "URLLib3Instrumentor"
