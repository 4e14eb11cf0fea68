"""Every server and job runner with otelml and without: ``python -m tests.lifecycle.table``.

Prints two tables in Markdown. Words on the command line keep the rows that hold one of them.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.lifecycle._jobs import JOBS, work_off
from tests.lifecycle._kinds import KINDS
from tests.lifecycle._servers import measure

_REQUESTS = 100
_JOBS = 10


def main(words: list[str]) -> None:
    """Measure and print what the words choose.

    Args:
        words: Parts of names; all rows where there are none.
    """
    _say(
        "| server | answered | predictions in spans | in metrics | instances "
        "| SIGTERM to end, s: without | with |"
    )
    _say("|---|---|---|---|---|---|---|")
    for name, kind in _chosen(KINDS, words):
        plain = _in_folder(measure, kind, _REQUESTS, with_otelml=False)
        seen = _in_folder(measure, kind, _REQUESTS)
        asked = _REQUESTS + (1 if kind.drains else 0)
        answered = seen.answered + (1 if seen.last else 0)
        _say(
            f"| {name} | {answered} of {asked} | {seen.spans} | {seen.counted} | {seen.ids} "
            f"| {plain.ended_s:.1f} | {seen.ended_s:.1f} |"
        )
    _say(
        "\n| runner | jobs done | predictions in spans | in metrics | instances "
        "| to the last job, s: without | with | to the end, s: without | with |"
    )
    _say("|---|---|---|---|---|---|---|---|---|")
    for name, job in _chosen(JOBS, words):
        plain = _in_folder(work_off, job, _JOBS, with_otelml=False)
        done = _in_folder(work_off, job, _JOBS)
        _say(
            f"| {name} | {done.jobs} of {_JOBS} | {done.spans} | {done.counted} | {done.ids} "
            f"| {plain.jobs_s:.1f} | {done.jobs_s:.1f} | {plain.ended_s:.1f} | {done.ended_s:.1f} |"
        )


def _chosen(kinds, words):
    return [(n, k) for n, k in kinds.items() if not words or any(w in n for w in words)]


def _in_folder(function, *arguments, **options):
    with tempfile.TemporaryDirectory() as folder:
        return function(Path(folder), *arguments, **options)


def _say(line):
    print(line, flush=True)  # noqa: T201 - it is a command


if __name__ == "__main__":
    main(sys.argv[1:])
