"""Requests on one kept connection are of their own traces, whatever came before them."""

from __future__ import annotations

import socket

import pytest

from tests.proxy._servers import WAIT_S, proxied, upstream

_BODY = b'{"inputs": [[1]]}'


def _request(number, body=_BODY):
    return (
        b"POST /invocations HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        b"traceparent: 00-%032x-00000000000000a1-01\r\ncontent-length: %d\r\n\r\n%b"
    ) % (number, len(body), body)


def _read(answers):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += answers.readline()
    length = next(
        line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
    )
    return head.split(b" ")[1], answers.read(int(length.split(b":")[1]))


@pytest.mark.parametrize("before", ["large", "at once"])
def test_a_request_is_of_its_own_trace(capture_telemetry, before):
    """A connection is paused by uvicorn for a large body, or for requests that come too early."""
    large = b'{"inputs": [[1]]' + b" " * 600_000 + b"}"
    first = _request(1, large if before == "large" else _BODY)
    with upstream() as server, proxied(server.url) as proxy:
        with (
            socket.create_connection(("127.0.0.1", proxy.port), timeout=WAIT_S) as connection,
            connection.makefile("rb") as answers,
        ):
            if before == "large":
                for request in (first, _request(2), _request(3)):
                    connection.sendall(request)
                    assert _read(answers)[0] == b"200"
            else:
                connection.sendall(first + _request(2) + _request(3))
                assert [_read(answers)[0] for _ in range(3)] == [b"200"] * 3
        proxy.settle()
    entries = [s for s in capture_telemetry.spans() if s.name == "POST /invocations"]
    assert [(s.kind.name, s.parent.span_id) for s in entries] == [("SERVER", 0xA1)] * 3
    assert sorted(s.context.trace_id for s in entries) == [1, 2, 3]
    predictions = capture_telemetry.predictions()
    assert sorted(s.context.trace_id for s in predictions) == [1, 2, 3]
