"""A nightly scoring job of Airflow: a task, which runs in a process of its own, is the job."""

from __future__ import annotations

import datetime as dt

from airflow.sdk import dag, task

SCHEDULE = dt.timedelta(days=1)


@dag(schedule=SCHEDULE, start_date=dt.datetime(2025, 1, 1, tzinfo=dt.timezone.utc), catchup=False)
def nightly() -> None:
    """Score the table."""

    @task
    def score() -> dict[str, object]:
        # In the task: the scheduler, which reads this file too, is no job.
        from airflow.sdk import get_current_context
        from model import predict, reference, table

        import otelml

        otelml.init("scorer")
        with otelml.batch(
            get_current_context()["dag"].dag_id,
            model="loan",
            version="3",
            reference=reference(),
            every=SCHEDULE.total_seconds(),
        ) as job:
            for part in job.chunks(table(2_000, shift=1.0), size=250):
                otelml.current_prediction().set_result(label=predict(part))
        # The end of the block has sent everything: Airflow ends the process by os._exit.
        result = job.result
        return {
            "rows": result.rows,
            "chunks": result.chunks,
            "drifted": list(result.drift.drifted),
            "delivered": result.delivered,
        }

    score()


scoring = nightly()

if __name__ == "__main__":
    run = scoring.test()
    print(f"the run ended: {run.state}")
