"""Takes in files: OTLP JSON, also one document a line, and Jaeger's JSON."""

from __future__ import annotations

import io
import json
import os
import stat
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from otelml.exceptions import ConfigurationError
from otelml.viewer.decode import (
    TooMuchError,
    decode_traces,
    is_jaeger,
    parse_jaeger,
    weigh_json,
)
from otelml.viewer.receive.inflate import DamagedError, Inflating, TooLargeError
from otelml.viewer.receive.signals import COMMIT_WAIT_S, SIGNALS, Signal
from otelml.viewer.records import COLLIDING, MALFORMED, Batch
from otelml.viewer.store import Store

# A document is held in memory as a whole, and what is made of its parts beside it.
MAX_DOCUMENT_BYTES = 128 * 1024 * 1024
MAX_DOCUMENT_PARTS = 2_000_000
MAX_FILE_BYTES = 16 * 1024 * 1024 * 1024
# Lines that hold nothing, or nothing that is known, one after the other.
MAX_IDLE_LINES = 100_000
_GZIP = b"\x1f\x8b"
_KEYS = {
    "resourceSpans": "traces", "resource_spans": "traces",
    "resourceMetrics": "metrics", "resource_metrics": "metrics",
    "resourceLogs": "logs", "resource_logs": "logs",
}  # fmt: skip
_WAITING = 50
_MAX_TRACES = 1000


@dataclass(slots=True)
class Loaded:
    """What came in from a file.

    Args:
        spans: Spans in it that could be read; likewise logs and points.
        known: Spans that were stored already.
        added: What was not, by ``traces``, ``spans``, ``logs`` and ``points``.
        trace_ids: The traces that its spans are of, as hexadecimal; the first thousand.
        reasons: How many items were left out, by reason.
        messages: What was wrong with the first of each reason.
    """

    spans: int = 0
    logs: int = 0
    points: int = 0
    known: int = 0
    added: Counter[str] = field(default_factory=Counter[str])
    trace_ids: dict[str, None] = field(default_factory=dict[str, None])
    reasons: Counter[str] = field(default_factory=Counter[str])
    messages: dict[str, str] = field(default_factory=dict[str, str])

    def __str__(self) -> str:
        """Return the counts as a sentence."""
        counts = (
            (self.spans, "span"),
            (self.logs, "log record"),
            (self.points, "metric point"),
        )
        found = [_many(count, name) for count, name in counts if count]
        said = " and ".join(found) or "nothing"
        if self.added["traces"]:
            said += f", {_many(self.added['traces'], 'new trace')}"
        if self.known:
            said += f"; {_many(self.known, 'span')} of them stored already"
        for reason, count in self.reasons.items():
            said += f"; {count} left out ({reason}): {self.messages[reason]}"
        return said


def _many(count: int, name: str) -> str:
    return f"{count} {name}{'' if count == 1 else 's'}"


def load(store: Store, path: Path) -> Loaded:
    """Store what a file holds.

    Raises:
        ConfigurationError: It cannot be read, or holds nothing that the viewer knows.
    """
    try:
        with open_regular(path) as file:
            return load_from(store, file, f"--import {path}")
    except OSError as error:
        raise ConfigurationError(
            f"--import {path}: cannot be read: {error.strerror or error}"
        ) from error


def open_regular(path: Path) -> IO[bytes]:
    """Open a file to read it; what is no plain file is refused, for it may never end.

    Raises:
        ConfigurationError: It is a folder, a device or a pipe.
        OSError: It cannot be opened.
    """
    if path.is_symlink():
        raise ConfigurationError(f"--import {path}: a link to {path.resolve()}; name that file")
    # Without waiting for whoever would write into a pipe. Not all systems have each of these.
    flags = sum(getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOFOLLOW", "O_BINARY"))
    descriptor = os.open(path, os.O_RDONLY | flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ConfigurationError(f"--import {path}: a folder, a device or a pipe; give it a file")
    return os.fdopen(descriptor, "rb")


def load_from(store: Store, file: IO[bytes], name: str, limit: int = MAX_FILE_BYTES) -> Loaded:
    """Store what an open file holds.

    Args:
        store: Where it goes.
        file: The file.
        name: What messages call it.
        limit: How many bytes it may unpack to.

    Raises:
        ConfigurationError: It holds nothing that the viewer knows, or more than is taken.
    """
    found = Loaded()
    waiting: list[tuple[Batch, Future[None]]] = []
    known = False
    for document, raw in _documents(file, name, found, limit):
        for batch in _batches(document, raw):
            known = True
            _note(found, batch)
            waiting.append((batch, store.submit(batch)))
            if len(waiting) > _WAITING:
                _settle(found, waiting)
    while waiting:
        _settle(found, waiting)
    if not known:
        why = "; ".join(found.messages.values()) or "it has neither resourceSpans nor traceID"
        raise ConfigurationError(
            f"{name}: neither OTLP JSON (one document, or one a line) nor Jaeger's: {why}"
        )
    return found


def _settle(found: Loaded, waiting: list[tuple[Batch, Future[None]]]) -> None:
    """Wait for the first batch, and count what the store did not take of it."""
    batch, future = waiting.pop(0)
    future.result(COMMIT_WAIT_S)
    found.added.update(batch.added)
    # Those of impossible times are no longer in the batch.
    found.known += len(batch.spans) - batch.added["spans"] - batch.reasons[COLLIDING]
    for reason, count in batch.reasons.items():
        found.reasons[reason] += count
        found.messages.setdefault(reason, batch.messages[reason])


def _note(found: Loaded, batch: Batch) -> None:
    found.spans += len(batch.spans)
    found.logs += len(batch.logs)
    found.points += sum(len(metric.points) for metric in batch.metrics)
    for span in batch.spans:
        if len(found.trace_ids) < _MAX_TRACES:
            found.trace_ids[span.trace_id.hex()] = None


def _batches(document: Any, raw: bytes) -> Iterator[Batch]:
    """Yield what a document holds, a batch for each signal."""
    if is_jaeger(document):
        request, bad = parse_jaeger(document)
        batch = decode_traces(request)
        batch.reject("a span is not as Jaeger writes it", MALFORMED, bad)
        yield batch
        return
    if not isinstance(document, dict):
        return
    for name in dict.fromkeys(_KEYS[key] for key in document if key in _KEYS):
        signal: Signal = SIGNALS[name]
        try:
            yield signal.read(raw, is_json=True, parts=MAX_DOCUMENT_PARTS)
        except ValueError as error:
            batch = Batch()
            batch.reject(str(error), MALFORMED)
            yield batch


def _documents(
    file: IO[bytes], name: str, found: Loaded, limit: int
) -> Iterator[tuple[Any, bytes]]:
    """Yield the documents of a file: itself, or its lines."""
    head = file.read(len(_GZIP))
    file.seek(0)
    try:
        if head == _GZIP:
            unpacked = io.BufferedReader(Inflating(file, limit))
            yield from _of_lines(unpacked, name, found)
        else:
            yield from _of_lines(file, name, found)
    except DamagedError as error:
        raise ConfigurationError(f"{name}: the gzip file is damaged: {error}") from error
    except TooLargeError as error:
        raise ConfigurationError(f"{name}: {error}") from error


def _of_lines(
    file: IO[bytes] | io.BufferedReader, name: str, found: Loaded
) -> Iterator[tuple[Any, bytes]]:
    first = file.readline(MAX_DOCUMENT_BYTES + 1)
    document = _parse(first, name)
    if document is None:
        # No document of its own: the file is one, over many lines, or none at all.
        raw = first + file.read(max(0, MAX_DOCUMENT_BYTES + 1 - len(first)))
        document = _parse(raw, name)
        if document is not None:
            yield document, raw
            return
        found.messages["line"] = _why(raw)
        return
    yield document, first
    idle = 0
    for number, line in enumerate(iter(lambda: file.readline(MAX_DOCUMENT_BYTES + 1), b""), 2):
        idle += 1
        if idle > MAX_IDLE_LINES:
            raise ConfigurationError(f"{name}: {MAX_IDLE_LINES} lines in a row hold nothing")
        if not line.strip():
            continue
        document = _parse(line, name)
        if document is None:
            found.reasons[MALFORMED] += 1
            found.messages.setdefault(MALFORMED, f"line {number} is not JSON")
        else:
            idle = 0 if document else idle
            yield document, line


def _parse(raw: bytes, name: str) -> Any:
    """Return a JSON document, or None where it is none.

    Raises:
        ConfigurationError: It is larger than what is read at a time.
    """
    if len(raw) > MAX_DOCUMENT_BYTES:
        raise ConfigurationError(
            f"{name}: a single document of more than {MAX_DOCUMENT_BYTES >> 20} MiB;"
            " write one a line instead"
        )
    try:
        weigh_json(raw, MAX_DOCUMENT_PARTS)
    except TooMuchError as error:
        raise ConfigurationError(f"{name}: {error}; write one a line instead") from error
    try:
        return json.loads(raw.decode("utf-8-sig", "surrogateescape"))
    except (ValueError, RecursionError):
        return None


def _why(raw: bytes) -> str:
    if not raw.strip():
        return "the file is empty"
    try:
        json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return "it is not text"
    except RecursionError:
        return "it is nested too deeply"
    except ValueError as error:
        return f"not JSON: {error}"
    return "not JSON"
