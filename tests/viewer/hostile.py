"""Requests that are small to send and large to read, and what each costs a viewer.

``python -m tests.viewer.hostile`` sends each to a fresh viewer in its own process and prints a
line of a table: the answer, the viewer's CPU seconds and the most memory it held beyond what it
had at rest. Whoever imports it gets the bodies alone.
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import json
import multiprocessing
import multiprocessing.connection
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

PROTOBUF, JSON = "application/x-protobuf", "application/json"
WAIT_S = 120
QUIET_S = 1.0


class Hostile(NamedTuple):
    """One request.

    Args:
        name: What it is.
        path: Where it goes; ``grpc`` for OTLP/gRPC, ``web`` in front for the pages' port.
        kind: Its content type.
        make: Makes the body.
        packed: Whether the body is gzip.
    """

    name: str
    path: str
    kind: str
    make: Callable[[], bytes]
    packed: bool = True


def block(number: int, body: bytes) -> bytes:
    """Return a field of protobuf that has a length."""
    return bytes([number << 3 | 2]) + _varint(len(body)) + body


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def items(count: int, item: bytes = b"\x12\x00") -> bytes:
    """Return one resource and scope with that many items of two bytes: spans or log records."""
    return block(1, block(2, item * count))


def span(*fields: bytes) -> bytes:
    """Return a request of one span that is good but for its further fields."""
    ids = block(1, b"\x01" * 16) + block(2, b"\x02" * 8) + block(5, b"x")
    return block(1, block(2, block(2, ids + b"".join(fields))))


def nested(depth: int) -> bytes:
    """Return an attribute whose value is a list in a list in a list."""
    value = b""
    for _ in range(depth):
        value = block(5, block(1, value))
    return block(9, block(1, b"k") + block(2, value))


def histogram(buckets: int) -> bytes:
    """Return a request of one histogram point of that many buckets, all zero."""
    point = block(6, bytes(8 * buckets)) + block(7, bytes(8 * (buckets - 1)))
    metric = block(1, b"m") + block(9, block(1, point) + b"\x10\x02")
    return block(1, block(2, block(2, metric)))


def members(count: int) -> bytes:
    """Return empty gzip members, one after the other."""
    return gzip.compress(b"", mtime=0) * count


def bad_among(count: int) -> bytes:
    """Return log records of which one holds a string that is none, so that each is looked at."""
    return block(1, block(2, b"\x12\x00" * count + block(2, block(3, b"\xff"))))


def _spans_json(count: int) -> bytes:
    return b'{"resourceSpans":[{"scopeSpans":[{"spans":[' + b",".join([b"{}"] * count) + b"]}]}]}"


def _deep_json(depth: int) -> bytes:
    return b'{"resourceSpans":' + b"[" * depth


def _attributes_json(depth: int) -> bytes:
    value = '{"stringValue":"x"}'
    for _ in range(depth):
        value = '{"arrayValue":{"values":[' + value + "]}}"
    one = {"traceId": "01" * 16, "spanId": "02" * 8, "name": "x"}
    text = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [one]}]}]})
    return text.replace(
        '"name"', '"attributes":[{"key":"k","value":' + value + '}],"name"'
    ).encode()


MILLION = 1_000_000
CASES = (
    Hostile("2,000,000 empty log records", "/v1/logs", PROTOBUF, lambda: items(2 * MILLION)),
    Hostile("the same by gRPC", "grpc", PROTOBUF, lambda: items(2 * MILLION)),
    Hostile("2,000,000 histogram buckets", "/v1/metrics", PROTOBUF, lambda: histogram(2 * MILLION)),
    Hostile("2,000,000 empty spans as JSON", "/v1/traces", JSON, lambda: _spans_json(2 * MILLION)),
    Hostile("1,000,000 empty gzip members", "/v1/traces", PROTOBUF, lambda: members(MILLION), False),
    Hostile("4,000,000 resource blocks", "/v1/traces", PROTOBUF, lambda: b"\x0a\x00" * 4 * MILLION),
    Hostile("one span of 4,000,000 attributes", "/v1/traces", PROTOBUF, lambda: span(b"\x4a\x00" * 4 * MILLION)),
    Hostile("one span of 900,000 events", "/v1/traces", PROTOBUF, lambda: span(b"\x5a\x00" * 900_000)),
    Hostile("a value nested 5,000 deep", "/v1/traces", PROTOBUF, lambda: span(nested(5_000))),
    Hostile("the same as JSON", "/v1/traces", JSON, lambda: _attributes_json(5_000)),
    Hostile("10,000,000 open brackets", "/v1/traces", JSON, lambda: _deep_json(10 * MILLION)),
    Hostile("1,000,000 records, one of them bad", "/v1/logs", PROTOBUF, lambda: bad_among(MILLION)),
    Hostile("100,000 empty log records, the most", "/v1/logs", PROTOBUF, lambda: items(99_990)),
    Hostile("the same, one of them bad", "/v1/logs", PROTOBUF, lambda: bad_among(99_990)),
    Hostile("100,000 empty spans as JSON, the most", "/v1/traces", JSON, lambda: _spans_json(99_990)),
    Hostile("a name of 30 MiB", "/v1/traces", PROTOBUF, lambda: span(block(5, b"n" * (30 << 20)))),
    Hostile("a file of 5,000,000 empty objects", "web/api/import", JSON, lambda: b"[" + b"{}," * 5 * MILLION + b"{}]", False),
    Hostile("a zipped file of 500,000,000 blank lines", "web/api/import", JSON, lambda: gzip.compress(b"{}\n" + b"\n" * 500 * MILLION, 1, mtime=0), False),
)  # fmt: skip


def _serve(pipe: multiprocessing.connection.Connection) -> None:
    from otelml.viewer import Viewer

    viewer = Viewer(grpc_port=0, http_port=0, web_port=0)
    viewer.start()
    pipe.send(tuple(viewer.ports))
    pipe.recv()
    viewer.stop()


def _memory(pid: int) -> dict[str, int]:
    with Path(f"/proc/{pid}/status").open() as status:
        lines = dict(line.split(":", 1) for line in status)
    return {name: int(lines[name].split()[0]) // 1024 for name in ("VmRSS", "VmHWM")}


def _cpu_s(pid: int) -> float:
    with Path(f"/proc/{pid}/stat").open() as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def _post(port: int, path: str, kind: str, body: bytes, packed: bool) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_S)
    headers = {"Content-Type": kind} | ({"Content-Encoding": "gzip"} if packed else {})
    if kind == PROTOBUF and not packed:
        headers["Content-Encoding"] = "gzip"
    try:
        connection.request("POST", path, body, headers)
        return str(connection.getresponse().status)
    except (TimeoutError, OSError) as error:
        return f"none in {WAIT_S} s" if isinstance(error, TimeoutError) else type(error).__name__
    finally:
        connection.close()


def _call(port: int, body: bytes) -> str:
    import grpc

    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        export = channel.unary_unary("/opentelemetry.proto.collector.logs.v1.LogsService/Export")
        try:
            export(body, timeout=WAIT_S, compression=grpc.Compression.Gzip)
        except grpc.RpcError as error:
            return str(error.code().name)
    return "OK"


def measure(case: Hostile) -> tuple[int, str, float, int]:
    """Send one request to a fresh viewer.

    Returns:
        The bytes sent, the answer, CPU seconds, and megabytes beyond those at rest.
    """
    body = case.make()
    sent = gzip.compress(body, 9, mtime=0) if case.packed else body
    context = multiprocessing.get_context("spawn")
    near, far = context.Pipe()
    process = context.Process(target=_serve, args=(far,), daemon=True)
    process.start()
    try:
        assert near.poll(WAIT_S)
        assert process.pid is not None
        grpc_port, otlp, web = near.recv()
        pid = process.pid
        cpu, rest = _cpu_s(pid), _memory(pid)["VmRSS"]
        if case.path == "grpc":
            answer = _call(grpc_port, body)
        elif case.path.startswith("web"):
            answer = _post(web, case.path[3:], case.kind, sent, False)
        else:
            answer = _post(otlp, case.path, case.kind, sent, case.packed)
        before = -1.0
        while _cpu_s(pid) - before > 0.03:  # it may work on after its answer
            before = _cpu_s(pid)
            time.sleep(QUIET_S)
        return len(sent), answer, _cpu_s(pid) - cpu, _memory(pid)["VmHWM"] - rest
    finally:
        process.kill()
        process.join()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="part of the names of those to send")
    only = parser.parse_args().only
    print("| request | bytes sent | answer | CPU s | MB |\n|---|---|---|---|---|")  # noqa: T201
    for case in CASES:
        if only in case.name:
            size, answer, cpu_s, mb = measure(case)
            print(f"| {case.name} | {size:,} | {answer} | {cpu_s:.1f} | {mb} |", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
