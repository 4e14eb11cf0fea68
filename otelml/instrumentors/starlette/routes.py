"""Which route a request takes, as the application wrote it, through mounted applications too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from starlette.routing import BaseRoute, Match

__all__ = ["template"]


def template(scope: Mapping[str, Any]) -> str | None:
    """Return the template of the route that a request takes; None where none is for it.

    Args:
        scope: Of the request, as the outermost application got it, which is its ``app``.
    """
    return _find(scope["app"].routes, dict(scope))


def _find(routes: Sequence[BaseRoute], scope: dict[str, Any]) -> str | None:
    partial: str | None = None
    for route in _flat(routes):
        match, inner = route.matches(scope)
        if match is Match.NONE:
            continue
        path = str(getattr(route, "path", ""))
        if match is Match.PARTIAL:  # another method's
            partial = path if partial is None else partial
            continue
        beneath = getattr(route, "routes", None)
        if not beneath:  # a route, or a mounted application of which no more is known
            return path
        found = _find(beneath, {**scope, **inner})
        return path + found if found is not None else path or None
    return partial


def _flat(routes: Sequence[BaseRoute]) -> Iterator[Any]:
    """Yield what can be matched; newer versions of FastAPI keep included routers as trees."""
    for route in routes:
        contexts = getattr(route, "effective_route_contexts", None)
        if contexts is None:
            yield route
        else:
            yield from contexts()
