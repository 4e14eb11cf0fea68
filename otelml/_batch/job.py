"""A scoring job: its chunks, how fast it is, whether its rows drifted, what was delivered.

What only a job needs is imported where it starts: importing otelml stays cheap elsewhere.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Any

from otelml import _guard
from otelml import semconv_batch as names
from otelml._batch.delivery import deliver, lost_so_far
from otelml._batch.progress import Progress, show_progress
from otelml._batch.remote import ChunkDone, RemoteJob
from otelml._batch.result import BatchResult
from otelml._batch.rows import features_in, rows_in
from otelml._batch.spans import BlockSpan
from otelml._durations import seconds
from otelml._metrics import LastRun, keep_run
from otelml._prediction import Prediction, error_type
from otelml._shown import shown
from otelml.exceptions import ConfigurationError
from otelml.semconv import ML_MODEL_NAME

if TYPE_CHECKING:
    from otelml._batch.sample import RowSample
    from otelml.drift import DriftResult
    from otelml.reference import Reference

_COMPONENT = "batch"
_FLUSH_S = 30.0
_MAX_ROWS = 200_000
_SIZE = 10_000
_SHOWN = 20
_logger = logging.getLogger("otelml.batch")


class Chunk:
    """Some rows of a job: a context manager, made by :meth:`BatchJob.chunk`.

    Args:
        job: The job.
        rows: A table, or a number of rows.
    """

    def __init__(self, job: BatchJob, rows: Any) -> None:
        self._job = job
        self._rows = rows
        self._block: BlockSpan | None = None
        self.number = 0
        self.prediction: Prediction | None = None

    def __enter__(self) -> Chunk:
        self.number, self._block = self._job.begin_chunk(self)
        if self._job.model is not None:
            features = _guard.call(_COMPONENT, features_in, self._rows)
            version = self._job.version
            self.prediction = Prediction(self._job.model, version=version, features=features)
            self.prediction.__enter__()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        block, self._block = self._block, None
        if block is None:
            return
        if self.prediction is not None:
            self.prediction.__exit__(exc_type, exc, tb)
        _guard.call(_COMPONENT, self._job.end_chunk, self, self._rows, block, exc)

    def set_result(self, **result: Any) -> None:
        """Say what came out, as ``Prediction.set_result`` takes it; for a job with ``model=``."""
        if self.prediction is not None:
            self.prediction.set_result(**result)


class BatchJob:
    """A run of a scoring job: a context manager. It raises nothing of its own in the block.

    Chunks are spans that begin traces of their own, each with a link to the job's. When the
    block ends, the whole batch is compared with the reference, and everything is sent.

    Args:
        name: The job, the same at each run.
        model: Name of the model: each chunk is then one prediction of it. Without it, the model
            calls inside the chunks are predictions, where an instrumentor sees them.
        version: Version of that model.
        reference: What the rows looked like at training: a ``Reference``, or the path of one.
        total: Rows of the whole batch, for the progress.
        every: How often the job is to run: seconds, or ``1h``, ``1d``, ``7d``. An alert fires
            when a run is missing.
        progress: False shows none; by default a bar on a terminal, plain lines elsewhere.
        max_rows: Rows that are compared; of more, a uniform sample of so many.
        flush_timeout_s: Seconds that sending everything may take at the end.

    Raises:
        ConfigurationError: ``every`` is no duration, or a bound is not positive.
        InvalidReferenceError: The reference cannot be used.
    """

    def __init__(
        self,
        name: str,
        *,
        model: str | None = None,
        version: str | None = None,
        reference: Reference | str | PathLike[str] | None = None,
        total: int | None = None,
        every: str | float | None = None,
        progress: bool | None = None,
        max_rows: int = _MAX_ROWS,
        flush_timeout_s: float = _FLUSH_S,
    ) -> None:
        if max_rows < 1 or not flush_timeout_s > 0:
            raise ConfigurationError(
                f"max_rows is {shown(max_rows)}, flush_timeout_s is {shown(flush_timeout_s)}; "
                "both must be positive"
            )
        self.name = str(name)
        self.model = model
        self.version = version
        self.result: BatchResult | None = None
        self._reference = _loaded(reference) if reference is not None else None
        self._interval_s = seconds("every", every) if every is not None else None
        self._total = total
        self._progress_wanted = progress
        self._flush_s = flush_timeout_s
        self._max_rows = max_rows
        self._reset()

    def _reset(self) -> None:
        self._rows = self._chunks = self._failed = 0
        self._open: list[Chunk] = []
        self._left: Chunk | None = None
        self._sample: RowSample | None = None
        if self._reference is not None:
            from otelml._batch.sample import RowSample

            self._sample = RowSample(self._reference, self._max_rows)
        self._added: set[int] = set()
        self._far_lost: Counter[str] = Counter()
        self._far_delivered = True
        self._block: BlockSpan | None = None
        self._progress: Progress | None = None
        self._started_s = time.monotonic()

    def __enter__(self) -> BatchJob:
        self._reset()
        self._lost = _guard.call(_COMPONENT, lost_so_far)
        self._block = _guard.call(_COMPONENT, BlockSpan, names.SPAN_BATCH.format(job=self.name))
        wanted = self._progress_wanted
        self._progress = _guard.call(_COMPONENT, show_progress, self.name, self._total, wanted)
        return self

    # --- chunks -----------------------------------------------------------------------------

    def chunk(self, rows: Any) -> Chunk:
        """Return a block in which some rows are scored: ``with job.chunk(rows): ...``.

        Args:
            rows: A table, which drift is then looked for in, or the number of rows.
        """
        return Chunk(self, rows)

    def chunks(self, table: Any, size: int = _SIZE) -> Iterator[Any]:
        """Yield the parts of a table, each of ``size`` rows inside its own chunk.

        Args:
            table: A data frame, array, mapping of columns or list of rows; or an iterator of
                such tables (``pandas.read_csv(chunksize=)``), whose items are the chunks.
            size: Rows of a chunk.

        Raises:
            ConfigurationError: ``size`` is not positive.
        """
        if size < 1:
            raise ConfigurationError(f"size is {shown(size)}; it must be positive")
        return self._parts(iter(table) if _is_iterator(table) else _slices(table, size))

    def _parts(self, parts: Iterator[Any]) -> Generator[Any]:
        for part in parts:
            chunk = self.chunk(part).__enter__()
            try:
                yield part
            except GeneratorExit:
                # Left by a break or by an error, which is known when the job ends; until then, or
                # until the next chunk, what comes is part of this one.
                self._left = chunk
                raise
            except BaseException as error:
                chunk.__exit__(type(error), error, error.__traceback__)
                raise
            chunk.__exit__(None, None, None)

    def remote(self) -> RemoteJob:
        """Return the job for processes that score its chunks; inside the block, for pickle.

        Example:
            >>> def score(part, number, job):  # in a worker, which has called init
            ...     with job.chunk(part, number) as chunk:
            ...         chunk.set_result(label=model.predict(part))
            ...     return chunk.done
        """
        context = self._block.span.get_span_context() if self._block is not None else None
        span = None
        if context is not None and context.is_valid:
            span = (context.trace_id, context.span_id, int(context.trace_flags))
        features = tuple(self._reference.features) if self._reference is not None else None
        sent = (self._max_rows, self._flush_s)
        return RemoteJob(self.name, self.model, self.version, span, features, *sent)

    def add(self, chunk: ChunkDone | BaseException) -> None:
        """Count a chunk that was scored in another process.

        Args:
            chunk: Its ``done``; or the exception that the chunk, or its worker, ended with: it
                counts as one that failed.
        """
        _guard.call(_COMPONENT, self._add, chunk)

    def _add(self, chunk: ChunkDone | BaseException) -> None:
        if isinstance(chunk, BaseException):
            self._failed += 1
            return
        if chunk.number in self._added:
            return
        self._added.add(chunk.number)
        self._far_lost.update(chunk.undelivered)
        self._far_delivered &= chunk.delivered
        if self._sample is not None and chunk.keys is not None:
            _guard.call(_COMPONENT, self._sample.put, chunk.keys, chunk.columns)
        self._count(chunk.rows)

    def _count(self, rows: int) -> None:
        self._chunks += 1
        self._rows += rows
        if self._progress is not None:
            elapsed_s = time.monotonic() - self._started_s
            _guard.call(_COMPONENT, self._progress.advance, self._rows, elapsed_s)

    def begin_chunk(self, chunk: Chunk) -> tuple[int, BlockSpan | None]:
        """Begin a chunk; return its number and its span."""
        left, self._left = self._left, None
        if left is not None:
            left.__exit__(None, None, None)
        self._open.append(chunk)
        links = self._block.link if self._block is not None else ()
        name = names.SPAN_CHUNK.format(job=self.name)
        span = _guard.call(_COMPONENT, BlockSpan, name, links)
        return self._chunks + self._failed + len(self._open), span

    def end_chunk(
        self, chunk: Chunk, rows: Any, block: BlockSpan, exc: BaseException | None
    ) -> None:
        """End a chunk; its rows count where it ended well."""
        if chunk in self._open:
            self._open.remove(chunk)
        failed = exc is not None and not _ended_well(exc)
        count = _guard.call(_COMPONENT, rows_in, rows) or 0
        said: dict[str, Any] = {
            names.ML_BATCH_NAME: self.name,
            names.ML_BATCH_CHUNK: chunk.number,
            names.ML_BATCH_ROWS_ATTRIBUTE: count,
        }
        block.end(said, error_type(exc) if exc is not None and failed else "")
        if failed:
            self._failed += 1
            return
        if self._sample is not None and not isinstance(rows, int):
            _guard.call(_COMPONENT, self._sample.take, rows)
        self._count(count)

    # --- the end ----------------------------------------------------------------------------

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        for chunk in reversed(list(self._open)):  # a generator that was left, or broke off
            chunk.__exit__(exc_type, exc, tb)
        _guard.call(_COMPONENT, self._end, exc)

    def _end(self, exc: BaseException | None) -> None:
        duration_s = time.monotonic() - self._started_s
        error = "" if exc is None or _ended_well(exc) else error_type(exc)
        if self._progress is not None:
            _guard.call(_COMPONENT, self._progress.stop, self._rows, duration_s)
        drift = _guard.call(_COMPONENT, self._compare)
        compared = drift.rows if drift is not None else 0
        outcome = names.OUTCOME_FAILED if error else names.OUTCOME_DONE
        ends_s = {outcome: time.time()}
        drifted = len(drift.drifted) if drift is not None else None
        model, every = self.model or "", self._interval_s
        keep_run(LastRun(self.name, model, ends_s, every, self._rows, duration_s, drifted))
        said = self._said(outcome, duration_s, drift)
        _guard.call(_COMPONENT, self._log, said, drift, error)
        if self._block is not None:
            self._block.end(said, error)
        delivered, undelivered = self._deliver()
        counts = (self._rows, self._chunks, self._failed)
        self.result = BatchResult(
            self.name, *counts, duration_s, error, drift, compared, delivered, undelivered
        )

    def _deliver(self) -> tuple[bool, Mapping[str, int]]:
        if self._lost is None:
            return False, {}
        found = _guard.call(_COMPONENT, deliver, self._lost, self._flush_s)
        if found is None:
            return False, {}
        delivered, lost = found[0] and self._far_delivered, Counter(found[1]) + self._far_lost
        if lost:
            what = ", ".join(f"{count} {name}" for name, count in lost.items())
            _logger.warning("otelml: batch %s: not delivered: %s", self.name, what)
        return delivered, dict(lost)

    def _compare(self) -> DriftResult | None:
        if self._sample is None or self._reference is None or not self._sample.rows:
            return None
        from otelml.drift import compare

        return compare(self._reference, self._sample.columns())

    def _said(self, outcome: str, duration_s: float, drift: DriftResult | None) -> dict[str, Any]:
        said: dict[str, Any] = {
            names.ML_BATCH_NAME: self.name,
            names.ML_BATCH_OUTCOME: outcome,
            names.ML_BATCH_ROWS_ATTRIBUTE: self._rows,
            names.ML_BATCH_CHUNKS: self._chunks,
            names.ML_BATCH_FAILED_CHUNKS: self._failed,
            names.ML_BATCH_DURATION_ATTRIBUTE: duration_s,
        }
        if self.model:
            said[ML_MODEL_NAME] = self.model
        if drift is not None:
            said[names.ML_BATCH_COMPARED] = drift.rows
            said[names.ML_BATCH_DRIFTED] = drift.drifted[:_SHOWN]
        return said

    def _log(self, said: dict[str, Any], drift: DriftResult | None, error: str) -> None:
        from otelml._worker import EVENT_NAME, write_record

        words = f"failed by {error}" if error else "done"
        if drift is not None and drift.drifted:
            words += f", {len(drift.drifted)} of {len(drift.features)} features drifted"
        if self._failed:
            words += f", {self._failed} chunks failed"
        is_well = not self._failed and (drift is None or not drift.drifted)
        level = logging.ERROR if error else logging.INFO if is_well else logging.WARNING
        message = f"batch {self.name}: {self._rows} rows in {self._chunks} chunks, {words}"
        extra = {EVENT_NAME: names.EVENT_BATCH_FINISHED, **said}
        span = self._block.span if self._block is not None else None
        write_record(_logger, level, message, extra, span, time.time_ns())


def _loaded(reference: Reference | str | PathLike[str]) -> Reference:
    from otelml._monitor import load_reference

    return load_reference(reference)


def _ended_well(exc: BaseException) -> bool:
    return isinstance(exc, SystemExit) and exc.code in {None, 0}


def _is_iterator(table: Any) -> bool:
    return hasattr(table, "__next__") or not hasattr(table, "__len__")


def _slices(table: Any, size: int) -> Iterator[Any]:
    rows = rows_in(table)
    for start in range(0, rows, size):
        end = min(start + size, rows)
        if isinstance(table, Mapping):
            yield {name: values[start:end] for name, values in table.items()}
        else:
            yield getattr(table, "iloc", table)[start:end]
