"""The alert on batch jobs, its runbook and its unit tests: a run that did not come."""

from __future__ import annotations

from typing import Final

from grafana.generate import foreign, settings
from grafana.generate.alert import DURATION, Alert, tag
from grafana.generate.names import label
from grafana.generate.promql import equals, vector
from grafana.generate.runbook_parts import Runbook
from grafana.generate.scenes import Fired, Scene, named, series
from otelml import semconv_batch as names

_NAME: Final = "BatchRunMissing"
_JOB: Final = (foreign.SERVICE, label(names.ML_BATCH_NAME))
_DONE: Final = equals(names.ML_BATCH_OUTCOME, names.OUTCOME_DONE)


def _latest(selector: str) -> str:
    """Return the largest value of a job's last runs, which have ended and send nothing more."""
    return f"max by ({', '.join(_JOB)}) (max_over_time({selector}[{settings.BATCH_LOOK_BACK}]))"


_LAST: Final = _latest(vector(names.ML_BATCH_LAST_RUN, _DONE))
_SINCE: Final = f"time() - {_LAST}"


def alerts() -> list[Alert]:
    """Return it."""
    every = vector(names.ML_BATCH_INTERVAL)
    return [
        Alert(
            _NAME,
            "critical",
            f"{_SINCE}\n> {settings.BATCH_LATE_FACTOR:g} * "
            f"max by ({', '.join(_JOB)}) (last_over_time({every}[{settings.BATCH_LOOK_BACK}]))",
            "5m",
            f"Batch {tag(names.ML_BATCH_NAME)} of {tag(foreign.SERVICE)} has not run for "
            f"{DURATION}",
            f"The last run that ended well was {DURATION} ago; a run is missing after "
            f"{settings.BATCH_LATE_FACTOR:g} times its interval.",
        )
    ]


def runbooks() -> dict[str, Runbook]:
    """Return what to do about it."""
    failed = equals(names.ML_BATCH_OUTCOME, names.OUTCOME_FAILED)
    return {
        _NAME: Runbook(
            "A scoring job that is expected at an interval (`otelml.batch(every=)`) has had no "
            "run that ended well for longer than that. Whoever reads its scores reads old ones.",
            (
                (
                    "The scheduler did not start it: a paused schedule, a full cluster, an image "
                    "that cannot be pulled"
                ),
                "It started, and failed or hangs",
                "It ran, and its telemetry did not arrive",
                "The job was given up, or has another name or interval now",
            ),
            (
                ("How long ago was the last good run?", _SINCE),
                (
                    "Has it failed since?",
                    f"time() - {_latest(vector(names.ML_BATCH_LAST_RUN, failed))}",
                ),
                (
                    "Was it slower each time?",
                    f"max_over_time({vector(names.ML_BATCH_DURATION)}[{settings.BATCH_LOOK_BACK}])",
                ),
                (
                    (
                        f"The log event `{names.EVENT_BATCH_FINISHED}` of the last runs says rows, "
                        "chunks and the error; the job's trace shows the chunk that failed."
                    ),
                    "",
                ),
            ),
            (
                "If the scheduler did not start it, start it by hand, then mend the schedule.",
                (
                    "If it failed, the exception is in its log. A job that hangs has chunk spans "
                    "up to where it hangs, and no job span yet."
                ),
                (
                    "If only telemetry is missing: its log says what was not delivered; `otelml "
                    "doctor` in its environment says where it stops."
                ),
                (
                    "If the job was given up, silence the alert; it ends by itself "
                    f"{settings.BATCH_LOOK_BACK} after the last run."
                ),
            ),
        )
    }


def scenes() -> list[Scene]:
    """Return its unit tests. Minutes stand for the interval: one hour, looked at in seconds."""
    job = {foreign.SERVICE: "scorer", names.ML_BATCH_NAME: "nightly"}
    last = series(names.ML_BATCH_LAST_RUN, {**job, names.ML_BATCH_OUTCOME: names.OUTCOME_DONE})
    failed = series(names.ML_BATCH_LAST_RUN, {**job, names.ML_BATCH_OUTCOME: names.OUTCOME_FAILED})
    every = series(names.ML_BATCH_INTERVAL, job)
    said = Fired(
        "critical",
        named(job),
        "Batch nightly of scorer has not run for 2h 0m 0s",
        "The last run that ended well was 2h 0m 0s ago; a run is missing after 1.5 times its "
        "interval.",
    )
    return [
        Scene(
            _NAME,
            "an hourly job that ran once, two hours ago, and sends nothing since",
            {last: "0x2", every: "3600x2"},
            "2h",
            [said],
        ),
        Scene(
            _NAME,
            "it has failed since, which is no run",
            {last: "0x2", every: "3600x120", failed: "_x60 3600x2"},
            "2h",
            [said],
        ),
        Scene(
            _NAME,
            "another process has run it an hour later",
            {
                last: "0x2",
                every: "3600x2",
                series(
                    names.ML_BATCH_LAST_RUN,
                    {**job, names.ML_BATCH_OUTCOME: names.OUTCOME_DONE, foreign.INSTANCE: "b"},
                ): "_x60 3600x2",
            },
            "2h",
        ),
        Scene(
            _NAME,
            "a job without an interval",
            {last: "0x2"},
            "2h",
        ),
        Scene(_NAME, "a run is a little late", {last: "0x2", every: "3600x2"}, "1h20m"),
    ]
