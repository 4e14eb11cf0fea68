"""One attempt over HTTP, and what it leaves behind."""

from __future__ import annotations

import gc
import socket
import weakref

import pytest
from urllib3.connectionpool import HTTPConnectionPool

from otelml._providers.http import HttpSettings, HttpTarget


@pytest.mark.parametrize("tries", [1, 2])
def test_failed_connection_is_let_go(tries, monkeypatch):
    """Its pool ends at once: one that waits for a collection speaks up at the exit under gevent."""
    pools = []
    made = HTTPConnectionPool.__init__

    def remember(self, *args, **kwargs):
        made(self, *args, **kwargs)
        pools.append(weakref.ref(self))

    monkeypatch.setattr(HTTPConnectionPool, "__init__", remember)
    with socket.socket() as bound:  # nothing listens
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}/v1/traces"
        target = HttpTarget("traces", HttpSettings(url))
        gc.disable()
        try:
            outcomes = [target.send(b"", 5.0) for _ in range(tries)]
            target.close()
            alive = [pool() for pool in pools if pool() is not None]
        finally:
            gc.enable()
    assert [outcome.error for outcome in outcomes] == ["connection refused"] * tries
    assert pools
    assert not alive


def test_a_reason_that_is_a_text(monkeypatch):
    """The errors of ssl have one; urllib3's are errors themselves."""
    import ssl

    import requests

    def refuse(*_: object, **__: object):
        error = ssl.SSLCertVerificationError(1, "certificate verify failed")
        error.reason = "CERTIFICATE_VERIFY_FAILED"
        raise requests.exceptions.SSLError(error)

    target = HttpTarget("traces", HttpSettings("https://localhost/v1/traces"))
    monkeypatch.setattr(requests.Session, "post", refuse)
    outcome = target.send(b"", 5.0)
    assert (outcome.ok, outcome.error) == (False, "certificate verify failed")
