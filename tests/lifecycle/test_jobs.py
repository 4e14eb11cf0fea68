"""Real job runners: every job is done, each prediction counted once, whatever ends the process."""

from __future__ import annotations

import pytest

from tests.lifecycle._jobs import JOBS, work_off

_COUNT = 10


@pytest.mark.slow
@pytest.mark.parametrize("name", JOBS)
def test_jobs(name, tmp_path):
    """A pool's child, a child a job, a thread: each prediction arrives, the exit code is 0."""
    done = work_off(tmp_path, JOBS[name], _COUNT)
    assert (done.jobs, done.code) == (_COUNT, 0), done.log
    assert (done.spans, done.counted) == (_COUNT, _COUNT), done.log
    if JOBS[name].a_process_each:
        assert done.ids >= _COUNT
