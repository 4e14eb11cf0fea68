"""A queue that stays full: requests come twice as fast as the worker takes them, for long."""

from __future__ import annotations

import json

import pytest

from tests._otlp_server import OtlpServer
from tests._processes import run

DURATION = "http.server.request.duration"
ACTIVE = "http.server.active_requests"
ROOM = 500
SECONDS = 30
MOST_GROWTH_MIB = 8

# The worker takes one item for every two that come, however fast this machine is: what comes is
# twice what it can do, at all times.
_PROGRAM = """
import io, json, os, sys, threading, time
from flask import Flask
import otelml
telemetry = otelml.init("service", system=False, drift=False, logs=False)
pipeline = telemetry._pipeline
recorder, worker = pipeline.recorder, pipeline.worker
app = Flask("app")
@app.get("/")
def view():
    with otelml.prediction("loan") as p:
        with p.stage("inference"):
            pass
        p.set_result(label="yes", confidence=0.9)
    return "x"
environ = {
    "REQUEST_METHOD": "GET", "PATH_INFO": "/", "SCRIPT_NAME": "", "QUERY_STRING": "",
    "SERVER_NAME": "localhost", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1",
    "wsgi.url_scheme": "http", "wsgi.errors": sys.stderr, "wsgi.version": (1, 0),
    "wsgi.multithread": True, "wsgi.multiprocess": False, "wsgi.run_once": False,
}
def ask():
    list(app.wsgi_app({**environ, "wsgi.input": io.BytesIO()}, lambda *_: None))
for _ in range(50):
    ask()
assert app.__dict__["_otelml_entry"].lane is not None
telemetry.force_flush(10)

room, offered = threading.Semaphore(0), 0
handle, offer = worker._handle, recorder.offer
waits = True
def slow(record):
    if waits:
        room.acquire()
    handle(record)
def counted(item):
    global offered
    offered += 1
    if not offered % 2:
        room.release()
    return offer(item)
worker._handle, recorder.offer = slow, counted

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

began, asked, longest, memory = time.monotonic(), 0, 0, []
while time.monotonic() < began + SECONDS:
    ask()
    asked += 1
    longest = max(longest, len(recorder.queue))
    if not asked % 50:
        memory.append(resident())
        time.sleep(0.1)
waits = False
for _ in range(longest + 10):
    room.release()
dropped = recorder.dropped
otelml.shutdown(30)
print(json.dumps({"asked": asked + 50, "longest": longest, "dropped": dropped, "memory": memory}))
"""


def _last_counts(server, metric):
    """The last point of each stream."""
    found = {}
    for point in server.points(metric):
        found[str(point.attributes)] = point
    return list(found.values())


@pytest.mark.slow
def test_twice_the_capacity():
    """HTTP counts and spans are exact, predictions give way and are counted, memory is flat."""
    with OtlpServer() as server:
        code, out, err = run(
            _PROGRAM.replace("SECONDS", str(SECONDS)),
            **server.environment(),
            OTELML_QUEUE_SIZE=str(ROOM),
            OTEL_METRIC_EXPORT_INTERVAL="2000",
        )
        assert (code, err) == (0, ""), err
        found = json.loads(out)
        names = server.span_names()
    asked, dropped = found["asked"], found["dropped"]
    assert sum(point.count for point in _last_counts(server, DURATION)) == asked
    assert names.count("GET /") == asked
    assert [point.as_int for point in _last_counts(server, ACTIVE)] == [0]
    # Every prediction is in spans and metrics, or counted as dropped; nothing else was dropped.
    assert names.count("predict loan") == names.count("inference") == asked - dropped
    assert sum(p.as_int for p in _last_counts(server, "ml.predictions")) == asked - dropped
    lost = {
        (a.key, a.value.string_value): p.as_int
        for p in _last_counts(server, "otelml.dropped")
        for a in p.attributes
        if p.as_int
    }
    assert lost == {
        ("otelml.signal", "predictions"): dropped,
        ("otelml.reason", "queue_full"): dropped,
    }
    assert found["longest"] == ROOM
    assert dropped > asked / 4
    memory = found["memory"]
    settled = memory[len(memory) // 3 :]
    assert max(settled) - settled[0] < MOST_GROWTH_MIB
