"""A stand-in at Loki's address, which refuses what Loki documents that it refuses.

Loki is under the AGPL and is not run here. Its limits are documented under "limits_config" and its
answers under "HTTP API" and "Request validation and rate limit errors": lines that break a limit are
left out, the rest of the request is kept, and the answer is 400; a rate above the limit is 429.
"""

from __future__ import annotations

import gzip
import re
import threading
import time
import urllib.request
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import yaml
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

CONFIG = Path(__file__).resolve().parents[1] / "loki/config.yaml"
STREAM_FIELDS = "service.name,service.namespace,deployment.environment.name"
_NS = 1_000_000_000
_UNITS = {"s": 1, "m": 60, "h": 3600, "KB": 1 << 10, "MB": 1 << 20}


def configured() -> dict:
    """Return ``limits_config`` of ``loki/config.yaml``, its variables at their defaults."""
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", CONFIG.read_text())
    return yaml.safe_load(text)["limits_config"]


def amount(text: str) -> int:
    """Return seconds or bytes: ``168h``, ``256KB``."""
    number, unit = re.fullmatch(r"(\d+)([a-zA-Z]+)", text).groups()
    return int(number) * _UNITS[unit]


@dataclass
class Limits:
    """What is refused; the defaults are those of ``loki/config.yaml``, or Loki's own.

    Args:
        oldest_s: How old a line may be.
        ahead_s: How far in the future.
        line_bytes: Its length.
        truncate: Whether a longer one is cut, not refused.
        metadata: Attributes of a line that are no labels of its stream.
        labels: Labels of a stream; Loki's default.
        index_labels: Attributes of a resource that become labels.
        rate_bytes: Bytes a second, after a burst of as many again.
    """

    oldest_s: int = amount(configured()["reject_old_samples_max_age"])
    ahead_s: int = amount(configured()["creation_grace_period"])
    line_bytes: int = amount(configured()["max_line_size"])
    truncate: bool = configured()["max_line_size_truncate"]
    metadata: int = configured()["max_structured_metadata_entries_count"]
    labels: int = 15
    index_labels: tuple[str, ...] = tuple(
        configured()["otlp_config"]["resource_attributes"]["attributes_config"][0]["attributes"]
    )
    rate_bytes: int = configured()["ingestion_rate_mb"] << 20

    def refuses(self, labels: int, metadata: int, record) -> str | None:
        """Return why a record is refused, None if it is taken; a line may be cut."""
        now = time.time_ns()
        at = record.time_unix_nano or record.observed_time_unix_nano
        if labels > self.labels:
            return "max_label_names_per_series"
        if at < now - self.oldest_s * _NS:
            return "greater_than_max_sample_age"
        if at > now + self.ahead_s * _NS:
            return "too_far_in_future"
        if metadata > self.metadata:
            return "structured_metadata_too_many"
        if len(record.body.string_value.encode()) > self.line_bytes:
            if not self.truncate:
                return "line_too_long"
            record.body.string_value = record.body.string_value[: self.line_bytes]
        return None


@dataclass
class StandIn:
    """What came and what was answered.

    Args:
        url: Its address.
        limits: What it refuses.
        answers: Statuses of the next requests, before it looks at what they hold.
        statuses: What was answered, how often.
        refused: Lines left out, by reason.
        lines: The lines that were kept.
    """

    url: str = ""
    limits: Limits = field(default_factory=Limits)
    answers: list[int] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    lines: list[str] = field(default_factory=list)
    _allowance: float = 0.0
    _looked_at: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Return the answer to a request, and what of it is kept."""
        with self._lock:
            status, kept = self._take(path, body)
            self.statuses[status] += 1
            return status, kept

    def _take(self, path: str, body: bytes) -> tuple[int, bytes]:
        if path != "/otlp/v1/logs":
            return 404, b""
        if self.answers:
            return self.answers.pop(0), b""
        if self._is_too_much(len(body)):
            return 429, b""
        request = ExportLogsServiceRequest.FromString(body)
        refused = sum(self._keep(resource) for resource in request.resource_logs)
        return (400 if refused else 204), request.SerializeToString()

    def _is_too_much(self, size: int) -> bool:
        now, rate = time.monotonic(), self.limits.rate_bytes
        self._allowance = min(2 * rate, self._allowance + (now - self._looked_at) * rate)
        self._looked_at = now
        if size > self._allowance:
            return True
        self._allowance -= size
        return False

    def _keep(self, resource) -> int:
        """Leave out what is refused; return how much that was."""
        names = [attribute.key for attribute in resource.resource.attributes]
        labels = sum(name in self.limits.index_labels for name in names)
        refused = 0
        for scope in resource.scope_logs:
            kept = []
            for record in scope.log_records:
                metadata = len(names) - labels + len(record.attributes)
                if reason := self.limits.refuses(labels, metadata, record):
                    self.refused[reason] += 1
                    refused += 1
                else:
                    kept.append(record)
            self.lines += [record.body.string_value for record in kept]
            kept_only = type(scope)(log_records=kept)
            del scope.log_records[:]
            scope.log_records.extend(kept_only.log_records)
        return refused


def _pass_on(store: str, body: bytes) -> None:
    headers = {"Content-Type": "application/x-protobuf", "VL-Stream-Fields": STREAM_FIELDS}
    request = urllib.request.Request(
        f"{store}/insert/opentelemetry/v1/logs", body, headers, method="POST"
    )
    urllib.request.urlopen(request, timeout=60).close()


@contextmanager
def stand_in(limits: Limits | None = None, store: str | None = None):
    """Listen where Loki would; yield the `StandIn`.

    Args:
        limits: What it refuses.
        store: Address of a VictoriaLogs which gets what is kept.
    """
    found = StandIn(limits=limits or Limits())
    # Loki, too, begins with its burst.
    found._allowance = 2 * found.limits.rate_bytes

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            status, kept = found.take(self.path, body)
            if kept and store:
                _pass_on(store, kept)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
