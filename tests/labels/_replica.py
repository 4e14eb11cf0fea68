"""One replica of a service: ``python -m tests.labels._replica NAME STORE``; see ``test_jaeger.py``.

A line of JSON on stdin is a question, a line on stdout its answer.
"""

from __future__ import annotations

import json
import sys

import otelml
from otelml.config import FeedbackOptions, LogOptions
from tests._ids import SECRET


def main() -> None:
    name, store = sys.argv[1:]
    telemetry = otelml.init(
        name, metrics=False, logs=LogOptions(json=False, otlp=False), system=False,
        instrument="none", feedback=FeedbackOptions(secret=SECRET, store=store, services=("first", "second")),
    )  # fmt: skip
    for line in sys.stdin:
        asked = json.loads(line)
        if asked["do"] == "predict":
            with otelml.prediction("loan", version="3") as prediction:
                prediction.set_result(label="approved", confidence=0.8)
            answer = {"id": prediction.id}
        else:
            result = otelml.feedback(asked["id"], asked["actual"], source=asked["source"])
            answer = {"outcome": result.outcome}
        answer["flushed"] = telemetry.force_flush()
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
