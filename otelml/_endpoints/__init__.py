"""Endpoints of the drift monitor and of feedback, whatever framework mounts them."""

from __future__ import annotations

from otelml._endpoints.answer import Answer, Request
from otelml._endpoints.asynchronous import answer_async, read_request
from otelml._endpoints.routes import ROUTES, Route, answer, route_of, routes_with

__all__ = [
    "ROUTES",
    "Answer",
    "Request",
    "Route",
    "answer",
    "answer_async",
    "read_request",
    "route_of",
    "routes_with",
]
