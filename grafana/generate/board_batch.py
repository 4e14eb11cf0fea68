"""The dashboard of batch jobs: their last runs, how fast, which rows drifted, which is missing."""

from __future__ import annotations

from typing import Final

from grafana.generate import boards, foreign, settings
from grafana.generate.boards import IN_SERVICE, Row
from grafana.generate.names import label
from grafana.generate.panels import Panel, Query, Spec, graph, number
from grafana.generate.promql import equals, matches, vector
from otelml import semconv_batch as names
from otelml.semconv import Metric

_JOB: Final = label(names.ML_BATCH_NAME)
_BY: Final = (foreign.SERVICE, _JOB)
_IN_JOB: Final = (IN_SERVICE, matches(names.ML_BATCH_NAME, "$job"))
_LEGEND: Final = f"{{{{{_JOB}}}}}"
_LATE: Final = ("BatchRunMissing",)
_NO_JOB: Final = "no batch job"


def _max(expression: str) -> str:
    return f"max by ({', '.join(_BY)}) ({expression})"


def _last(metric: Metric, *matchers: str) -> str:
    """Return the last value of a job, which has ended and sends nothing more."""
    selector = vector(metric, *_IN_JOB, *matchers)
    return _max(f"last_over_time({selector}[{settings.BATCH_LOOK_BACK}])")


def _ended(outcome: str) -> str:
    """Return when the last run of an outcome ended, over all processes."""
    selector = vector(names.ML_BATCH_LAST_RUN, *_IN_JOB, equals(names.ML_BATCH_OUTCOME, outcome))
    return _max(f"max_over_time({selector}[{settings.BATCH_LOOK_BACK}])")


def _now() -> list[Panel]:
    since = f"time() - {_ended(names.OUTCOME_DONE)}"
    due = f"(time() - {_ended(names.OUTCOME_DONE)})\n/ {_last(names.ML_BATCH_INTERVAL)}"
    failed = f"time() - {_ended(names.OUTCOME_FAILED)}"
    return [
        number(
            Spec(
                "Since the last good run",
                "Time since a run of the job ended well.",
                "s",
                [Query(since, _LEGEND)],
                width=8,
                height=5,
                runbooks=_LATE,
                empty="no good run",
            )
        ),
        number(
            Spec(
                "Intervals since the last good run",
                "From the limit on, an expected run is missing.",
                "none",
                [Query(due, _LEGEND)],
                limits=((1, "warning"), (settings.BATCH_LATE_FACTOR, "critical")),
                width=8,
                height=5,
                runbooks=_LATE,
                empty="no job with an interval",
            )
        ),
        number(
            Spec(
                "Since the last failed run",
                "Time since a run failed; its log event says by which error.",
                "s",
                [Query(failed, _LEGEND)],
                width=8,
                height=5,
                runbooks=_LATE,
                empty="no failed run",
            )
        ),
    ]


def _over_time() -> list[Panel]:
    chosen = (
        ("Rows", "Rows of each run.", "none", names.ML_BATCH_ROWS),
        ("Rows a second", "How fast each run was.", "none", names.ML_BATCH_THROUGHPUT),
        ("Duration", "How long each run took.", "s", names.ML_BATCH_DURATION),
        (
            "Drifted features",
            "Features of the whole batch that differ from the reference; its log event names them.",
            "none",
            names.ML_BATCH_DRIFT_FEATURES,
        ),
    )
    return [
        graph(
            Spec(
                title,
                meaning,
                unit,
                [Query(_last(metric), _LEGEND)],
                limits=((1, "warning"),) if metric is names.ML_BATCH_DRIFT_FEATURES else (),
                empty="no reference" if metric is names.ML_BATCH_DRIFT_FEATURES else _NO_JOB,
            )
        )
        for title, meaning, unit, metric in chosen
    ]


def render() -> str:
    """Return ``batch.json``."""
    metric = names.ML_BATCH_LAST_RUN
    return boards.render(
        "batch",
        "Batch jobs",
        "Batch jobs: the last run of each, rows, speed, drift, and the run that is missing.",
        [
            boards.service_variable(metric),
            boards.variable(
                "job", "Job", boards.label_values(metric, names.ML_BATCH_NAME, IN_SERVICE)
            ),
        ],
        [Row("Last run", _now()), Row("Runs", _over_time())],
    )
