"""The same token for senders of OTLP over gRPC, as the metadata ``authorization``."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any

import grpc

__all__ = ["AskForToken"]


class AskForToken(grpc.ServerInterceptor):  # type: ignore[type-arg] # of the stubs alone
    """Refuses calls without the token.

    Args:
        token: The token.
    """

    def __init__(self, token: str) -> None:
        self._wanted = f"bearer {token}".encode()
        self._refuse = grpc.unary_unary_rpc_method_handler(_refused)

    def intercept_service(
        self, continuation: Callable[[Any], Any], handler_call_details: Any
    ) -> Any:
        """Return what answers a call."""
        found = dict(handler_call_details.invocation_metadata).get("authorization", "")
        scheme, _, token = str(found).partition(" ")
        given = f"{scheme.lower()} {token.strip()}".encode("utf-8", "replace")
        if hmac.compare_digest(given, self._wanted):
            return continuation(handler_call_details)
        return self._refuse


def _refused(_: Any, context: grpc.ServicerContext) -> Any:
    context.abort(grpc.StatusCode.UNAUTHENTICATED, "a token is needed")
