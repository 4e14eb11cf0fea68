"""Requests that fail before their prediction, which would otherwise be nobody's failure.

A web framework's instrumentor brackets each request, hooks included, with :func:`begin_visit` and
:func:`end_visit`. Neither raises. A route is known to predict once it has, or where its view is
decorated with ``otelml.predict``; what fails there without any prediction is a failed one of the
model that answered there last. What is known lives as long as the runtime, in each process.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Token
from time import time_ns
from typing import Any, Final, NamedTuple
from weakref import WeakKeyDictionary

from otelml import _guard
from otelml._prediction import (
    OpenPrediction,
    Runtime,
    current_runtime,
    declared_model,
    is_suppressed,
    request_visit,
)
from otelml._records.request import FailedRequest
from otelml._spans import get_current

_MOST: Final = 1000
_LONGEST_PATH: Final = 200
# The methods that a decorated view is not meant to predict for.
_NO_WORK: Final = ("HEAD", "OPTIONS", "TRACE", "CONNECT")


class _Model(NamedTuple):
    name: str
    version: str
    variant: str


class Route(NamedTuple):
    """Where a request goes.

    Args:
        app: What tells one application of the process from another.
        method: Of HTTP; each method of a route is known by itself.
        rule: As the application wrote it.
        path: What was asked for, where the rule has arguments; empty where it has none.
    """

    app: int
    method: str
    rule: str
    path: str = ""


class _Known:
    """The model that answered last on each route, and on each path of it.

    Dictionaries that are emptied when full: no lock, and what is in use is soon known again.
    """

    def __init__(self) -> None:
        self._routes: dict[Route, _Model] = {}

    def learn(self, route: Route, model: _Model) -> None:
        """Remember who answered."""
        for key in (route, route._replace(path="")) if route.path else (route,):
            if len(key.path) <= _LONGEST_PATH and self._routes.get(key) != model:
                if len(self._routes) >= _MOST:
                    self._routes.clear()
                self._routes[key] = model

    def find(self, route: Route) -> _Model | None:
        """Return who answered on this path last, else on this route; None where nobody did."""
        routes = self._routes
        return routes.get(route) or routes.get(route._replace(path=""))


_known: WeakKeyDictionary[Runtime, _Known] = WeakKeyDictionary()


class Visit:
    """One request, from before its first hook to after its last."""

    __slots__ = ("_start_ns", "error", "last", "runtime", "token")

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self._start_ns = time_ns()
        self.last: OpenPrediction | None = None
        self.error = ""
        self.token: Token[Any] | None = None

    def end(self, route: Route, failure: str, view: Callable[..., Any] | None) -> None:
        """Learn who answered, or count that nobody could."""
        last = self.last
        if last is None and not failure:
            return
        known = _known.get(self.runtime) or _known.setdefault(self.runtime, _Known())
        if last is not None:
            known.learn(route, _Model(last.model, last.version, last.variant))
            return
        model = known.find(route) or _declared(view, route.method)
        if model is None:
            return
        end_ns = max(time_ns(), self._start_ns)
        record = FailedRequest(*model, self.error or failure, self._start_ns, end_ns)
        self.runtime.recorder.submit(record)


def _declared(view: Callable[..., Any] | None, method: str) -> _Model | None:
    if method in _NO_WORK:
        return None
    handler = getattr(getattr(view, "view_class", None), method.lower(), view)
    declared = declared_model(handler)
    if declared is None:
        return None
    named = OpenPrediction(*declared)
    return _Model(named.model, named.version, named.variant)


def begin_visit() -> Visit | None:
    """Mark the start of a request; return None where nothing in it would be a prediction."""
    runtime = current_runtime()
    if runtime is None or is_suppressed(get_current()):
        return None
    visit = Visit(runtime)
    visit.token = request_visit.set(visit)
    return visit


def end_visit(
    visit: Visit | None,
    route: Route | None,
    failure: str,
    view: Callable[..., Any] | None = None,
) -> None:
    """Mark the end of a request.

    Args:
        visit: What :func:`begin_visit` returned.
        route: Where the request went; None where it matched no route.
        failure: ``error.type`` of a request that the service failed; empty for any other, such as
            one that the client got wrong. What :attr:`Visit.error` holds by then says it better.
        view: What answers there.
    """
    if visit is None:
        return
    if visit.token is not None:
        try:
            request_visit.reset(visit.token)
        except ValueError:  # the request ran in another context than its caller
            request_visit.set(None)
        visit.token = None
    if route is not None:
        _guard.call("request", visit.end, route, failure, view)
