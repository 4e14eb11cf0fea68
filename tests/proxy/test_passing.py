"""Nothing that passes is changed: each odd request, with and without the proxy."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import json
import socket
import threading

import pytest

from otelml._proxy import Upstream
from otelml._proxy.application import _copied
from otelml._proxy.headers import passed_on, to_upstream
from tests.proxy._servers import LARGE, PREDICTED, WAIT_S, proxied, raw, upstream


@pytest.fixture(scope="module")
def server():
    with upstream() as running:
        yield running


@pytest.fixture(scope="module")
def plain(server):
    with proxied(server.url) as running:
        yield running


JSON = {"content-type": "application/json"}
ROW = json.dumps({"dataframe_split": {"columns": ["a"], "data": [[1.5]]}}).encode()
CASES = {
    "get": ("GET", "/any?a=1&b=%20%2F", None, {}),
    "get, odd path": ("GET", "/a%2Fb//c/../d;x=1/%C3%A9", None, {}),
    "get, query of signs": ("GET", "/any?x=[1]|{2}^&y=a+b", None, {}),
    "head": ("HEAD", "/any", None, {}),
    "head of a large one": ("HEAD", "/big", None, {}),
    "delete": ("DELETE", "/any", None, {}),
    "options": ("OPTIONS", "/any", None, {}),
    "put": ("PUT", "/any", b"\x00\xff", {}),
    "patch": ("PATCH", "/any", b"p", {}),
    "post without a body": ("POST", "/any", b"", {}),
    "post of bytes": ("POST", "/any", bytes(range(256)), {"content-type": "x/y"}),
    "post, large": ("POST", "/any", b"x" * LARGE, {}),
    "post, chunked": ("POST", "/any", iter([b"a", b"b" * 5000, b"\r\n"]), {}),
    "post, packed": ("POST", "/invocations", gzip.compress(ROW, mtime=0), {**JSON, "content-encoding": "gzip"}),
    "invocations": ("POST", "/invocations", ROW, JSON),
    "invocations, no JSON": ("POST", "/invocations", b"{no", JSON),
    "invocations, chunked": ("POST", "/invocations", iter([ROW[:10], ROW[10:]]), JSON),
    "infer": ("POST", "/v2/models/m/versions/1/infer", b"[]", JSON),
    "404": ("GET", "/404", None, {}),
    "500": ("POST", "/500", b"", {}),
    "599": ("GET", "/599", None, {}),
    "204": ("POST", "/204", b"1", {}),
    "304": ("GET", "/304", None, {"if-none-match": '"a"'}),
    "302 is not followed": ("GET", "/302", None, {}),
    "headers twice": ("GET", "/twice", None, {}),
    "gzip": ("GET", "/zipped", None, {"accept-encoding": "gzip"}),
    "broken gzip": ("GET", "/broken_zip", None, {}),
    "large": ("GET", "/big", None, {}),
    "chunked": ("GET", "/chunked", None, {}),
    "until it closes": ("GET", "/until_close", None, {}),
    "cookie and login": ("GET", "/any", None, {"cookie": "a=1", "authorization": "Basic eA=="}),
    "hop by hop": ("GET", "/hop", None, {"connection": "x-gone", "x-gone": "1", "te": "trailers"}),
}  # fmt: skip
# What either connection has for itself.
_OWN = {"connection", "keep-alive", "transfer-encoding", "x-hop", "x-prediction-id"}


def ask(url, method, path, body, headers):
    """Return status, end-to-end headers in their order, and body of an answer."""
    host, port = url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=WAIT_S)
    try:
        connection.request(method, path, body, headers, encode_chunked=hasattr(body, "__next__"))
        answer = connection.getresponse()
        told = [(n.lower(), v) for n, v in answer.getheaders() if n.lower() not in _OWN]
        return answer.status, told, answer.read()
    finally:
        connection.close()


def received(server):
    """Return the latest request, without what is its connection's, or the trace's."""
    command, path, headers, body = server.requests[-1]
    own = {"connection", "x-gone", "te", "via", "traceparent"}
    return command, path, sorted(h for h in headers if h[0] not in own), body


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("watched", [False, True])
def test_answers_are_equal(server, plain, name, watched, request):
    """Status, headers and bytes come as from the upstream itself, and reach it as sent."""
    if watched:
        request.getfixturevalue("capture_telemetry")
    method, path, body, headers = CASES[name]
    chunks = None if body is None or isinstance(body, bytes) else list(body)
    if chunks:
        CASES[name] = (method, path, list(chunks), headers)  # for the next time
    headers = {"host": server.url.removeprefix("http://"), **headers}
    again = (lambda: iter(chunks)) if chunks else (lambda: body)
    wanted = ask(server.url, method, path, again(), headers)
    sent = received(server)
    found = ask(plain.url, method, path, again(), headers)
    # One that ends with its connection has chunks on the next.
    assert found == wanted
    assert received(server) == sent
    assert len(server.requests) >= 2


def test_headers_of_one_hop():
    """They stay on their connection, those that Connection names too; where a message ends is said anew."""
    given = [
        (b"host", b"proxy:1"), (b"connection", b"close, X-Gone, content-length"), (b"x-gone", b"1"),
        (b"te", b"trailers"), (b"upgrade", b"websocket"), (b"keep-alive", b"5"), (b"x-a", b"1"),
        (b"content-length", b"3"), (b"x-a", b"2"), (b"traceparent", b"old"), (b"baggage", b"kept"),
    ]  # fmt: skip
    assert to_upstream(given, b"up:2", {"traceparent": "new"}) == [
        (b"host", b"up:2"), (b"x-a", b"1"), (b"content-length", b"3"), (b"x-a", b"2"),
        (b"baggage", b"kept"), (b"via", b"1.1 otelml"), (b"traceparent", b"new"),
    ]  # fmt: skip
    assert to_upstream([(b"transfer-encoding", b"chunked"), (b"content-length", b"3")], b"u", {}) == [
        (b"host", b"u"), (b"via", b"1.1 otelml"), (b"transfer-encoding", b"chunked"),
    ]  # fmt: skip
    assert passed_on([(b"Transfer-Encoding", b"chunked"), (b"ETag", b"1")]) == [(b"etag", b"1")]


def test_a_stream_is_not_gathered(server, plain):
    """Its first part is with the client before the upstream sends the second."""
    server.go_on.clear()
    connection = http.client.HTTPConnection("127.0.0.1", plain.port, timeout=WAIT_S)
    connection.request("POST", "/slow_stream", b"")
    answer = connection.getresponse()
    assert answer.read1() == b"first"
    server.go_on.set()
    assert answer.read() == b"second"
    connection.close()


def test_a_request_is_not_gathered(server, plain):
    """An upstream may refuse a body that is still coming; its answer arrives."""
    server.early.clear()
    with socket.create_connection(("127.0.0.1", plain.port), timeout=WAIT_S) as connection:
        head = b"POST /early HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 100\r\n\r\nfirst"
        connection.sendall(head)
        assert server.early.wait(WAIT_S)  # it has the head, long before the end of the body
        connection.sendall(b"x" * 95)
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("path", ["/endless", "/hangs"])
def test_a_client_that_goes_away(server, plain, path):
    """It takes its request with it: the upstream's connection is closed."""
    server.left.clear()
    connection = http.client.HTTPConnection("127.0.0.1", plain.port, timeout=WAIT_S)
    before = len(server.requests)
    connection.request("GET", path)
    if path == "/endless":
        assert connection.getresponse().read(10) == b"x" * 10
    for _ in range(1000):
        if len(server.requests) > before:
            break
        threading.Event().wait(0.01)
    connection.close()
    connection.sock = None
    assert server.left.wait(WAIT_S)


def test_an_answer_that_is_cut(plain):
    """It is cut for the client as well."""
    connection = http.client.HTTPConnection("127.0.0.1", plain.port, timeout=WAIT_S)
    connection.request("GET", "/cut")
    answer = connection.getresponse()
    with pytest.raises(http.client.IncompleteRead) as cut:
        answer.read()
    assert cut.value.partial == b"only this"


def test_an_upstream_that_says_nothing(plain):
    """It is a 502 of ours, which says so."""
    status, headers, body = ask(plain.url, "GET", "/mute", None, {})
    assert (status, dict(headers)["proxy-status"]) == (
        502,
        "otelml; error=http_response_incomplete",
    )
    assert json.loads(body) == {
        "error": "the model server gave no answer: http_response_incomplete"
    }


def test_an_upstream_that_is_not_there():
    """It is a 502 of ours."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with proxied(f"http://127.0.0.1:{port}") as proxy:
        status, headers, _ = ask(proxy.url, "POST", "/invocations", ROW, JSON)
    assert (status, dict(headers)["proxy-status"]) == (502, "otelml; error=connection_refused")


def test_an_upstream_that_is_silent(server):
    """It is a 504 of ours after --timeout."""
    with proxied(server.url, timeout_s=0.2) as proxy:
        status, headers, _ = ask(proxy.url, "GET", "/hangs", None, {})
    assert (status, dict(headers)["proxy-status"]) == (504, "otelml; error=http_response_timeout")


def test_requests_at_the_same_time(server, plain):
    """As many reach the upstream as clients send."""
    count = 150
    server.meeting = threading.Barrier(count)
    found = []

    def one():
        found.append(ask(plain.url, "POST", "/meet", b"", {})[0])

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [200] * count


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"POST /invocations HTTP/1.1\r\nhost: evil.example\r\ncontent-length: 0\r\n\r\n", 421),
        (b"POST /invocations HTTP/1.1\r\nhost: 127.0.0.1\r\norigin: http://evil.example\r\ncontent-length: 0\r\n\r\n", 403),
        (b"GET http://elsewhere.example/ HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n", 400),
        (b"GET /any HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", 400),
        (b"nonsense\r\n\r\n", 400),
        (b"POST /any HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: x\r\n\r\n", 400),
    ],
)  # fmt: skip
def test_what_is_refused(server, plain, request_, status):
    """Other names, pages of other origins, and what is no request never reach the upstream."""
    before = len(server.requests)
    head = request_.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")
    assert raw(plain.url, head).startswith(b"HTTP/1.1 %d " % status)
    assert len(server.requests) == before


def test_for_others_the_upstream_decides(server):
    """Which names and pages it answers, where the listener is not for this machine alone."""
    with proxied(server.url, local=False) as proxy:
        head = b"POST /invocations HTTP/1.1\r\nhost: model.example\r\norigin: http://a.example\r\n"
        answer = raw(proxy.url, head + b"content-length: 0\r\nconnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(PREDICTED)


def test_a_failed_server_gets_no_further_request_on_its_connection(server, plain):
    """It may close it behind the answer, as uvicorn does; after any other answer it is kept."""
    ports = []
    for path in ("/any", "/any", "/404", "/500", "/any"):
        ask(plain.url, "POST", path, b"", {})
        ports.append(server.ports[-1])
    assert ports[0] == ports[1] == ports[2] == ports[3] != ports[4]


@pytest.mark.parametrize(("path", "idle"), [("/any", [True]), ("/500", [])])
def test_a_connection_is_given_back_by_what_came_of_it(server, path, idle):
    """Never before it is known whether another request may have it."""

    async def exchange():
        target = Upstream(server.url)
        answer = await target.ask("GET", path.encode(), [(b"host", b"a")], None)
        assert [chunk async for chunk in _copied(answer, None)]
        pool = target._transport._pool
        before = [one.is_idle() for one in pool.connections]
        await target.end(answer)
        after = [one.is_idle() for one in pool.connections if not one.has_expired()]
        await target.close()
        return before, after

    assert asyncio.run(exchange()) == ([False], idle)


def test_an_old_client(server, plain):
    """HTTP/1.0 gets no chunks."""
    answer = raw(plain.url, b"GET /chunked HTTP/1.0\r\nhost: 127.0.0.1\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"chunked" not in head.lower()
    assert body == b"a" + b"bc" * 1000 + b"\r\n0\r\n"


def test_expect_continue(server, plain):
    """A client that waits to be asked for its body is asked."""
    with socket.create_connection(("127.0.0.1", plain.port), timeout=WAIT_S) as connection:
        connection.sendall(
            b"POST /any HTTP/1.1\r\nhost: 127.0.0.1\r\nexpect: 100-continue\r\n"
            b"content-length: 4\r\nconnection: close\r\n\r\n"
        )
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"body")
        parts = []
        while part := connection.recv(1 << 16):
            parts.append(part)
    assert b"".join(parts).startswith(b"HTTP/1.1 200 ")
    assert server.requests[-1][3] == b"body"
