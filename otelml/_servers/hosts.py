"""The ``Host`` header, taken apart."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv6Address
from typing import Final

_HOST: Final = re.compile(r"(?:\[([^\[\]]+)\]|([^:\[\]]+))(?::(\d*))?", re.ASCII)
_LAST_PORT: Final = 65535


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
