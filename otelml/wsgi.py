"""Middleware for a WSGI application of any framework.

application = otelml.wsgi.middleware(application)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from otelml.exceptions import MissingDependencyError

__all__ = ["middleware"]

Environ = dict[str, Any]


def middleware(
    application: Callable[[Environ, Any], Iterable[bytes]],
    *,
    route: Callable[[Environ], str | None] | None = None,
) -> Callable[[Environ, Any], Iterable[bytes]]:
    """Return an application whose requests have a server span, and whose predictions are theirs.

    For Bottle, Falcon, Pyramid and other frameworks that ``init`` does not find by itself (Flask
    and Django it does). A request begins with the application given here and ends with the last
    byte of its body, or when that is closed. Without ``init``, before it or after, requests pass
    through.

    Args:
        application: Any WSGI application.
        route: From the ``environ`` to the template of the request's route, for the span's name and
            ``http.route``; asked when the response starts, so that the framework has chosen it.
            Without it a span is named by its method.

    Raises:
        MissingDependencyError: ``opentelemetry-instrumentation-wsgi`` is not installed.

    Example:
        >>> app = otelml.wsgi.middleware(bottle.default_app(), route=lambda environ: (
        ...     environ["bottle.route"].rule if "bottle.route" in environ else None
        ... ))
    """
    try:
        from otelml.instrumentors.wsgi import Wrapped
    except ImportError as error:
        raise MissingDependencyError("otelml.wsgi.middleware", "wsgi") from error
    return Wrapped(application, route or _no_route)


def _no_route(_environ: Any) -> str | None:
    return None
