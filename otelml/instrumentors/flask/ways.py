"""Which way an application's requests go: otelml's lane, or contrib's instrumentation.

Contrib serves what the lane does not do: old or both conventions, sqlcommenter, providers that are
not the SDK's, processors that hear of a span's start, and a contrib that is not as known.
"""

from __future__ import annotations

import logging
import os
import re
from typing import Any, Final
from weakref import WeakKeyDictionary

from opentelemetry import metrics, trace
from opentelemetry.instrumentation import _semconv
from opentelemetry.instrumentation import flask as contrib
from opentelemetry.semconv._incubating.metrics.http_metrics import (
    create_http_server_active_requests,
)
from opentelemetry.util import http as util

from otelml import _fast_paths, _guard
from otelml._prediction import current_runtime
from otelml._servers import KEYS, Describer, HttpMeasures, parts_of
from otelml._spans import AutoSpans, create_deferred_spans
from otelml._state import ProcessState
from otelml.instrumentors.flask.lane import Lane

__all__ = ["create_describer", "create_lane", "is_known"]

_logger = logging.getLogger("otelml")
_KNOWN_SINCE: Final = (0, 66)
_SDK: Final = "opentelemetry.sdk."
_SDK_COUNTS: Final = "OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED"
_NOT_READ: Final = "SERVER_NAME"  # what only the old conventions report
_measures: WeakKeyDictionary[Any, HttpMeasures] = WeakKeyDictionary()
_checked: ProcessState[bool] = ProcessState(False)
_SAMPLES: Final[tuple[dict[str, Any], ...]] = (
    {
        "REQUEST_METHOD": "POST", "wsgi.url_scheme": "https", "HTTP_HOST": "a.example:8443",
        "SERVER_NAME": "b", "SERVER_PORT": "80", "RAW_URI": "/p?q=1", "PATH_INFO": "/p",
        "QUERY_STRING": "q=1", "REMOTE_ADDR": "127.0.0.1", "REMOTE_PORT": "5", "REMOTE_HOST": "c",
        "HTTP_USER_AGENT": "curl/8", "SERVER_PROTOCOL": "HTTP/1.1",
    },
    {
        "REQUEST_METHOD": "GET", "wsgi.url_scheme": "http", "RAW_URI": "/m/p?q=1",
        "PATH_INFO": "/p", "QUERY_STRING": "r=2", "HTTP_HOST": "::1", "REMOTE_PORT": "0",
        "SERVER_PORT": "0",
    },
    {
        "REQUEST_METHOD": "brew", "wsgi.url_scheme": "http", "HTTP_HOST": "[::1]:1", "REQUEST_URI":
        "/", "PATH_INFO": "/", "HTTP_USER_AGENT": "Googlebot/2.1", "SERVER_PROTOCOL": "HTTP/2",
    },
    {"SERVER_NAME": "b", "SERVER_PORT": "81"},
)  # fmt: skip


def create_lane(options: dict[str, Any]) -> Lane | None:
    """Return the lane of one application; None where contrib must serve it.

    Args:
        options: Those of contrib's ``instrument_app``.
    """
    reason, lane = _find(options)
    if lane is None:
        _logger.debug("otelml: contrib makes the server spans of this application: %s", reason)
    return lane


def _find(options: dict[str, Any]) -> tuple[str, Lane | None]:
    if current_runtime() is None:
        return "otelml is not running", None
    if _fast_paths.is_off(_fast_paths.SERVERS):
        return "its own lane is off", None
    if not is_known():
        return "an older contrib, which measures otherwise", None
    mode = _mode()
    if mode is not _semconv._StabilityMode.HTTP:  # noqa: SLF001 - there is no public way  # pyright: ignore[reportPrivateUsage]
        return "other conventions than the stable ones", None
    if options.get("enable_commenter"):
        return "sqlcommenter", None
    if os.environ.get(_SDK_COUNTS, "").lower() == "true":
        return "the SDK counts spans", None
    schema_url: str = _semconv._get_schema_url(mode)  # noqa: SLF001 - as above  # pyright: ignore[reportPrivateUsage]
    spans = _spans(options, schema_url)
    if spans is None or not spans.choose().deferred:
        return "its spans cannot be deferred", None
    describer = create_describer()
    if not _is_as_known(describer, mode):
        return "contrib is not as known", None
    measures = _measures_of(options, schema_url, describer)
    if measures is None:
        return "measurements are not the SDK's", None
    return "", Lane(spans, measures, describer, options)


def is_known() -> bool:
    """Whether contrib is one that the lane was compared with, or newer."""
    found = re.match(r"(\d+)\.(\d+)", contrib.__version__)
    return found is not None and (int(found[1]), int(found[2])) >= _KNOWN_SINCE


def create_describer() -> Describer:
    """Return what makes attributes, by the functions of contrib; older ones know no agents."""
    return Describer(
        util.sanitize_method,
        getattr(util, "normalize_user_agent", _as_it_is),
        getattr(util, "detect_synthetic_user_agent", _nothing),
    )


def _as_it_is(agent: Any) -> Any:
    return agent


def _nothing(_agent: str) -> None:
    """Know no synthetic agent."""


def _mode() -> Any:
    stability: Any = _semconv._OpenTelemetrySemanticConventionStability  # noqa: SLF001 - as above  # pyright: ignore[reportPrivateUsage]
    http = _semconv._OpenTelemetryStabilitySignalType.HTTP  # noqa: SLF001 - as above  # pyright: ignore[reportPrivateUsage]
    stability._initialize()  # noqa: SLF001 - as above
    return stability._get_opentelemetry_stability_opt_in_mode(http)  # noqa: SLF001 - as above


def _spans(options: dict[str, Any], schema_url: str) -> AutoSpans | None:
    provider = options.get("tracer_provider") or trace.get_tracer_provider()
    if not type(provider).__module__.startswith(_SDK):
        return None  # one of the application's own may do with spans what it likes
    return create_deferred_spans(provider, contrib.__name__, contrib.__version__, schema_url)


def _measures_of(
    options: dict[str, Any], schema_url: str, describer: Describer
) -> HttpMeasures | None:
    provider = options.get("meter_provider") or metrics.get_meter_provider()
    if not type(provider).__module__.startswith(_SDK):
        return None
    found = _measures.get(provider)
    if found is None:
        meter = provider.get_meter(contrib.__name__, contrib.__version__, schema_url=schema_url)
        durations = meter.create_histogram(
            name=contrib.HTTP_SERVER_REQUEST_DURATION,
            unit="s",
            description="Duration of HTTP server requests.",
            explicit_bucket_boundaries_advisory=contrib.HTTP_DURATION_HISTOGRAM_BUCKETS_NEW,
        )
        active = create_http_server_active_requests(meter)
        found = _measures[provider] = HttpMeasures(meter, durations, active, describer)
    return found


class _Read(dict[str, Any]):
    """An ``environ`` that remembers what was asked of it."""

    def __init__(self, given: dict[str, Any]) -> None:
        super().__init__(given)
        self.asked: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        """Return a value, and remember its key."""
        self.asked.add(key)
        return super().get(key, default)

    def __getitem__(self, key: str) -> Any:
        self.asked.add(key)
        return super().__getitem__(key)


def _is_as_known(describer: Describer, mode: Any) -> bool:
    """Whether contrib makes of a request what the lane makes; asked once a process."""
    if not _checked.value:
        same = _guard.quietly(_makes_the_same, describer, mode, default=False)
        if not same:
            _fast_paths.turn_off(_fast_paths.SERVERS, "contrib makes other attributes of a request")
        _checked.value = True
    return not _fast_paths.is_off(_fast_paths.SERVERS)


def _makes_the_same(describer: Describer, mode: Any) -> bool:
    for sample in _SAMPLES:
        environ = _Read(sample)
        made = contrib.otel_wsgi.collect_request_attributes(environ, mode)
        if not environ.asked <= KEYS | {_NOT_READ}:
            return False
        if list(made.items()) != list(describer.attributes(parts_of(sample), None).items()):
            return False
    return True
