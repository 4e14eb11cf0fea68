"""The targets that ``OTEL_*_EXPORTER`` and the OTLP protocol variables ask for."""

from __future__ import annotations

import logging
import sys
import threading
from importlib import import_module
from typing import TYPE_CHECKING, Any

from otelml import _guard, _process
from otelml._providers import environment as _environment
from otelml._providers.delivery import Outcome, Target
from otelml._providers.entry_points import load
from otelml._providers.http import HttpTarget
from otelml._providers.pump import is_exporting
from otelml._shown import scrubbed, shown, shown_url
from otelml.exceptions import ConfigurationError, MissingDependencyError

if TYPE_CHECKING:
    from collections.abc import Callable

_MODULES = {"traces": "trace_exporter", "metrics": "metric_exporter", "logs": "_log_exporter"}
_CLASSES = {
    "traces": "OTLPSpanExporter",
    "metrics": "OTLPMetricExporter",
    "logs": "OTLPLogExporter",
}
_COMPRESSIONS = {"none": "NoCompression", "gzip": "Gzip", "deflate": "Deflate"}
_said = threading.local()


class _Quiet(logging.Filter):
    """Keeps what an exporter says on our threads out of the log: it is counted, and said once."""

    def filter(self, record: logging.LogRecord) -> bool:
        if not is_exporting():
            return True
        _said.text = record.getMessage()
        return False


_QUIET = _Quiet()


class SdkTarget:
    """Any exporter of the SDK's interface.

    Args:
        make: Makes the exporter.
        name: Its name.
        endpoint: Where it sends to.
        timeout_s: Seconds for one payload, by which it does its own retries.
        forks: Whether it can be used in a forked child as it is.
    """

    def __init__(
        self,
        make: Callable[[], Any],
        name: str,
        endpoint: str,
        timeout_s: float,
        *,
        forks: bool = False,
    ) -> None:
        self._make = make
        self._forks = forks
        self.protocol = name
        self.endpoint = endpoint
        self.timeout_s = timeout_s
        self.exporter: Any = make()
        for cls in type(self.exporter).__mro__:
            if cls.__module__.startswith("opentelemetry."):
                filters = logging.getLogger(cls.__module__).filters
                if _QUIET not in filters:
                    # Before the SDK's filter of duplicates, or the second signal's reason is lost.
                    filters.insert(0, _QUIET)

    def encode(self, items: Any) -> Any:
        """Return the items: the exporter encodes them itself."""
        return items

    def renew(self) -> None:
        """Make a new exporter for the next payload."""
        if not self._forks:
            self.exporter = None

    def close(self) -> None:
        """End the exporter's retries."""
        if self.exporter is not None:
            _guard.call(f"exporter {self.protocol}", self.exporter.shutdown)

    def send(self, payload: Any, timeout_s: float) -> Outcome:
        """Let the exporter export; it was told its timeout when it was made."""
        del timeout_s
        _said.text = ""
        name = f"exporter {self.protocol}"
        if self.exporter is None:
            self.exporter = _guard.call(name, self._make)
        if self.exporter is None:
            return Outcome(ok=False, error="the exporter cannot be made", away=True)
        result = _guard.call(name, self.exporter.export, payload)
        if getattr(result, "name", "") == "SUCCESS":
            return Outcome(ok=True)
        error = _said.text or _guard.last_error.get(name, "it failed and did not say why")
        return Outcome(ok=False, error=scrubbed(error), away=True)


def create_target(signal: str, name: str) -> Target:
    """Return the target of one exporter's name.

    Raises:
        ConfigurationError: There is no such exporter, or a variable of it is wrong.
        MissingDependencyError: It needs an extra.
    """
    if name in {"otlp", "otlp_proto_http", "otlp_proto_grpc"}:
        by_name = {"otlp_proto_http": "http/protobuf", "otlp_proto_grpc": "grpc"}
        protocol = by_name.get(name) or _environment.otlp_protocol(signal)
        if protocol == "http/protobuf":
            return HttpTarget(signal, _environment.http_settings(signal))
        return _grpc(signal) if protocol == "grpc" else _json(signal)
    variable = f"OTEL_{signal.upper()}_EXPORTER"
    others = ("none", "otlp", "prometheus") if signal == "metrics" else ("none", "otlp")
    cls = load(f"opentelemetry_{signal}_exporter", name, variable, others)
    if name == "console":
        return SdkTarget(lambda: _console(cls, signal), name, "stdout", 10.0, forks=True)
    return SdkTarget(_made(cls, variable, name), name, name, _environment.otlp_timeout_s(signal))


def _console(cls: Any, signal: str) -> Any:
    # The SDK binds stdout when its module is imported, which may not be the stdout of now.
    out = sys.stdout if _process.owns_stdout() else sys.stderr
    return cls(out=out) if signal in _MODULES else cls()


def _made(cls: Any, variable: str, name: str) -> Callable[[], Any]:
    def make() -> Any:
        try:
            return cls()
        except (TypeError, ValueError, OSError, ImportError, RuntimeError) as error:
            raise ConfigurationError(
                f"{variable} is {shown(name, (name,))}, which cannot be set up: "
                f"{scrubbed(str(error))}"
            ) from None

    return make


def _grpc(signal: str) -> SdkTarget:
    endpoint = _environment.grpc_endpoint(signal)
    timeout_s = _environment.otlp_timeout_s(signal)
    insecure = _environment.otlp_insecure(signal)
    # What is wrong with these would be in the exporter's own log, with what they are set to.
    _environment.otlp_headers(signal)
    _environment.otlp_files(signal)
    compressed = _environment.otlp_compression(signal)
    variable = "OTEL_EXPORTER_OTLP_PROTOCOL"
    try:
        module = import_module(f"opentelemetry.exporter.otlp.proto.grpc.{_MODULES[signal]}")
    except ImportError as error:
        raise MissingDependencyError(f"{variable}=grpc", "grpc") from error
    cls = getattr(module, _CLASSES[signal])
    compression = getattr(import_module("grpc").Compression, _COMPRESSIONS[compressed])
    options = {"endpoint": endpoint, "insecure": insecure, "timeout": timeout_s}
    make = _made(lambda: cls(**options, compression=compression), variable, "grpc")
    return SdkTarget(make, "grpc", shown_url(endpoint), timeout_s)


def _json(signal: str) -> SdkTarget:
    try:
        cls = load(
            f"opentelemetry_{signal}_exporter", "otlp_json_http", "OTEL_EXPORTER_OTLP_PROTOCOL"
        )
    except ConfigurationError as error:
        raise ConfigurationError(
            "OTEL_EXPORTER_OTLP_PROTOCOL is 'http/json', for which no exporter is installed; "
            "use http/protobuf, which every OTLP/HTTP endpoint takes"
        ) from error
    settings = _environment.http_settings(signal)
    make = _made(cls, "OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")
    return SdkTarget(make, "http/json", settings.shown, settings.timeout_s)
