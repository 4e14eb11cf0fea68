"""Where requests of wrapped ASGI applications go: the providers of the present ``init``."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from otelml import _guard
from otelml.instrumentors.asgi.http import App, Entry, Receive, Scope, Send, excluded_by_environment
from otelml.instrumentors.asgi.views import View
from otelml.instrumentors.base import Instrumentor
from otelml.instrumentors.conventions import prefer_stable_conventions
from otelml.instrumentors.threads import instrument_threads, uninstrument_threads

__all__ = ["AsgiInstrumentor", "Wrapped"]

_OPTIONS = ("tracer_provider", "meter_provider", "excluded_urls")


class AsgiInstrumentor(Instrumentor):
    """Turns on the applications that ``otelml.asgi.middleware`` has wrapped."""

    options: dict[str, Any] | None = None

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return the distributions that are instrumented: none."""
        return ()

    def _instrument(self, **kwargs: Any) -> None:
        prefer_stable_conventions()
        options = {name: kwargs[name] for name in _OPTIONS if name in kwargs}
        if options.get("excluded_urls") is None:
            options["excluded_urls"] = excluded_by_environment("ASGI")
        self.options = options
        _guard.call("threads", instrument_threads)

    def _uninstrument(self, **_: Any) -> None:
        _guard.call("threads", uninstrument_threads)
        self.options = None


class Wrapped:
    """An application whose requests are seen while otelml runs.

    Args:
        application: The application.
        route: From a scope to the template of its route.
    """

    def __init__(self, application: App, route: Callable[[Any], str | None]) -> None:
        self._application = application
        self._route = route
        self._view = View(application)
        self._of: tuple[Any, Entry] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass through what is none."""
        options = AsgiInstrumentor().options
        if options is None or scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        of = self._of
        if of is None or of[0] is not options:
            of = self._of = (options, Entry(self._route, options))
        await of[1].answer(self._view, scope, receive, send)
