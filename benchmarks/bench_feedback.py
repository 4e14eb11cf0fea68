"""Cost of a label on the request thread beside the handler's own time, and labels a second."""

from __future__ import annotations

import io
import itertools
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.harness import Figure, absolute, paired
from otelml._prediction.codec import Codec
from otelml._prediction.tokens import Token

PER_RUN = 1000
_TRY, _TRIES = 200, 8
_SECRET = "a-key-of-the-benchmark-0123456789"  # noqa: S105 - of ids that nobody else sees
_numbers = itertools.count(1)


def _ids(count: int) -> list[str]:
    """Return ids of predictions that have no label yet."""
    now = int(time.time() * 1000)
    codec = Codec([_SECRET.encode()], service="test")
    return [
        codec.encode(Token(next(_numbers), 7, now, 0, 0.9, "loan", "3", "", "approved"))
        for _ in range(count)
    ]


def _app(feedback: Callable[[str, str], object]) -> Any:
    """Return a service with one endpoint: it reads JSON, takes the label, answers JSON."""
    from flask import Flask, jsonify, request

    app = Flask("service")

    @app.post("/feedback")
    def view() -> Any:
        body = request.get_json()
        feedback(body["prediction_id"], body["actual"])
        return jsonify(accepted=True)

    return app


def _seconds(app: Any, ids: list[str]) -> float:
    """Return the CPU seconds of this thread for a request with each id."""
    bodies = [json.dumps({"prediction_id": one, "actual": "rejected"}).encode() for one in ids]
    environs = [
        {
            "REQUEST_METHOD": "POST", "PATH_INFO": "/feedback", "SERVER_NAME": "x",
            "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body), "wsgi.errors": io.StringIO(),
            "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(body)),
        }
        for body in bodies
    ]  # fmt: skip
    started = time.thread_time()
    for environ in environs:
        b"".join(app(environ, lambda *_: None))
    return time.thread_time() - started


def figures(*, quick: bool) -> Iterator[Figure]:
    """Measure the figures of this file.

    Args:
        quick: Whether fewer repeats will do.
    """
    from otelml.config import Config, FeedbackOptions, LogOptions
    from otelml.testing import capture

    runs = 5 if quick else 15
    config = Config(feedback=FeedbackOptions(secret=_SECRET), logs=LogOptions(json=False))
    app = _app(lambda *_: None)
    pairs: list[tuple[float, float]] = []
    rates: list[float] = []
    for _ in range(runs + 1):
        # Of each the shortest of some: a machine that is busy takes time from either.
        own = min(_seconds(app, _ids(_TRY)) for _ in range(_TRIES))
        with capture(config) as captured:
            found = [_labels(captured) for _ in range(_TRIES)]
        cost = min(cpu for cpu, _ in found)
        pairs.append((cost / _TRY * 1e6, own / _TRY * 1e6))
        rates.append(_TRY / min(wall for _, wall in found))
    note = "CPU of the request thread, without a store; the yardstick is a bare Flask view of JSON"
    yield paired("feedback_request_thread", pairs[1:], "µs", target=0.1, note=note)
    note = "one thread, without a store"
    yield absolute("feedback_rate", rates[1:], "1/s", target=5000, better="higher", note=note)
    yield _stored(runs)


def _labels(captured: Any) -> tuple[float, float]:
    """Return the CPU seconds of this thread, and the seconds, of labels for some ids."""
    import otelml

    ids = _ids(_TRY)
    started, wall = time.thread_time(), time.perf_counter()
    for one in ids:
        otelml.feedback(one, "rejected")
    taken = time.thread_time() - started, time.perf_counter() - wall
    captured.clear()
    return taken


def _stored(runs: int) -> Figure:
    import otelml
    from otelml.config import Config, FeedbackOptions, LogOptions
    from otelml.testing import capture

    count = PER_RUN // 10
    with tempfile.TemporaryDirectory() as folder:
        feedback = FeedbackOptions(secret=_SECRET, store=f"sqlite:///{folder}/labels.db")
        with capture(Config(feedback=feedback, logs=LogOptions(json=False))) as captured:
            rates: list[float] = []
            for _ in range(runs + 1):
                ids = _ids(count)
                started = time.perf_counter()
                for one in ids:
                    otelml.feedback(one, "rejected")
                rates.append(count / (time.perf_counter() - started))
                captured.clear()
    note = "one thread; each is on disk in SQLite before it is acknowledged"
    return absolute(
        "feedback_stored_rate", rates[1:], "1/s", target=100, better="higher", note=note
    )
