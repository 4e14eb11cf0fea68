"""Lets ``urllib`` into the stacks of the tests, as a browser is that has logged in."""

from __future__ import annotations

import ssl
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING

from engines.secrets import USER

if TYPE_CHECKING:
    from collections.abc import Generator

    from engines.secrets import Access
    from engines.stack import Stack

PAGES = ("prometheus", "jaeger", "victorialogs", "alertmanager")


@contextmanager
def logged_in(stack: Stack) -> Generator[None]:
    """Have ``urllib.request.urlopen`` show the password of a stack to its pages, and to no other."""
    with opened([stack.url(name) for name in PAGES], stack.access):
        yield


@contextmanager
def opened(addresses: list[str], access: Access | None) -> Generator[None]:
    """The same for these addresses."""
    if access is None:
        yield
        return
    passwords = urllib.request.HTTPPasswordMgrWithPriorAuth()
    for address in addresses:
        passwords.add_password(None, address, USER, access.password, is_authenticated=True)
    context = access.context() or ssl.create_default_context()
    urllib.request.install_opener(
        urllib.request.build_opener(
            urllib.request.HTTPBasicAuthHandler(passwords),
            urllib.request.HTTPSHandler(context=context),
        )
    )
    try:
        yield
    finally:
        urllib.request.install_opener(urllib.request.build_opener())
