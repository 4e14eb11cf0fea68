"""Requests of the inference client: bodies by protocol, sent over connections that are kept."""

from __future__ import annotations

import http.client
import json
import math
import queue
import secrets
import select
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from otelml._shown import shown_path
from otelml.cli._bodies import read_json, read_rows
from otelml.exceptions import ConfigurationError

__all__ = [
    "PROTOCOLS",
    "Answer",
    "Sent",
    "Target",
    "bodies_of",
    "protocol_of",
    "read_payload",
    "send_all",
]

PROTOCOLS: Final = ("mlflow", "v2", "json")
_WHOLE: Final = ("dataframe_split", "dataframe_records", "instances", "inputs")
_ERROR: Final = 400
_MOST_ANSWER: Final = 64 << 20
_BLOCK: Final = 1 << 16
_BROKEN: Final = 500
_BOOLEANS: Final = {"true": True, "false": False}  # as data frames write and read them in CSV


@dataclass(frozen=True)
class Target:
    """Where requests go.

    Args:
        scheme: ``http`` or ``https``.
        host: Its name.
        port: Its port; None takes the scheme's.
        path: Path and query.
    """

    scheme: str
    host: str
    port: int | None
    path: str

    @classmethod
    def of(cls, url: str) -> Target:
        """Return what a URL says.

        Raises:
            ConfigurationError: It is no http(s) URL.
        """
        parts = urlsplit(url if "://" in url else f"http://{url}")
        try:
            good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
            port = parts.port
        except ValueError:
            good, port = False, None
        if not good or not url.isascii():
            raise ConfigurationError(
                "what was given is not a URL, such as http://127.0.0.1:5000/invocations"
            )
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(parts.scheme, parts.hostname or "", port, path)

    def connect(self, timeout_s: float) -> http.client.HTTPConnection:
        """Return a connection, not yet open."""
        secure = self.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        return kind(self.host, self.port, timeout=timeout_s)


@dataclass(frozen=True)
class Answer:
    """What came of one request.

    Args:
        number: Which request, from 0.
        trace_id: Of its trace, 32 hexadecimal digits.
        status: Of the answer; 0 where there was none.
        body: Of the answer.
        duration_s: Seconds until the last byte.
        error: Why there was no answer.
        prediction_id: What ``X-Prediction-Id`` said.
    """

    number: int
    trace_id: str
    status: int
    body: bytes
    duration_s: float
    error: str = ""
    prediction_id: str = ""

    @property
    def ok(self) -> bool:
        """Whether it was answered, and not by an error."""
        return 0 < self.status < _ERROR


@dataclass
class Sent:
    """What came of all requests.

    Args:
        total: Requests to send.
        count: Requests that came to an end.
        latencies_s: Seconds of those that were answered.
        failed: Those that were not answered, or by an error, by reason.
        failures: A few of them.
        slowest: The slowest.
    """

    total: int
    count: int = 0
    latencies_s: list[float] = field(default_factory=list[float])
    failed: Counter[str] = field(default_factory=Counter[str])
    failures: list[Answer] = field(default_factory=list[Answer])
    slowest: Answer | None = None

    def add(self, answer: Answer, kept: int = 3) -> None:
        """Take in an answer; a few of those that failed are kept."""
        self.count += 1
        if answer.status:
            self.latencies_s.append(answer.duration_s)
        if not answer.ok:
            self.failed[answer.error or str(answer.status)] += 1
            if len(self.failures) < kept:
                self.failures.append(answer)
        if self.slowest is None or answer.duration_s > self.slowest.duration_s:
            self.slowest = answer

    def quantile_s(self, share: float) -> float:
        """Return the latency that ``share`` of the answers stay below; NaN without any."""
        ordered = sorted(self.latencies_s)
        place = min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)
        return ordered[place] if ordered else math.nan


def protocol_of(path: str) -> str:
    """Return the protocol that a URL's path is of.

    >>> protocol_of("/invocations"), protocol_of("/v2/models/loan/infer"), protocol_of("/predict")
    ('mlflow', 'v2', 'json')
    """
    bare = path.partition("?")[0]
    if bare.endswith("/invocations"):
        return "mlflow"
    return "v2" if "/v2/models/" in bare and bare.endswith("/infer") else "json"


def read_payload(path: Path) -> tuple[Any, list[dict[str, Any]]]:
    """Return a body that is sent as it is, else the rows of a file.

    Args:
        path: CSV, Parquet, or JSON: a row, a list of rows, or a whole body of MLflow or V2.

    Raises:
        ConfigurationError: It is none of these, or has no row.
        InvalidReferenceError: The table cannot be read.
    """
    if path.suffix == ".json":
        content = read_json("--data", path)
        if isinstance(content, dict):
            whole = any(isinstance(content.get(name), (list, dict)) for name in _WHOLE)
            return (content, []) if whole else (None, [content])
    rows = read_rows("--data", path)
    if not rows:
        raise ConfigurationError(f"--data {shown_path(path)} has no row")
    return None, _typed(rows) if path.suffix not in {".json", ".parquet"} else rows


def _typed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows of a CSV file, whose texts ``true`` and ``false`` are booleans by column.

    >>> _typed([{"a": "True", "b": "true"}, {"a": None, "b": "yes"}])
    [{'a': True, 'b': 'true'}, {'a': None, 'b': 'yes'}]
    """
    for name in rows[0]:
        texts = {row[name] for row in rows if row[name] is not None}
        if texts and all(isinstance(text, str) and text.lower() in _BOOLEANS for text in texts):
            for row in rows:
                row[name] = None if row[name] is None else _BOOLEANS[row[name].lower()]
    return rows


def bodies_of(protocol: str, rows: Sequence[dict[str, Any]], size: int) -> Iterator[bytes]:
    """Yield the bodies of some rows, ``size`` rows each.

    Args:
        protocol: ``mlflow``, ``v2``, or ``json``: a row as it is, several as a list.
        rows: Rows with the same columns.
        size: Rows of a request.
    """
    for at in range(0, len(rows), size):
        part = rows[at : at + size]
        yield json.dumps(_body(protocol, part, alone=size == 1)).encode()


def _body(protocol: str, rows: Sequence[dict[str, Any]], *, alone: bool) -> Any:
    names = list(rows[0])
    if protocol == "mlflow":
        data = [[row.get(name) for name in names] for row in rows]
        return {"dataframe_split": {"columns": names, "data": data}}
    if protocol == "v2":
        columns = [_tensor(name, [row.get(name) for row in rows]) for name in names]
        # To MLServer, columns of a data frame: without, it takes one tensor of all of them.
        return {"parameters": {"content_type": "pd"}, "inputs": columns}
    return rows[0] if alone else list(rows)


def _tensor(name: str, values: list[Any]) -> dict[str, Any]:
    if all(isinstance(value, bool) for value in values):
        kind = "BOOL"
    elif all(isinstance(value, int) for value in values):
        kind = "INT64"
    elif all(isinstance(value, (int, float)) for value in values):
        kind = "FP64"
    else:
        kind = "BYTES"
        values = ["" if value is None else str(value) for value in values]
    return {"name": name, "shape": [len(values), 1], "datatype": kind, "data": values}


def send_all(
    target: Target,
    bodies: Sequence[bytes],
    *,
    workers: int,
    timeout_s: float,
    stop: threading.Event,
    headers: dict[str, str] | None = None,
) -> Iterator[Answer]:
    """Send bodies and yield the answers as they come, each body once and in turn.

    Args:
        target: Where to.
        bodies: What to send.
        workers: Requests that may be unanswered at a time.
        timeout_s: Seconds that an answer may take.
        stop: Ends it when set.
        headers: Further headers.
    """
    waiting: queue.SimpleQueue[tuple[int, bytes]] = queue.SimpleQueue()
    for item in enumerate(bodies):
        waiting.put(item)
    answers: queue.SimpleQueue[Answer | None] = queue.SimpleQueue()
    count = min(workers, len(bodies))

    def work() -> None:
        connection = target.connect(timeout_s)
        try:
            with suppress(queue.Empty):
                while not stop.is_set():
                    number, body = waiting.get_nowait()
                    answers.put(_send(connection, target, number, body, headers or {}))
        finally:
            connection.close()
            answers.put(None)

    for _ in range(count):
        threading.Thread(target=work, name="otelml-predict", daemon=True).start()
    while count:
        answer = answers.get()
        if answer is None:
            count -= 1
        else:
            yield answer


class _UnendingError(OSError):
    """An answer that is too long, or does not come to its end.

    Args:
        reason: Which of the two.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def _content(response: http.client.HTTPResponse, until_s: float) -> bytes:
    """Return the body of an answer.

    Raises:
        _UnendingError: It is longer than one may be, or takes longer.
    """
    content = bytearray()
    while block := response.read1(_BLOCK):
        content += block
        if len(content) > _MOST_ANSWER:
            raise _UnendingError("TooLong")
        if time.perf_counter() > until_s:
            raise _UnendingError("TimeoutError")
    if response.length:
        raise http.client.IncompleteRead(bytes(content), response.length)
    response.close()  # so that the connection takes the next request
    return bytes(content)


def _send(
    connection: http.client.HTTPConnection,
    target: Target,
    number: int,
    body: bytes,
    headers: dict[str, str],
) -> Answer:
    trace_id = secrets.token_hex(16)
    traced = {
        "content-type": "application/json",
        "traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01",
        **headers,
    }
    begun_s = time.perf_counter()
    _drop_if_closed(connection)
    try:
        connection.request("POST", target.path, body, traced)
        response = connection.getresponse()
        content = _content(response, begun_s + (connection.timeout or math.inf))
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        taken_s = time.perf_counter() - begun_s
        reason = error.reason if isinstance(error, _UnendingError) else type(error).__name__
        return Answer(number, trace_id, 0, b"", taken_s, reason)
    taken_s = time.perf_counter() - begun_s
    if response.status >= _BROKEN:  # a server that has failed may close it without saying so
        connection.close()
    found = response.headers.get("X-Prediction-Id", "")
    return Answer(number, trace_id, response.status, content, taken_s, "", found)


def _drop_if_closed(connection: http.client.HTTPConnection) -> None:
    """Close a connection that its server has closed since the last answer; a new one follows."""
    if connection.sock is not None and select.select([connection.sock], [], [], 0)[0]:
        connection.close()
