"""Whether the OTLP endpoints take telemetry, and whether their clock agrees with ours."""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import urlsplit

import requests

from otelml._providers import (
    SIGNALS,
    exporter_names,
    grpc_endpoint,
    http_settings,
    otlp_protocol,
)
from otelml._shown import cause_of, shown_url
from otelml.cli._finding import Finding
from otelml.exceptions import ConfigurationError

_HTTP_PORT, _GRPC_PORT = 4318, 4317
# The header Date has whole seconds; Loki refuses what is ten minutes ahead.
_SKEW_WARN_S, _SKEW_FAIL_S = 5.0, 600.0
_START = "start a Collector or `otelml view`, or set OTEL_EXPORTER_OTLP_ENDPOINT"
_PROTOBUF = {"content-type": "application/x-protobuf"}


def check_endpoints(timeout_s: float = 5.0) -> Iterator[Finding]:
    """Try the endpoint of each signal with a request that holds nothing.

    Args:
        timeout_s: Seconds that one endpoint may take.
    """
    for signal in SIGNALS:
        yield from _check(signal, timeout_s)


def _check(signal: str, timeout_s: float) -> Iterator[Finding]:
    try:
        if "otlp" not in exporter_names(signal):
            yield Finding(f"{signal} endpoint", "ok", "OTLP export is not configured")
        elif otlp_protocol(signal) == "grpc":
            yield check_grpc(signal, grpc_endpoint(signal), timeout_s)
        else:
            yield from _check_http(signal, timeout_s)
    except ConfigurationError as error:
        yield Finding(f"{signal} endpoint", "fail", str(error), "correct the variable")


def _check_http(signal: str, timeout_s: float) -> Iterator[Finding]:
    settings = http_settings(signal)
    check, endpoint = f"{signal} endpoint", settings.shown
    try:
        response = requests.post(
            settings.endpoint,
            data=b"",  # the encoding of a request without items
            headers={**_PROTOBUF, **settings.headers},
            timeout=timeout_s,
            verify=settings.verify,
            cert=settings.cert,
            allow_redirects=False,
        )
    except requests.exceptions.SSLError as error:
        mend = "set OTEL_EXPORTER_OTLP_CERTIFICATE to the CA, or use http://"
        yield Finding(check, "fail", f"{endpoint}: TLS fails: {cause_of(error)}", mend)
    except requests.ConnectTimeout:
        yield Finding(check, "fail", f"{endpoint}: no answer in {timeout_s:g} s", _START)
    except requests.ConnectionError as error:
        yield _not_http(check, endpoint, error)
    except (requests.RequestException, OSError, ValueError) as error:
        yield Finding(check, "fail", f"{endpoint}: {cause_of(error)}", _START)
    else:
        yield _judge(check, endpoint, response)
        if signal == SIGNALS[0] and "date" in response.headers:
            yield from check_clock(response.headers["date"], time.time())


def _not_http(check: str, endpoint: str, error: requests.ConnectionError) -> Finding:
    cause = cause_of(error)
    if urlsplit(endpoint).port == _GRPC_PORT and "refused" not in cause:
        detail = f"{endpoint}: something listens that is not HTTP; {_GRPC_PORT} is the gRPC port"
        mend = f"use port {_HTTP_PORT}, or set OTEL_EXPORTER_OTLP_PROTOCOL=grpc"
        return Finding(check, "fail", detail, mend)
    return Finding(check, "fail", f"{endpoint}: {cause}", _START)


def _judge(check: str, endpoint: str, response: requests.Response) -> Finding:
    status = response.status_code
    answered = f"{endpoint}: answered {status} {response.reason or ''}".rstrip()
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return Finding(check, "fail", answered, "set OTEL_EXPORTER_OTLP_HEADERS with the token")
    if status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
        return Finding(
            check, "warn", answered, "it accepts OTLP but is overloaded; try again later"
        )
    if status != HTTPStatus.OK:
        mend = "something else listens there; OTLP/HTTP is <host>:4318, without a path"
        return Finding(check, "fail", f"{answered}, which is not OTLP", mend)
    kind = response.headers.get("content-type", "")
    if "html" in kind:
        mend = "something else listens there; OTLP/HTTP is <host>:4318, without a path"
        return Finding(check, "fail", f"{answered} with a web page, which is not OTLP", mend)
    return Finding(check, "ok", f"{endpoint} takes OTLP/HTTP")


def check_clock(date: str, now_s: float) -> Iterator[Finding]:
    """Compare our clock with the one of a response.

    Args:
        date: The header ``Date``.
        now_s: Our time, seconds since the epoch.
    """
    try:
        theirs = parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError):
        return
    skew = now_s - theirs
    detail = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the endpoint's"
    mend = "synchronise the clocks (NTP): data with a wrong time is refused or hard to find"
    if abs(skew) > _SKEW_FAIL_S:
        yield Finding("clock", "fail", detail, mend)
    elif abs(skew) > _SKEW_WARN_S:
        yield Finding("clock", "warn", detail, mend)
    else:
        yield Finding("clock", "ok", f"agrees with the endpoint's within {_SKEW_WARN_S:.0f} s")


def check_grpc(signal: str, endpoint: str, timeout_s: float) -> Finding:
    """Try to open a gRPC channel.

    Args:
        signal: The signal that it is for.
        endpoint: Its URL.
        timeout_s: Seconds that it may take.
    """
    check = f"{signal} endpoint"
    try:
        import grpc

        importlib.import_module("opentelemetry.exporter.otlp.proto.grpc")
    except ImportError:
        mend = "pip install 'otelml[grpc]'"
        return Finding(check, "fail", "OTLP/gRPC is configured but not installed", mend)
    with_scheme = "://" in endpoint
    parts = urlsplit(endpoint if with_scheme else f"//{endpoint}")
    address = f"{parts.hostname}:{parts.port or _GRPC_PORT}"
    endpoint = shown_url(endpoint)
    # Without a scheme the exporter uses TLS, unless it is told not to.
    insecure = os.environ.get("OTEL_EXPORTER_OTLP_INSECURE", "").lower() == "true"
    secure = parts.scheme == "https" if with_scheme else not insecure
    channel = (
        grpc.secure_channel(address, grpc.ssl_channel_credentials())
        if secure
        else grpc.insecure_channel(address)
    )
    try:
        grpc.channel_ready_future(channel).result(timeout=timeout_s)
    except grpc.FutureTimeoutError:
        return Finding(check, "fail", f"{endpoint}: no gRPC server in {timeout_s:g} s", _START)
    finally:
        channel.close()
    return Finding(check, "ok", f"{endpoint} takes gRPC")
