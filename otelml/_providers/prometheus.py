"""Serving ``/metrics`` beside OTLP."""

from __future__ import annotations

import logging
import os
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from otelml import _guard
from otelml._hosts import is_loopback
from otelml._options import text
from otelml._providers import environment as _environment
from otelml._shown import shown_host
from otelml.exceptions import MissingDependencyError

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricReader

    from otelml.config import MetricOptions

_logger = logging.getLogger("otelml")
_DEFAULT_HOST: Final = "127.0.0.1"
_DEFAULT_PORT: Final = 9464
_STOP_S: Final = 0.6
_NO_TOKEN: Final = "none"  # noqa: S105 - the word for none
_OPEN: Final = (
    "otelml: /metrics on %s, which others can reach, %s: set OTELML_PROMETHEUS_TOKEN to what a "
    "scrape sends as `Authorization: Bearer`, or to `none` where the network keeps strangers out"
)
_MISSED: Final = (
    "each worker of a prefork server counts for itself, and a scrape reaches only the one that "
    "holds the port; export over OTLP to a Collector to have the sum"
)


class PrometheusServer:
    """The reader and, unless the port is 0, the server of one process.

    Args:
        options: Address and port; ``OTEL_EXPORTER_PROMETHEUS_*`` stand in for their defaults.

    Raises:
        ConfigurationError: The port is not valid.
        MissingDependencyError: The extra is not installed.
    """

    def __init__(self, options: MetricOptions) -> None:
        try:
            from otelml._providers.prometheus_reader import PrometheusReader
        except ImportError as error:
            raise MissingDependencyError("/metrics for Prometheus", "prometheus") from error
        self.host, self.port = self.address(options)
        self._token = (options.prometheus_token or "").strip()
        self.reader: MetricReader = PrometheusReader()
        self._server: Any = None
        self._pid = os.getpid()

    @staticmethod
    def address(options: MetricOptions) -> tuple[str, int]:
        """Return the address and the port that the options and the environment say.

        Raises:
            ConfigurationError: The port is not valid.
        """
        host = text("OTEL_EXPORTER_PROMETHEUS_HOST", _DEFAULT_HOST)
        port = _environment.port("OTEL_EXPORTER_PROMETHEUS_PORT", _DEFAULT_PORT)
        chosen_host, chosen_port = options.prometheus_host, options.prometheus_port
        return (
            host if chosen_host == _DEFAULT_HOST else chosen_host,
            port if chosen_port == _DEFAULT_PORT else chosen_port,
        )

    @property
    def endpoint(self) -> str:
        """The URL that is served, or where else the metrics are."""
        if self._server is None:
            return "prometheus_client.REGISTRY"
        return f"http://{self.host}:{self.port}/metrics"

    def start(self) -> None:
        """Listen; where that cannot be, say so and go on."""
        if self.port == 0:
            return
        from otelml._providers.prometheus_server import serve

        local = is_loopback(self.host)
        if not local and not self._token:
            _logger.warning(_OPEN, shown_host(self.host), "is not served")
            return
        if not local:
            _logger.warning(_OPEN, shown_host(self.host), "is served, over plain HTTP")
        token = "" if self._token == _NO_TOKEN else self._token
        try:
            server = serve(self.host, self.port, token, local=local)
        except OSError as error:
            _logger.warning(
                "otelml: /metrics is not served on %s:%d: %s; choose another port with "
                "OTEL_EXPORTER_PROMETHEUS_PORT or MetricOptions(prometheus_port=). If another "
                "worker has it: %s",
                shown_host(self.host),
                self.port,
                error.strerror or error,
                _MISSED,
            )
            return
        self._server = server
        threading.Thread(target=server.serve, name="otelml-prometheus", daemon=True).start()
        self._pid = os.getpid()

    def rename(self) -> None:
        """Say what the resource is now."""
        collector = getattr(self.reader, "_collector", None)
        if collector is not None:
            collector._target_info = None  # noqa: SLF001 - it holds what the resource was

    def after_fork(self) -> None:
        """Let go of the parent's socket, and say what a scrape will miss."""
        server, self._server = self._server, None
        self.rename()
        if server is not None:
            _guard.call("prometheus", server.socket.close)
            _logger.warning(
                "otelml: /metrics on port %d belongs to process %d; what process %d counts is not "
                "in it: %s",
                self.port,
                self._pid,
                os.getpid(),
                _MISSED,
            )

    def stop(self, deadline: float) -> None:
        """Stop listening; haste does not wait for the thread, which ends soon."""
        server, self._server = self._server, None
        if server is not None and deadline - monotonic() > _STOP_S:
            _guard.call("prometheus", server.shutdown)
        if server is not None:
            _guard.call("prometheus", server.server_close)
