"""A service whose cohorts are kept: ``python -m tests.labels._cohorts_service STORE``.

A line of JSON on stdin is a question, a line on stdout its answer. It writes ten times a second.
"""

from __future__ import annotations

import json
import os
import sys
import time

import otelml
from otelml._worker import cohorts
from otelml.config import Config, DriftOptions, FeedbackOptions, LogOptions
from otelml.testing import capture
from tests.labels._campaign import SECRET

cohorts._EVERY_S = 0.1


def _tell(what):
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def _predict(count):
    ids = []
    for _ in range(count):
        with otelml.prediction("loan", version="1", features={"x": 1.0}) as p:
            p.set_result(label="yes")
        ids.append(p.id)
    return ids


def _known(captured):
    captured.flush()
    concepts = captured._pipeline.processor.verdicts.concepts()
    return {
        f"{one.model} {one.version}": {
            "rows": sorted(
                row.value for cohort in one.cohorts.all() for row in cohort.rows.values()
            ),
            "lags": int(sum(cohort.lags.sum() for cohort in one.cohorts.all())),
            "started_s": one._started_s,
        }
        for one in concepts
    }


def main() -> None:
    feedback = FeedbackOptions(secret=SECRET, store=sys.argv[1])
    drift = DriftOptions(calibrate_for=0)
    with capture(Config(feedback=feedback, drift=drift, logs=LogOptions(json=False))) as captured:
        _tell({"pid": os.getpid()})
        for line in sys.stdin:
            asked = json.loads(line)
            if "predict" in asked:
                _tell({"ids": _predict(asked["predict"])})
            elif "labels" in asked:
                for prediction, actual in asked["labels"]:
                    otelml.feedback(prediction, actual)
                _tell({"acknowledged": len(asked["labels"])})
            elif "hold" in asked:  # from now on nothing is written
                cohorts.KeptCohorts._save = lambda *_: None
                time.sleep(0.3)
                _tell({"held": True})
            else:
                _tell(_known(captured))


if __name__ == "__main__":
    main()
