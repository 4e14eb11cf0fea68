"""A nightly scoring job on Spark: each Arrow batch of ``mapInPandas`` is a chunk."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from model import predict, reference, table
from pyspark import TaskContext
from pyspark.sql import SparkSession

import otelml

ROWS, PARTITIONS = 2_000, 4
SCHEMA = "number long, done binary"
MOST_BATCHES = 1_000_000  # of a partition; chunk numbers are unique below that


def scorer(job: Any) -> Callable[[Iterator[pd.DataFrame]], Iterator[pd.DataFrame]]:
    """Return what scores a partition, in a Python worker of an executor.

    Args:
        job: What ``BatchJob.remote`` gave.
    """

    def score(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        # In the worker itself, never when its module is imported: Spark's daemon forks workers,
        # and uses them again for other tasks. Called again, init changes nothing.
        otelml.init("scorer")
        first = TaskContext.get().partitionId() * MOST_BATCHES + 1
        for number, batch in enumerate(batches, first):
            with job.chunk(batch, number) as chunk:
                labels = predict(batch)
                chunk.set_result(label=labels)
            # Write `labels` where your job does. By now everything was sent: Spark may kill a
            # worker that is idle, and no exit handler of Python's runs then.
            yield pd.DataFrame({"number": [number], "done": [pickle.dumps(chunk.done)]})

    return score


def main() -> None:
    """Score the table."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # else workers take `python3`
    spark = SparkSession.builder.master("local[2]").appName("nightly").getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    spark.sparkContext.addPyFile(str(Path(__file__).with_name("model.py")))
    frame = spark.createDataFrame(table(ROWS, shift=1.0)).repartition(PARTITIONS)
    otelml.init("scorer")
    job = otelml.batch(
        "nightly", model="loan", version="3", reference=reference(), every="1d", total=ROWS
    )
    with job:  # a task that failed too often raises here, and the run has failed
        for row in frame.mapInPandas(scorer(job.remote()), SCHEMA).toLocalIterator():
            job.add(pickle.loads(row.done))  # noqa: S301 - what our own workers sent
    result = job.result
    print(f"{result.rows} rows in {result.chunks} chunks, {result.failed_chunks} failed")
    print(f"drifted: {', '.join(result.drift.drifted)}; all telemetry arrived: {result.delivered}")
    spark.stop()


if __name__ == "__main__":
    main()
