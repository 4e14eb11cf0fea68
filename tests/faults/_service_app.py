"""A service as others write it: Flask, waitress or gunicorn, a prediction a request.

Each process writes at its very end, after telemetry has ended, what became of its telemetry:
``BOOKS/PID.json``. Run by itself, its exit code is ``EXIT_CODE``.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import sys
from pathlib import Path

from flask import Flask, jsonify
from opentelemetry import trace

import otelml

_THREADS = 4


def _write_books() -> None:
    """Write what was sent and dropped."""
    path = Path(os.environ["BOOKS"]) / f"{os.getpid()}.json"
    path.write_text(json.dumps(telemetry.status(), default=str))


# Registered first, so run last.
atexit.register(_write_books)
telemetry = otelml.init()
app = Flask(__name__)


@app.get("/predict")
def predict():
    """Predict, and say by which span."""
    with otelml.prediction("loan", version="1") as prediction:
        with prediction.stage("inference"):
            label = "approved"
        prediction.set_result(label=label, confidence=0.9)
        span = trace.get_current_span().get_span_context()
    return jsonify(label=label, span=f"{span.span_id:016x}")


def _end(_number: int, _frame: object) -> None:
    raise SystemExit


if __name__ == "__main__":
    import waitress

    signal.signal(signal.SIGTERM, _end)
    server = waitress.create_server(app, port=int(os.environ["PORT"]), threads=_THREADS)
    server.run()  # takes the SystemExit as the wish to finish what is under way
    sys.exit(int(os.environ["EXIT_CODE"]))
