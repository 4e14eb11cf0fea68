"""A service that takes labels: ``python -m tests.labels._service KIND OPTIONS``.

``follow`` fetches labels from its sources; ``many`` takes them by ``feedback_many`` from stdin;
``http`` serves ``POST /feedback``. A line of JSON on stdin is a question, a line on stdout its answer.
"""

from __future__ import annotations

import json
import os
import sys

import otelml
from otelml import _guard
from otelml.config import Config, FeedbackOptions, LogOptions
from otelml.testing import capture
from tests._ids import SECRET


def report_of(captured, rows):
    """Return quality of the whole window, and what was counted."""
    points = captured.metric("ml.quality").points
    mine = [p for p in points if p.attributes.get("ml.quality.window") == str(rows) and p.attributes.get("ml.quality.estimated") != "true"]  # fmt: skip
    quality = {
        p.attributes["ml.quality.metric"]: p.value
        for p in mine
        if p.attributes.get("ml.quality.averaging", "binary") == "binary"
    }
    rejected = captured.metric("ml.feedback.rejected").points
    followed = captured.metric("ml.feedback.source.rows").points
    windows = captured._pipeline.processor.quality.all()
    return {
        "quality": quality,
        "labelled": sum(len(window.labelled()) for _, window in windows),
        "rejected": {p.attributes["ml.feedback.reason"]: p.value for p in rejected},
        "rows": {p.attributes["ml.feedback.row"]: p.value for p in followed},
        "errors": dict(_guard.last_error),
    }


def _tell(what):
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def _serve(port):
    import threading

    import flask
    import waitress

    import otelml.flask

    app = flask.Flask(__name__)
    app.register_blueprint(otelml.flask.blueprint())
    server = waitress.create_server(app, host="127.0.0.1", port=port, threads=2)
    threading.Thread(target=server.run, daemon=True).start()
    return server.effective_port


def main() -> None:
    kind, options = sys.argv[1], json.loads(sys.argv[2])
    rows, port = options.pop("rows", 10_000), options.pop("port", 0)
    options["sources"] = tuple(options.get("sources", ()))
    options["trust"] = tuple(options.get("trust", ()))
    feedback = FeedbackOptions(secret=SECRET, quality_rows=rows, **options)
    config = Config(feedback=feedback, logs=LogOptions(json=False))
    with capture(config) as captured:
        ready = {"pid": os.getpid()}
        if kind == "http":
            ready["port"] = _serve(port)
        _tell(ready)
        for line in sys.stdin:
            asked = json.loads(line)
            if "items" in asked:
                done = otelml.feedback_many(asked["items"])
                answer = {"outcomes": dict(done.outcomes), "refused": [one.reason for one in done.refused]}  # fmt: skip
            else:
                answer = report_of(captured, rows)
            _tell(answer)


if __name__ == "__main__":
    main()
