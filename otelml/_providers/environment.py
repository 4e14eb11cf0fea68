"""Reading ``OTEL_*`` variables by the specification, with an error that names a bad value."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import SplitResult, unquote, urlsplit

from otelml import _options
from otelml._options import from_environment, text
from otelml._providers.batch import BatchSettings
from otelml._providers.entry_points import load
from otelml._providers.http import HttpSettings
from otelml._shown import shown, shown_path, shown_url
from otelml.exceptions import ConfigurationError

SIGNALS: Final = ("traces", "metrics", "logs")
_OTLP: Final = "OTEL_EXPORTER_OTLP_"
_PROTOCOLS: Final = ("http/protobuf", "grpc")
_JSON: Final = "http/json"
_CREDENTIALS: Final = "OTEL_PYTHON_EXPORTER_OTLP_HTTP_{}CREDENTIAL_PROVIDER"
# Larger than the SDK's 2,048: one prediction is four spans, and the worker hands over bursts.
_QUEUE_SIZE: Final = 8192
_HIGHEST_PORT: Final = 65_535
_BATCH_SIZE: Final = 512
_DELAY_MS: Final = 1000.0
_METRIC_INTERVAL_MS: Final = 15_000.0
_FIELD: Final = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_CONTENT: Final = re.compile(r"([!-~\xa0-\xff]([\t -~\xa0-\xff]*[!-~\xa0-\xff])?)?")


def one_of(name: str, choices: Sequence[str], default: str) -> str:
    """Return a variable that has few values, in lower case.

    Raises:
        ConfigurationError: It has another one.
    """
    given = from_environment(name)
    return default if given is None else _options.one_of(given, choices)


def number(name: str, default: float, low: float = 0.0, high: float = float("inf")) -> float:
    """Return a variable that is a number.

    Raises:
        ConfigurationError: It is not a number, or out of bounds.
    """
    given = from_environment(name)
    return default if given is None else _options.number(given, low, high)


def whole(name: str, default: int, low: int = 1) -> int:
    """Return a variable that is a whole number.

    Raises:
        ConfigurationError: It is not a whole number, or too small.
    """
    given = from_environment(name)
    return default if given is None else _options.whole(given, low)


def port(name: str, default: int) -> int:
    """Return a variable that is a port; 0 is one too.

    Raises:
        ConfigurationError: It is none.
    """
    value = whole(name, default, 0)
    if value > _HIGHEST_PORT:
        raise _options.Given(name, value, "").wrong(f"from 0 to {_HIGHEST_PORT}")
    return value


def is_disabled() -> bool:
    """Whether ``OTEL_SDK_DISABLED`` is true.

    Raises:
        ConfigurationError: It is neither true nor false.
    """
    return flag("OTEL_SDK_DISABLED") is True


def flag(name: str) -> bool | None:
    """Return a variable of OpenTelemetry that is true or false; None where it is not set.

    Only ``true`` is true in the specification. What would read as true and is not is an error.

    Raises:
        ConfigurationError: It is neither.
    """
    given = from_environment(name)
    if given is None:
        return None
    if _options.boolean(given) and given.value.lower() != "true":
        raise given.wrong("true or false")
    return _options.boolean(given)


def exporter_names(signal: str) -> tuple[str, ...]:
    """Return the names in ``OTEL_<SIGNAL>_EXPORTER``; ``otlp`` by default."""
    listed = text(f"OTEL_{signal.upper()}_EXPORTER", "otlp").split(",")
    names = dict.fromkeys(name.strip().lower() for name in listed if name.strip())
    return tuple(name for name in names if name != "none")


def batch_settings(signal: str) -> BatchSettings:
    """Return what ``OTEL_BSP_*`` or ``OTEL_BLRP_*`` say.

    Raises:
        ConfigurationError: A value is wrong.
    """
    prefix = "OTEL_BSP_" if signal == "traces" else "OTEL_BLRP_"
    queue_size = whole(f"{prefix}MAX_QUEUE_SIZE", _QUEUE_SIZE)
    name = f"{prefix}MAX_EXPORT_BATCH_SIZE"
    batch_size = whole(name, min(_BATCH_SIZE, queue_size))
    if batch_size > queue_size:
        raise ConfigurationError(
            f"{name} is {shown(batch_size)}; it must be at most {prefix}MAX_QUEUE_SIZE, which is "
            f"{shown(queue_size)}"
        )
    delay_ms = number(f"{prefix}SCHEDULE_DELAY", _DELAY_MS)
    return BatchSettings(queue_size, batch_size, delay_ms / 1e3)


def metric_interval_s() -> float:
    """Return the seconds between two exports of metrics.

    Raises:
        ConfigurationError: The value is wrong.
    """
    return number("OTEL_METRIC_EXPORT_INTERVAL", _METRIC_INTERVAL_MS, low=1) / 1e3


def _otlp(signal: str, key: str, default: str = "") -> tuple[str, str]:
    """Return a variable of one signal, else that of all, and the name it was found under."""
    own = f"{_OTLP}{signal.upper()}_{key}"
    return (text(own), own) if text(own) else (text(_OTLP + key, default), _OTLP + key)


def otlp_protocol(signal: str) -> str:
    """Return the OTLP protocol of a signal.

    Raises:
        ConfigurationError: There is no such protocol.
    """
    value, name = _otlp(signal, "PROTOCOL")
    # Nobody is sent to a protocol that needs an exporter which we do not bring.
    known = (*_PROTOCOLS, _JSON) if value.lower() == _JSON else _PROTOCOLS
    return one_of(name, known, "http/protobuf")


def grpc_endpoint(signal: str) -> str:
    """Return the endpoint for gRPC, which needs no scheme.

    Raises:
        ConfigurationError: It is none, or holds a user or a query, which gRPC has no use for and
            would show in its errors.
    """
    endpoint, name = _otlp(signal, "ENDPOINT", "http://localhost:4317")
    parts = _split(endpoint if "://" in endpoint else f"//{endpoint}")
    if parts is None or not parts.hostname:
        raise ConfigurationError(
            f"{name} is {shown_url(endpoint)}; it must be host:port or a URL, its port valid"
        )
    if "@" in endpoint or parts.query or parts.fragment:
        raise ConfigurationError(
            f"{name} is {shown_url(endpoint)} with a user or a query, which gRPC cannot have; use "
            f"{_OTLP}HEADERS"
        )
    return endpoint


def otlp_endpoint(signal: str) -> str:
    """Return the URL as it is set for a signal or for all, without a path of its own.

    Raises:
        ConfigurationError: It is no URL.
    """
    endpoint, name = _otlp(signal, "ENDPOINT", "http://localhost:4318")
    parts = _split(endpoint)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigurationError(
            f"{name} is {shown_url(endpoint)}; it must be a URL such as http://localhost:4318, its "
            "port valid"
        )
    return endpoint


def _split(url: str) -> SplitResult | None:
    """Return the parts of a URL; None where its host or port is none. The error would repeat it."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def otlp_timeout_s(signal: str) -> float:
    """Return the seconds that one payload may take, all attempts included.

    The specification counts milliseconds and the Python SDK seconds; 1,000 and more are
    milliseconds here, so that a value written for either does what its author meant.

    Raises:
        ConfigurationError: The value is wrong.
    """
    _, name = _otlp(signal, "TIMEOUT")
    value = number(name, 10.0, low=0.001)
    return value / 1e3 if value >= 1000 else value  # noqa: PLR2004 - said above


def otlp_compression(signal: str) -> str:
    """Return how the payloads of a signal are compressed.

    Raises:
        ConfigurationError: There is no such way.
    """
    _, name = _otlp(signal, "COMPRESSION")
    return one_of(name, ("none", "gzip", "deflate"), "none")


def otlp_insecure(signal: str) -> bool | None:
    """Return whether gRPC does without TLS where the endpoint has no scheme; None if not said.

    Raises:
        ConfigurationError: It is neither true nor false.
    """
    return flag(_otlp(signal, "INSECURE")[1])


def http_settings(signal: str) -> HttpSettings:
    """Return how the OTLP/HTTP endpoint of a signal is reached.

    Raises:
        ConfigurationError: A value is wrong.
    """
    endpoint = otlp_endpoint(signal)
    if not text(f"{_OTLP}{signal.upper()}_ENDPOINT"):
        endpoint = f"{endpoint.rstrip('/')}/v1/{signal}"
    certificate, client, key = otlp_files(signal)
    return HttpSettings(
        endpoint=endpoint,
        headers=otlp_headers(signal),
        timeout_s=otlp_timeout_s(signal),
        compression=otlp_compression(signal),
        verify=certificate or True,
        cert=(client, key) if client and key else client or None,
        session=_session(signal),
        shown=shown_url(endpoint),
    )


def otlp_files(signal: str) -> tuple[str, str, str]:
    """Return the files of the CA, of the client's certificate and of its key; empty if not said.

    Raises:
        ConfigurationError: One cannot be read.
    """
    names = ("CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY")
    authority, client, key = (_file(*_otlp(signal, name)) for name in names)
    return authority, client, key


def _file(path: str, name: str) -> str:
    if path and not os.access(path, os.R_OK):
        raise ConfigurationError(f"{name} is {shown_path(path)}; that file cannot be read")
    return path


def otlp_headers(signal: str) -> dict[str, str]:
    """Return the headers of each request of a signal, their names in lower case.

    Raises:
        ConfigurationError: They are malformed, or hold what no header can.
    """
    value, name = _otlp(signal, "HEADERS")
    headers: dict[str, str] = {}
    for number, pair in enumerate(filter(None, (part.strip() for part in value.split(","))), 1):
        key, equals, item = pair.partition("=")
        if not equals or not key.strip():
            # Any of it may be a secret, or the rest of one that has a comma in it.
            raise ConfigurationError(
                f"entry {number} of {name} is malformed; it must be key=value,key=value"
            )
        field, content = unquote(key.strip()).lower(), unquote(item.strip())
        if not _FIELD.fullmatch(field) or not _CONTENT.fullmatch(content):
            # The client would say so only with the first request, and repeat it.
            raise ConfigurationError(
                f"entry {number} of {name} is malformed; a header's name has letters, digits and "
                "dashes, its value no line break and only Latin letters"
            )
        headers[field] = content
    return headers


def _session(signal: str) -> Any:
    names = (_CREDENTIALS.format(""), _CREDENTIALS.format(f"{signal.upper()}_"))
    name = next((name for name in names if text(name)), None)
    if name is None:
        return None
    return load("opentelemetry_otlp_credential_provider", text(name), name)


def check_metrics() -> Mapping[str, str]:
    """Return the variables of metrics that have few values.

    Raises:
        ConfigurationError: One has another value.
    """
    name = "OTEL_EXPORTER_OTLP_METRICS_"
    return {
        "exemplars": one_of(
            "OTEL_METRICS_EXEMPLAR_FILTER",
            ("trace_based", "always_on", "always_off"),
            "trace_based",
        ),
        "temporality": one_of(
            f"{name}TEMPORALITY_PREFERENCE", ("cumulative", "delta", "lowmemory"), "cumulative"
        ),
        "histograms": one_of(
            f"{name}DEFAULT_HISTOGRAM_AGGREGATION",
            ("explicit_bucket_histogram", "base2_exponential_bucket_histogram"),
            "explicit_bucket_histogram",
        ),
    }
