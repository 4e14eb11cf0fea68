"""Chunks of a job that are scored in other processes: what goes there, and what comes back.

Neither holds anything of the process that made it: both are plain data, which pickle takes.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import Link, SpanContext, TraceFlags

from otelml import _guard
from otelml import semconv_batch as names
from otelml._batch.delivery import deliver, lost_so_far
from otelml._batch.rows import features_in, rows_in
from otelml._batch.spans import BlockSpan
from otelml._prediction import Prediction, error_type

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_COMPONENT = "batch"


@dataclass(frozen=True, eq=False)
class ChunkDone:
    """A chunk that was scored in another process, for ``BatchJob.add``.

    Args:
        job: Name of the job.
        number: Of the chunk.
        rows: Its rows.
        keys: Random keys of the rows in ``columns``, as ``RowSample`` gives them.
        columns: The rows that drift is looked for in, by feature.
        delivered: Whether all of that process's telemetry was delivered when the chunk ended.
        undelivered: Items that were not, by signal.
        pid: The process.
    """

    job: str
    number: int
    rows: int
    keys: npt.NDArray[np.float64] | None = None
    columns: Mapping[str, Any] = field(default_factory=dict[str, Any])
    delivered: bool = False
    undelivered: Mapping[str, int] = field(default_factory=dict[str, int])
    pid: int = 0


@dataclass(frozen=True)
class RemoteJob:
    """A job as its workers know it; made by :meth:`BatchJob.remote`.

    Args:
        name: The job.
        model: Name of its model; each chunk is then one prediction.
        version: Version of that model.
        span: Trace id, span id and flags of the job's span; None where it has none.
        features: Names of the features that drift is looked for in; None without a reference.
        max_rows: Rows of a chunk that are sent back to be compared, at most.
        flush_timeout_s: Seconds that sending may take at the end of a chunk.
    """

    name: str
    model: str | None
    version: str | None
    span: tuple[int, int, int] | None
    features: tuple[str, ...] | None
    max_rows: int
    flush_timeout_s: float

    def chunk(self, rows: Any, number: int) -> RemoteChunk:
        """Return a block in which some rows are scored: ``with job.chunk(rows, 7) as chunk``.

        Its span is linked to the job's, as those of ``BatchJob.chunk`` are. When it ends, all
        telemetry of this process is sent: what runs the workers may end them without a word.
        ``init`` comes before, in each worker; to call it again changes nothing.

        Args:
            rows: A table, which drift is then looked for in, or the number of rows.
            number: Of the chunk, from 1; a chunk that is tried again has the same.
        """
        return RemoteChunk(self, rows, number)


class RemoteChunk:
    """Some rows of a job that runs elsewhere: a context manager.

    Args:
        job: The job.
        rows: A table, or a number of rows.
        number: Of the chunk.
    """

    def __init__(self, job: RemoteJob, rows: Any, number: int) -> None:
        self._job = job
        self._rows = rows
        self._block: BlockSpan | None = None
        self._lost: Counter[str] | None = None
        self.number = int(number)
        self.prediction: Prediction | None = None
        self.done: ChunkDone | None = None

    def __enter__(self) -> RemoteChunk:
        job = self._job
        self._lost = _guard.call(_COMPONENT, lost_so_far)
        name = names.SPAN_CHUNK.format(job=job.name)
        self._block = _guard.call(_COMPONENT, BlockSpan, name, _links(job.span))
        if job.model is not None:
            features = _guard.call(_COMPONENT, features_in, self._rows)
            self.prediction = Prediction(job.model, version=job.version, features=features)
            self.prediction.__enter__()
        return self

    def set_result(self, **result: Any) -> None:
        """Say what came out, as ``Prediction.set_result`` takes it; for a job with ``model=``."""
        if self.prediction is not None:
            self.prediction.set_result(**result)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self.prediction is not None:
            self.prediction.__exit__(exc_type, exc, tb)
        _guard.call(_COMPONENT, self._end, exc)

    def _end(self, exc: BaseException | None) -> None:
        job, count = self._job, _guard.call(_COMPONENT, rows_in, self._rows) or 0
        if self._block is not None:
            said = {
                names.ML_BATCH_NAME: job.name,
                names.ML_BATCH_CHUNK: self.number,
                names.ML_BATCH_ROWS_ATTRIBUTE: count,
            }
            self._block.end(said, error_type(exc) if exc is not None else "")
        kept = _guard.call(_COMPONENT, self._kept) if exc is None else None
        keys, columns = kept if kept is not None else (None, {})
        found = None
        if self._lost is not None:
            found = _guard.call(_COMPONENT, deliver, self._lost, job.flush_timeout_s)
        if exc is None:
            told = found if found is not None else (False, {})
            self.done = ChunkDone(job.name, self.number, count, keys, columns, *told, os.getpid())

    def _kept(self) -> tuple[npt.NDArray[np.float64], Mapping[str, Any]] | None:
        job = self._job
        if job.features is None or isinstance(self._rows, int):
            return None
        from otelml._batch.sample import RowSample

        sample = RowSample(job.features, job.max_rows, seed=self.number)
        sample.take(self._rows)
        return sample.keyed()


def _links(span: tuple[int, int, int] | None) -> tuple[Link, ...]:
    if span is None:
        return ()
    trace_id, span_id, flags = span
    return (Link(SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))),)
