"""A nightly scoring job on Dask: each part is a task, scored in one of its worker processes."""

from __future__ import annotations

from typing import Any

import pandas as pd
from dask.distributed import Client, LocalCluster, as_completed
from model import predict, reference, table

import otelml

ROWS, PARTS = 2_000, 8


def score(part: pd.DataFrame, number: int, job: Any) -> Any:
    """Score a part, in a worker."""
    otelml.init("scorer")  # in each worker process; called again, it changes nothing
    with job.chunk(part, number) as chunk:
        chunk.set_result(label=predict(part))
    return chunk.done  # by now everything was sent


def main() -> None:
    """Score the table."""
    rows = table(ROWS, shift=1.0)
    size = ROWS // PARTS
    parts = [rows[at : at + size] for at in range(0, ROWS, size)]
    otelml.init("scorer")
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
        otelml.batch(
            "nightly", model="loan", version="3", reference=reference(), every="1d", total=ROWS
        ) as job,
    ):
        numbers = range(1, PARTS + 1)
        futures = client.map(score, parts, numbers, job=job.remote())
        for future in as_completed(futures):
            # An exception here is one of the part, or a worker that was killed too often.
            job.add(future.exception() or future.result())
    result = job.result
    print(f"{result.rows} rows in {result.chunks} chunks, {result.failed_chunks} failed")
    print(f"drifted: {', '.join(result.drift.drifted)}; all telemetry arrived: {result.delivered}")


if __name__ == "__main__":
    main()
