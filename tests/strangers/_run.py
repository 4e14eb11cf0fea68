"""A running application: how it is awaited and asked, and how what it sent is read."""

from __future__ import annotations

import socket
import time
from http.client import HTTPConnection

STAGES = ["feature_extraction", "inference", "post_processing"]


def attributes(item):
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in item.attributes}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait(port, process):
    end = time.monotonic() + 180  # a library may take its time to load
    while time.monotonic() < end:
        assert process.poll() is None, "the application ended"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the application does not listen")


def ask(port, method, path, body):
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path, body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    body = response.read()
    connection.close()
    # A server that spells names in lower case spells the same names.
    return response.status, {k.title(): v for k, v in response.headers.items()}, body


def last_points(otlp, metric):
    """The newest point of each stream."""
    newest = {}
    for point in otlp.points(metric):
        key = tuple(sorted(attributes(point).items()))
        if key not in newest or newest[key].time_unix_nano <= point.time_unix_nano:
            newest[key] = point
    return [(dict(key), point) for key, point in newest.items()]
