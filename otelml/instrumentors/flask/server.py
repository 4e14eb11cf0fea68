"""The address and port of the server, which contrib's instrumentation reads as one.

Contrib takes the ``Host`` header for ``server.address``, port included, and for ``server.port`` the
port that the server listens on, which behind a proxy is another than the client asked for.
"""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from ipaddress import AddressValueError, IPv6Address
from typing import Any, Final

from opentelemetry.instrumentation import flask as contrib
from opentelemetry.semconv._incubating.attributes.net_attributes import NET_HOST_NAME, NET_HOST_PORT
from opentelemetry.semconv.attributes.server_attributes import SERVER_ADDRESS, SERVER_PORT

from otelml import _guard
from otelml.instrumentors.patch import Patches

__all__ = ["mend_server_address", "split_host"]

_HOST: Final = re.compile(r"(?:\[([^\[\]]+)\]|([^:\[\]]+))(?::(\d*))?", re.ASCII)
_LAST_PORT: Final = 65535
_MODULE: Final = "otel_wsgi"
# By the stable conventions and by the old ones, which a user may have asked for.
_NAMES: Final = ((SERVER_ADDRESS, SERVER_PORT), (NET_HOST_NAME, NET_HOST_PORT))


def split_host(header: str) -> tuple[str, int | None]:
    """Return the host and the port of a ``Host`` header.

    Args:
        header: As it came; IPv6 addresses may lack their brackets.

    Returns:
        The host, an IPv6 address without brackets, empty where the header names none; and the
        port, None where there is none.
    """
    text = header.strip()
    found = _HOST.fullmatch(text)
    if found is not None:
        port = int(found[3][:6]) if found[3] else 0
        return found[1] or found[2], port if 0 < port <= _LAST_PORT else None
    try:
        IPv6Address(text)
    except AddressValueError:
        return "", None
    return text, None


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
