"""OTLP over HTTP: one attempt at a time, so that deadlines hold and every answer is understood.

The SDK's exporters keep their retries to themselves: they cannot be told a deadline, do not say
why they failed, and take no notice of items that the endpoint rejected.
"""

from __future__ import annotations

import gzip
import traceback
import zlib
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from otelml import _process
from otelml._providers.client import await_client, load_client
from otelml._providers.delivery import Outcome
from otelml._shown import cause_of, shown_url

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

_RETRY = {
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}
_AWAY = {
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED,
}
_GRPC_PORT = 4317
_GRPC_HINT = "; port 4317 is usually for gRPC, 4318 for OTLP/HTTP"
_BODY_LIMIT = 64 * 1024
_COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, 6),
    "deflate": zlib.compress,
    "none": lambda data: data,
}


@dataclass(frozen=True)
class HttpSettings:
    """How an endpoint is reached.

    Args:
        endpoint: The full URL.
        headers: Headers of each request.
        timeout_s: Seconds for one payload, all attempts included.
        compression: ``none``, ``gzip`` or ``deflate``.
        verify: Path of the CA certificates, or True for the system's.
        cert: Paths of the client certificate and, where it is apart, its key.
        session: Makes the session; for credential providers.
        shown: The URL as logs and status show it; made from it where empty.
    """

    endpoint: str = field(repr=False)
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    timeout_s: float = 10.0
    compression: str = "none"
    verify: str | bool = True
    cert: str | tuple[str, str] | None = None
    session: Callable[[], requests.Session] | None = field(default=None, repr=False)
    shown: str = ""


class HttpTarget:
    """An OTLP/HTTP endpoint for one signal.

    Args:
        signal: ``traces``, ``metrics`` or ``logs``.
        settings: How it is reached.
    """

    protocol = "http/protobuf"

    def __init__(self, signal: str, settings: HttpSettings) -> None:
        self.endpoint = settings.shown or shown_url(settings.endpoint)
        self.timeout_s = settings.timeout_s
        self._settings = settings
        self._headers = {"content-type": "application/x-protobuf", **settings.headers}
        if settings.compression != "none":
            self._headers.setdefault("content-encoding", settings.compression)
        self._compress = _COMPRESS[settings.compression]
        self.message, self._response, self._rejected = _messages(signal)
        self.takes_encoded = signal != "metrics"
        self._session: requests.Session | None = None
        if not _process.is_early.value:
            load_client()

    def encode(self, items: Any) -> bytes:
        """Return the request's body."""
        return self._compress(self.message(items))

    def renew(self) -> None:
        """Make a new session for the next request; the old one's sockets are the parent's."""
        self._session = None

    def close(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def send(self, payload: bytes, timeout_s: float) -> Outcome:
        """Make one attempt; a connection that went stale while idle is tried anew at once."""
        await_client()
        import requests

        started = monotonic()
        fresh = self._session is None
        try:
            try:
                return self._post(payload, timeout_s)
            except requests.ConnectionError as error:
                left = timeout_s - (monotonic() - started)
                if fresh or isinstance(error, requests.ConnectTimeout) or left <= 0:
                    raise
                self.close()
                _let_go(error)
                return self._post(payload, left)
        except requests.Timeout as error:
            _let_go(error)
            waited = monotonic() - started
            text = f"no answer within {waited:.1f} s"
            return Outcome(ok=False, error=text, retry=True, away=True)
        except requests.ConnectionError as error:
            hint = _GRPC_HINT if urlsplit(self._settings.endpoint).port == _GRPC_PORT else ""
            cause = cause_of(error)
            _let_go(error)
            return Outcome(ok=False, error=cause + hint, retry=True, away=True)
        except (requests.RequestException, OSError, ValueError) as error:
            return Outcome(ok=False, error=cause_of(error), away=True)

    def _post(self, payload: bytes, timeout_s: float) -> Outcome:
        session = self._session
        if session is None:
            session = self._session = self._open()
        end = monotonic() + timeout_s
        with session.post(
            self._settings.endpoint,
            data=payload,
            headers=self._headers,
            timeout=timeout_s,
            # Of the request, not of the session: REQUESTS_CA_BUNDLE comes before the session's.
            verify=self._settings.verify,
            cert=self._settings.cert,
            allow_redirects=False,
            stream=True,
        ) as response:
            body = b""
            for chunk in response.iter_content(4096):
                body += chunk
                if len(body) > _BODY_LIMIT or monotonic() > end:
                    response.close()
                    break
            return self._judge(response, body)

    def _open(self) -> requests.Session:
        import requests

        settings = self._settings
        return settings.session() if settings.session else requests.Session()

    def _judge(self, response: requests.Response, body: bytes) -> Outcome:
        status = response.status_code
        content_type = response.headers.get("content-type", "")
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            if content_type.startswith("text/html"):
                error = f"it answers {status} with a web page; it is not an OTLP endpoint"
                return Outcome(ok=False, error=error, away=True)
            return self._accepted(body)
        error = f"HTTP {status} {response.reason or ''}".rstrip()
        if status in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}:
            error += "; is it an OTLP/HTTP endpoint?"
        if status in _RETRY:
            wait = _retry_after_s(response.headers.get("retry-after"))
            return Outcome(ok=False, error=error, retry=True, wait_s=wait)
        return Outcome(ok=False, error=error, away=status in _AWAY)

    def _accepted(self, body: bytes) -> Outcome:
        from google.protobuf.message import DecodeError

        response = self._response()
        try:
            response.ParseFromString(body)
        except DecodeError:
            return Outcome(ok=True)  # a lenient endpoint: 2xx is what counts
        partial = response.partial_success
        rejected = int(getattr(partial, self._rejected))
        return Outcome(ok=True, rejected=max(rejected, 0), error=partial.error_message)


def _messages(signal: str) -> tuple[Callable[[Any], bytes], Any, str]:
    """Return the encoder, the response's class and its field of rejected items."""
    if signal == "traces":
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
            ExportTraceServiceResponse,
        )

        from otelml._providers.encode import encode_spans_fast

        return encode_spans_fast, ExportTraceServiceResponse, "rejected_spans"
    if signal == "metrics":
        from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
        from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
            ExportMetricsServiceResponse,
        )

        return _serialized(encode_metrics), ExportMetricsServiceResponse, "rejected_data_points"
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

    from otelml._providers.encode_logs import encode_logs_fast

    return encode_logs_fast, ExportLogsServiceResponse, "rejected_log_records"


def _serialized(encode: Callable[[Any], Any]) -> Callable[[Any], bytes]:
    def message(items: Any) -> bytes:
        data: bytes = encode(items).SerializePartialToString()
        return data

    return message


def _retry_after_s(value: str | None) -> float | None:
    """Return the seconds that a Retry-After header asks for, be it a number or a date."""
    if value is None:
        return None
    try:
        return max(float(int(value.strip())), 0.0)
    except ValueError:
        pass
    try:
        when = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    when = when if when.tzinfo else when.replace(tzinfo=timezone.utc)
    return max((when - datetime.now(timezone.utc)).total_seconds(), 0.0)


def _let_go(error: BaseException) -> None:
    """End the cycles that hold a failed connection's pool: urllib3 keeps errors in its frames.

    Else the pool lives until the next collection. Where gevent's last greenlets end by then, its
    queue cannot be emptied any more, and Python prints so.
    """
    seen: set[int] = set()
    left: list[object] = [error]
    while left:
        one = left.pop()
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        traceback.clear_frames(one.__traceback__)
        # urllib3's reason is an error, that of ssl a text
        left += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
