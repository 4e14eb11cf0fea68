"""Which route a request takes, as the application wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.urls import Resolver404, get_resolver

__all__ = ["ROUTE", "template", "template_of"]

ROUTE = "otelml.route"


def template_of(match: Any) -> str | None:
    """Return the template of what Django has resolved; None where it has not.

    It begins with a slash, as those of other frameworks do, which Django's patterns leave out.
    """
    route = getattr(match, "route", None)
    return None if route is None else f"/{str(route).removeprefix('^').removeprefix('/')}"


def template(scope: Mapping[str, Any]) -> str | None:
    """Return the template of the route that a request takes; None where none is for it.

    Args:
        scope: ASGI's.
    """
    path, root = str(scope.get("path", "")), str(scope.get("root_path", "")).rstrip("/")
    beneath = path[len(root) :] if root and path.startswith(f"{root}/") else path
    try:
        return template_of(get_resolver().resolve(beneath))
    except Resolver404:
        return None
