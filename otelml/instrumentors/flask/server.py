"""The address and port of the server, which contrib's instrumentation reads as one.

Contrib takes the ``Host`` header for ``server.address``, port included, and for ``server.port`` the
port that the server listens on, which behind a proxy is another than the client asked for.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, Final

from opentelemetry.instrumentation import flask as contrib
from opentelemetry.semconv._incubating.attributes.net_attributes import NET_HOST_NAME, NET_HOST_PORT
from opentelemetry.semconv.attributes.server_attributes import SERVER_ADDRESS, SERVER_PORT

from otelml import _guard
from otelml._servers import split_host
from otelml.instrumentors.patch import Patches

__all__ = ["mend_server_address", "split_host"]

_MODULE: Final = "otel_wsgi"
# By the stable conventions and by the old ones, which a user may have asked for.
_NAMES: Final = ((SERVER_ADDRESS, SERVER_PORT), (NET_HOST_NAME, NET_HOST_PORT))


def _mend(attributes: MutableMapping[str, Any], header: str) -> None:
    host, port = split_host(header)
    for address, number in _NAMES:
        if address not in attributes:
            continue
        if host:
            attributes[address] = host
        else:
            del attributes[address]
        if port is not None:
            attributes[number] = port


class _Wsgi:
    """Contrib's WSGI module as its Flask instrumentation sees it, with addresses mended.

    Args:
        module: The module.
    """

    def __init__(self, module: Any) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)

    def collect_request_attributes(self, environ: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Return the attributes of a request's span and metrics."""
        attributes = self._module.collect_request_attributes(environ, *args, **kwargs)
        header = environ.get("HTTP_HOST")
        if header:
            _guard.call("flask", _mend, attributes, header)
        return attributes


def mend_server_address(patches: Patches) -> None:
    """Let contrib's Flask instrumentation report the host alone.

    Args:
        patches: Takes it back.
    """
    module = vars(contrib).get(_MODULE)
    if module is not None:
        patches.replace(contrib, _MODULE, _Wsgi(module))
