"""Connections that ask for nothing take no room from those that do."""

from __future__ import annotations

import contextlib
import resource
import socket
from unittest.mock import Mock

import pytest

from otelml._connections import BoundedHttp, most_by_files
from tests.proxy._servers import WAIT_S, proxied, upstream


def _connect(proxy):
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=WAIT_S)


def _ask(connection, path="/404"):
    connection.sendall(b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n" % path.encode())
    return connection.recv(65_536)


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "])
def test_a_head_that_does_not_come_ends_the_connection(monkeypatch, sent):
    """The proxy hangs up; the upstream sees nothing."""
    monkeypatch.setattr(BoundedHttp, "HEAD_S", 0.2)
    with upstream() as server, proxied(server.url) as proxy, _connect(proxy) as slow:
        slow.sendall(sent)
        assert slow.recv(100) == b""
    assert server.requests == []


def test_a_slow_answer_and_a_slow_body_have_their_time(monkeypatch):
    """Only heads are waited for: how long a request takes is between client and upstream."""
    monkeypatch.setattr(BoundedHttp, "HEAD_S", 0.2)
    with upstream() as server, proxied(server.url) as proxy, _connect(proxy) as one:
        one.sendall(b"POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n1")
        with _connect(proxy) as other:  # ends when that time is over
            assert other.recv(100) == b""
        one.sendall(b"2")
        assert one.recv(65_536).startswith(b"HTTP/1.1 200")


def _files(monkeypatch, count):
    monkeypatch.setattr(resource, "getrlimit", Mock(return_value=(count, count)))


def test_more_connections_than_there_are_files_for(monkeypatch):
    """Those that there are go on: a proxy without files can ask no upstream."""
    _files(monkeypatch, 96)
    with upstream() as server, proxied(server.url) as proxy, contextlib.ExitStack() as held:
        first, *_ = [held.enter_context(_connect(proxy)) for _ in range(16)]
        with _connect(proxy) as one, contextlib.suppress(ConnectionResetError):
            assert one.recv(100) == b""
        assert _ask(first).startswith(b"HTTP/1.1 404")


@pytest.mark.parametrize(
    ("files", "most"), [(1_024, 480), (10, 16), (resource.RLIM_INFINITY, 65_536)]
)
def test_how_many_there_are_files_for(monkeypatch, files, most):
    """Each has two: the client's and the upstream's."""
    _files(monkeypatch, files)
    assert most_by_files(2) == most
