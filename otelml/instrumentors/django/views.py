"""One request of Django, from its view to the last byte of what that returns."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.http import Http404
from django.http.multipartparser import MultiPartParserError

from otelml import _guard
from otelml._prediction import error_type, request_visit
from otelml._requests import Held, RequestScope, begin_request, end_request, leave_request
from otelml.instrumentors.wsgi import AsyncHeldBody, HeldBody

__all__ = ["SCOPE", "wrap_view"]

SCOPE = "_otelml_scope"
_ANSWERS = (Http404, PermissionDenied, SuspiciousOperation, BadRequest, MultiPartParserError)


def is_failure(error: BaseException) -> bool:
    """Whether an exception is an error, rather than a way to answer the client."""
    return isinstance(error, Exception) and not isinstance(error, _ANSWERS)


def wrap_view(view: Callable[..., Any]) -> Callable[..., Any]:
    """Return a view that is the request of what it predicts; one that is awaited stays so."""
    if iscoroutinefunction(view):

        @functools.wraps(view)
        async def asynchronous(request: Any, *args: Any, **kwargs: Any) -> Any:
            scope = _begin(request)
            try:
                response = await view(request, *args, **kwargs)
            except BaseException as error:
                _fail(scope, error)
                raise
            return _returned(scope, response)

        return asynchronous

    @functools.wraps(view)
    def synchronous(request: Any, *args: Any, **kwargs: Any) -> Any:
        scope = _begin(request)
        try:
            response = view(request, *args, **kwargs)
        except BaseException as error:
            _fail(scope, error)
            raise
        return _returned(scope, response)

    return synchronous


def _begin(request: Any) -> RequestScope | None:
    scope = begin_request()
    if scope is not None:
        setattr(request, SCOPE, scope)
    return scope


def _fail(scope: RequestScope | None, error: BaseException) -> None:
    failed = error if is_failure(error) else None
    end_request(scope, failed)
    visit = request_visit.get()
    if visit is not None and failed is not None:
        visit.error = error_type(failed)


def _returned(scope: RequestScope | None, response: Any) -> Any:
    if scope is None:
        return response
    is_stream = getattr(response, "streaming", False)
    # A file goes to the server as it is, which may have the system send it.
    if not is_stream or getattr(response, "file_to_stream", None) is not None:
        end_request(scope)
    else:
        held = Held(scope)
        leave_request(scope)
        _guard.call("django", _hold, response, held)
    return response


def _hold(response: Any, held: Held) -> None:
    kind = AsyncHeldBody if getattr(response, "is_async", False) else HeldBody
    response.streaming_content = kind(response.streaming_content, held, is_failure)
