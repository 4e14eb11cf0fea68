"""The local viewer's receivers, at their real limits, in a process of its own."""

from __future__ import annotations

import contextlib
import gzip
import json
import urllib.error
import urllib.request
import zlib

import grpc
import psutil
import pytest

from tests._processes import start
from tests.security._otlp import Items, Sender, oversized, zstd_bomb

MIB = 2**20
LIMIT_MIB = 700
PROGRAM = """
    import sys
    from otelml.viewer import Viewer

    viewer = Viewer(grpc_port=0, http_port=0, web_port=0)
    viewer.start()
    print(*viewer.ports, flush=True)
    sys.stdin.read()
    viewer.stop()
"""


class Running:
    """A viewer in a process.

    Args:
        process: The process, which has just been started.
    """

    def __init__(self, process) -> None:
        grpc_port, http_port, self.web = map(int, process.stdout.readline().split())
        self.sender = Sender(f"http://127.0.0.1:{http_port}", f"127.0.0.1:{grpc_port}")
        self._process = psutil.Process(process.pid)

    @property
    def rss_mib(self) -> float:
        return self._process.memory_info().rss / MIB

    def spans(self) -> int:
        """Return how many spans it has."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.web}/api/status", timeout=30) as got:
            return json.load(got)["spans"]


@pytest.fixture(scope="module")
def viewer():
    """A viewer at its defaults, but for the ports."""
    process = start(PROGRAM)
    try:
        yield Running(process)
    finally:
        process.communicate(timeout=30)


def refused_and_alive(viewer: Running, answers: list[int | None], expected: set) -> None:
    """All answers are refusals, memory is bounded, and the next request is stored."""
    assert set(answers) <= expected
    assert viewer.rss_mib < LIMIT_MIB
    before = viewer.spans()
    assert viewer.sender.send(Items(), "http") == [200] * 3
    assert viewer.spans() == before + 1


def test_bombs_over_http(viewer):
    """What unpacks to more than the limit, in many pieces or in one, by either coding."""
    member = gzip.compress(bytes(16 * MIB), 1)
    packed = zlib.compress(oversized(192 * MIB), 1)
    answers = [
        viewer.sender.attempt("traces", body, **{"Content-Encoding": coding})
        for coding, body in (("gzip", member * 64), ("deflate", packed))
    ]
    refused_and_alive(viewer, answers, {413})


def test_bombs_of_a_coding_it_does_not_know(viewer):
    """They are not opened at all."""
    answer = viewer.sender.attempt("traces", zstd_bomb(1024 * MIB), **{"Content-Encoding": "zstd"})
    refused_and_alive(viewer, [answer], {415})


def test_oversized_over_http(viewer):
    """100 MB are refused, whether their length is announced or not."""

    def chunks():
        for _ in range(100):
            yield bytes(MIB)

    answers = [
        viewer.sender.attempt("traces", oversized(100 * MIB)),
        viewer.sender.attempt("logs", chunks()),
    ]
    # None: cut off before it could hear the answer.
    refused_and_alive(viewer, answers, {413, None})


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_oversized_over_grpc(viewer, compression):
    """A message of 64 MB is over the limit, packed or not."""
    code = viewer.sender.call("traces", oversized(64 * MIB), compression)
    refused_and_alive(viewer, [code], {grpc.StatusCode.RESOURCE_EXHAUSTED})


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "evil.example:4318"}, 421),
        ({}, 200),
    ],
)
def test_web_pages_may_not_send(viewer, headers, status):
    """Unless --cors-origin names theirs; a browser that asks first gets no leave either."""
    given = {"Content-Type": "application/json", **headers}
    for method, expected in (("POST", {status}), ("OPTIONS", {status, 405} - {200})):
        with contextlib.closing(viewer.sender.connection()) as connection:
            connection.request(method, "/v1/traces", b'{"resourceSpans": []}', given)
            with connection.getresponse() as response:
                assert response.status in expected
                assert "access-control-allow-origin" not in response.headers


def test_nothing_can_be_read_through_the_receiver(viewer):
    """Whoever may send there learns nothing."""
    for path in ("/", "/api/status", "/v1/traces"):
        with contextlib.closing(viewer.sender.connection()) as connection:
            connection.request("GET", path)
            with connection.getresponse() as response:
                assert response.status in {404, 405}


def test_pages_are_not_read_from_elsewhere(viewer):
    """A page of another origin gets no leave to read the API, nor does another host's name."""
    url = f"http://127.0.0.1:{viewer.web}/api/status"
    request = urllib.request.Request(url, headers={"Origin": "http://evil.example"})
    with urllib.request.urlopen(request, timeout=30) as response:
        assert "access-control-allow-origin" not in response.headers
    request = urllib.request.Request(url, headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError, match="421"):
        urllib.request.urlopen(request, timeout=30)
